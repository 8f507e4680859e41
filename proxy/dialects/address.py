"""The address of a call: attribution prefix, path, and a query without keys.

``/p/{project}[@{ref}]/…`` in front of any path attributes the call, so that any SDK can do it by its base URL alone.
Routing works on the raw path, which is why nothing here decodes it but the ref.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import unquote

import msgspec

from proxy.domain.errors import BadRequest

_PREFIX = re.compile(r"/p/(?P<project>[a-z0-9-]{1,64})(?:@(?P<ref>[A-Za-z0-9._%-]{1,128}))?(?P<rest>/.*)?")
_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_TAG = re.compile(r"[A-Za-z0-9._-]{1,64}=[A-Za-z0-9._:@/ -]{0,128}")
MAX_TAGS = 16
LONGEST_REF = 128


class Address(msgspec.Struct, frozen=True):
    """Where a call wants to go. ``key`` is a credential found in the query (``?key=``); it is in no other member."""

    path: str
    query: str = ""
    key: str | None = None
    project: str | None = None
    ref: str | None = None

    def __repr__(self) -> str:
        """Without the query, which may hold anything."""
        return f"Address({self.path!r}, project={self.project!r}, ref={self.ref!r})"


def parse(raw_path: str) -> Address:
    """Split a raw path. Raises ``BadRequest`` when an attribution prefix is malformed."""
    path, _, query = raw_path.partition("?")
    key = None
    if query:
        key, query = _without_key(query)
    if not path.startswith("/p/"):
        return Address(path, query, key)
    found = _PREFIX.fullmatch(path)
    ref = found["ref"] if found else None
    if found is None or (ref is not None and _ESCAPE.search(ref)):
        raise BadRequest(
            "The path prefix must be /p/{project} or /p/{project}@{ref}: project of a-z, 0-9 and '-', "
            "ref of letters, digits, '.', '_', '-' and '%2F' for a slash.",
            code="invalid_attribution",
        )
    return Address(found["rest"] or "/", query, key, found["project"], reference(unquote(ref)) if ref else None)


def reference(text: str) -> str:
    """``text`` if it can name a ticket or branch: it stands in headers, rows and logs. Raises ``BadRequest``."""
    if len(text) > LONGEST_REF or " " in text or not text.isprintable():
        raise BadRequest(
            f"A ref is at most {LONGEST_REF} printable characters without spaces.", code="invalid_attribution"
        )
    return text


def _without_key(query: str) -> tuple[str | None, str]:
    """Take ``key=`` out of a query: it is the caller's credential, never the upstream's business."""
    key, rest = None, []
    for part in query.split("&"):
        if part.startswith("key="):
            key = unquote(part[4:])
        elif part:
            rest.append(part)
    return key, "&".join(rest)


def credential(header: Callable[[str], str | None], address: Address) -> str | None:
    """The virtual key, from whichever place the caller's SDK puts it."""
    bearer = header("authorization")
    if bearer is not None:
        scheme, _, token = bearer.partition(" ")
        if scheme.lower() == "bearer" and token:
            return token.strip()
    return header("x-api-key") or header("api-key") or header("x-goog-api-key") or address.key


def tags(text: str | None) -> tuple[tuple[str, str], ...]:
    """``purpose=review,suite=nightly`` as pairs, sorted. Raises ``BadRequest`` naming the rule, not the text."""
    if not text:
        return ()
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if len(parts) > MAX_TAGS or not all(map(_TAG.fullmatch, parts)):
        raise BadRequest(
            f"x-tally-tags takes at most {MAX_TAGS} name=value pairs, separated by commas.", code="invalid_tags"
        )
    return tuple(sorted((name, value) for name, _, value in (part.partition("=") for part in parts)))
