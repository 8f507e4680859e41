"""Requests in files: ``{tenant, headers, path?, body}``, or a body alone, as the walk would send them on."""

from __future__ import annotations

from typing import Any

from proxy.dedup.cache_control import caller_wishes
from proxy.dedup.comparing import Asked
from proxy.dedup.envelope import Sent
from proxy.dialects.address import parse
from proxy.dialects.routes import find
from proxy.domain.errors import CallError
from proxy.server.forwardable import forwardable

CHAT = "/v1/chat/completions"
_MEMBERS = frozenset({"tenant", "headers", "path", "body"})


def is_envelope(document: dict[str, Any]) -> bool:
    """Whether this is an envelope, and not a body alone."""
    return type(document.get("body")) is dict and document.keys() <= _MEMBERS


def asked_of(document: dict[str, Any], path: str = "") -> Asked:
    """Read an envelope or a body. ``path`` is where it goes, if it does not say so. Raises ``ValueError``."""
    if not is_envelope(document):
        document = {"body": document}
    body, headers = document["body"], document.get("headers") or {}
    tenant, path = document.get("tenant", ""), document.get("path") or path or usual_path(body)
    if type(tenant) is not str or type(path) is not str:
        raise ValueError("'tenant' and 'path' must be texts")
    if type(headers) is not dict or not all(type(value) is str for value in headers.values()):
        raise ValueError("'headers' must be an object of texts")
    named = {name.lower(): value for name, value in headers.items()}
    raw = [(name.encode(errors="replace"), value.encode(errors="replace")) for name, value in named.items()]
    kept = forwardable(raw, frozenset(), named.get("connection"))
    return Asked(tenant, _sent(path, kept, body), _refusal(named.get("cache-control")))


def _refusal(cache_control: str | None) -> str:
    wishes = caller_wishes(cache_control)
    return "no-store" if wishes.no_store else "no-cache" if wishes.no_cache else ""


def usual_path(body: dict[str, Any]) -> str:
    """The path that a body is probably sent to, by its members."""
    if "contents" in body:
        return f"/v1beta/models/{body.get('model', 'model')}:generateContent"
    if "input" in body or "instructions" in body:
        return "/v1/responses"
    return "/v1/messages" if "system" in body else CHAT


def _sent(path: str, headers: list[tuple[bytes, bytes]], body: dict[str, Any]) -> Sent:
    """Raises ``ValueError`` for a path that nothing is served at."""
    try:
        address = parse(path)
        match = find("POST", address.path)
    except CallError as error:
        raise ValueError(error.message) from None
    if match is None:
        raise ValueError(f"nothing is served at {path!r}")
    target = f"{address.path}?{address.query}" if address.query else address.path
    return Sent(match.endpoint.api, target, headers, body)
