"""The address of an upstream. It comes from the configuration only; nothing a caller sends can change host or scheme."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

from proxy.config.masking import shown
from proxy.config.quantities import as_text

_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,252})")
_PATH = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@%/-]*")
_METADATA_HOSTS = {"metadata.google.internal", "metadata"}
_METADATA_ADDRESSES = {ipaddress.ip_address("fd00:ec2::254"), ipaddress.ip_address("100.100.100.200")}


def base_url(value: object) -> str:
    """Check a URL as the provider's SDK takes it; returned without a final slash. Raises ``ValueError``.

    Link-local addresses are refused: they are where clouds keep the machine's own credentials.
    """
    text = as_text(value, "a URL such as https://api.openai.com/v1")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError(f"{shown(text)} is not a URL") from None
    if parts.scheme not in {"http", "https"}:
        raise ValueError(f"{shown(text)} is not an http:// or https:// URL")
    if "@" in parts.netloc:
        raise ValueError("credentials do not belong into a URL; use key: env:NAME")
    if "#" in text:
        raise ValueError(f"{shown(text)} has a fragment, which no server ever sees")
    if "?" in text:
        raise ValueError(f"{shown(text)} has a query; write it under query:")
    if not _is_host(host) or port == 0 or not _PATH.fullmatch(parts.path) or "/../" in parts.path + "/":
        raise ValueError(f"{shown(text)} is not a URL with a valid host, port and path")
    if _is_metadata(host):
        raise ValueError(f"{shown(host)} is a link-local or metadata address, not a model endpoint")
    return text.rstrip("/")


def is_clear_text(url: str) -> bool:
    """Tell whether a key sent there would cross a network in the clear: http, and neither loopback nor private."""
    parts = urlsplit(url)
    address = _address(parts.hostname or "")
    if address is not None:
        return parts.scheme == "http" and not address.is_private
    return parts.scheme == "http" and "." in (parts.hostname or "") and not str(parts.hostname).endswith(".internal")


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _is_host(host: str) -> bool:
    return _address(host) is not None or (bool(_HOST.fullmatch(host)) and ".." not in host)


def _is_metadata(host: str) -> bool:
    address = _address(host)
    if address is None:
        return host.lower().rstrip(".") in _METADATA_HOSTS
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return address.is_link_local or address.is_unspecified or address.is_multicast or address in _METADATA_ADDRESSES
