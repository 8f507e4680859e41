"""The shape of ``jwt:`` in the directory: an identity provider whose tokens open the door beside virtual keys."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, model_validator

from proxy.config.base_url import base_url
from proxy.config.directory_names import Name
from proxy.config.masking import shown
from proxy.config.quantities import as_text, duration_s
from proxy.config.shape import Misfit, Shape

_LONGEST = 512
_SHORTEST_REFRESH_S = 1.0


def _text(value: object) -> str:
    text = as_text(value, "text")
    if not text or len(text) > _LONGEST or not text.isprintable():
        raise ValueError(f"{shown(text)} is not usable; write 1 to {_LONGEST} printable characters")
    return text


def _issuer(value: object) -> str:
    """The issuer as its tokens write it: a final slash belongs to it (Auth0's have one, Keycloak's have none)."""
    text = _text(value)
    if "://" in text:
        base_url(text)
    return text


def _audience(value: object) -> object:
    if value == []:
        raise ValueError("wants a name at least; a token that is meant for anybody would open the door")
    return [value] if isinstance(value, str) else value


def _jwks(value: object) -> str:
    """A URL, or the path of a file (``./jwks.json``, ``file:jwks.json``)."""
    text = as_text(value, "a URL such as https://id.example/keys, or the path of a file")
    if "://" not in text:
        path = text.removeprefix("file:")
        if not path or not path.isprintable():
            raise ValueError(f"{shown(text)} is neither an https:// URL nor the path of a file")
        return path
    address, has_query, query = text.partition("?")
    base_url(address)
    if not query.isascii() or not query.isprintable() or " " in query or "#" in query or (has_query and not query):
        raise ValueError(f"{shown(text)} is not a URL with a valid query")
    if not _is_private_to_the_wire(address):
        raise ValueError(f"{shown(text)} is not https://; whoever could change its answer could sign for anybody")
    return text


def _is_private_to_the_wire(url: str) -> bool:
    """https, or a place that no network lies before."""
    parts = urlsplit(url)
    if parts.scheme == "https":
        return True
    try:
        return ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return parts.hostname == "localhost"


def _refresh(value: object) -> float:
    seconds = duration_s(value)
    if seconds < _SHORTEST_REFRESH_S:
        raise ValueError(f"wants {_SHORTEST_REFRESH_S:g}s or more")
    return seconds


Text = Annotated[str, BeforeValidator(_text)]


class JwtShape(Shape):
    """An identity provider."""

    issuer: Annotated[str, BeforeValidator(_issuer)]
    audience: Annotated[tuple[Text, ...], BeforeValidator(_audience)]
    jwks: Annotated[str, BeforeValidator(_jwks)]
    claims: dict[Literal["user", "team", "project", "groups", "service"], Text] = Field(default_factory=dict)
    teams: dict[Text, Name] = Field(default_factory=dict)
    groups: dict[Text, Name] = Field(default_factory=dict)
    refresh: Annotated[float, BeforeValidator(_refresh)] = 3600.0
    ca_file: Text | None = None

    @property
    def at_url(self) -> bool:
        """Whether the key set is fetched."""
        return "://" in self.jwks

    @model_validator(mode="after")
    def _only_a_url_is_fetched(self) -> JwtShape:
        for name in ("refresh", "ca_file"):
            if name in self.model_fields_set and not self.at_url:
                raise Misfit((name,), "is of no use: a file is read again whenever it changes", key=True)
        return self
