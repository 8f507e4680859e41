"""Takes a token of an identity provider apart, strictly, before anybody believes a word of it.

RFC 7515 (JWS, compact form) and RFC 8725 (best current practices). What could be read in two ways is refused, so that
there is one token for one signature: duplicate members, spare bits at the end of base64url, extensions nobody here knows.
"""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import jiter
import msgspec

ALGORITHMS = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
)  # never none, never HS…: their "key" would be public
MAX_BYTES = 16 << 10
LONGEST_KID = 512
_PARTS = 3
# RFC 8725, 3.11: a logout token or a security event is signed by the same keys, and is nobody's credential.
_TYPES = frozenset({"jwt", "at+jwt", "application/jwt", "application/at+jwt"})


class BadToken(Exception):
    """The token cannot be believed. The reason is for tests and debuggers: a caller is never told which it was."""


class Token(msgspec.Struct, frozen=True):
    """A token in its parts, none of them verified. ``signed`` is what ``signature`` must be of."""

    alg: str
    kid: str | None
    claims: dict[str, Any]
    signed: bytes
    signature: bytes

    def __repr__(self) -> str:
        """Without claims and signature: a token is a credential."""
        return f"Token(alg={self.alg!r})"


def is_token(credential: str) -> bool:
    """Tell a token from a virtual key by its form, three parts with dots between; keys have no dots."""
    return credential.count(".") == _PARTS - 1


def read(text: str) -> Token:
    """Take a token apart. Raises ``BadToken`` for what is too long, malformed or signed in a way that is not accepted.

    No URL or key that a header may hold (``jku``, ``x5u``, ``jwk``, ``x5c``) is looked at: keys come from the directory's
    key set alone.
    """
    if len(text) > MAX_BYTES or not text.isascii():
        raise BadToken("size")
    parts = text.split(".")
    if len(parts) != _PARTS:
        raise BadToken("parts")
    header, claims = _members(parts[0]), _members(parts[1])
    alg, kid, kind = header.get("alg"), header.get("kid"), header.get("typ")
    if not isinstance(alg, str) or alg not in ALGORITHMS:
        raise BadToken("algorithm")
    if "crit" in header or header.get("b64") is False:  # RFC 7515, 4.1.11: what is critical must be understood
        raise BadToken("crit")
    if kid is not None and (not isinstance(kid, str) or len(kid) > LONGEST_KID):
        raise BadToken("kid")
    if kind is not None and (not isinstance(kind, str) or kind.lower() not in _TYPES):
        raise BadToken("typ")
    return Token(alg, kid, claims, f"{parts[0]}.{parts[1]}".encode(), _decoded(parts[2]))


def decoded(part: str) -> bytes:
    """The bytes of base64url without padding. Raises ``ValueError`` for any other spelling of the same bytes."""
    raw = urlsafe_b64decode(part + "=" * (-len(part) % 4))
    if urlsafe_b64encode(raw).rstrip(b"=") != part.encode():  # spare bits, foreign characters that were skipped
        raise ValueError("not canonical base64url")
    return raw


def _decoded(part: str) -> bytes:
    try:
        return decoded(part)
    except (ValueError, binascii.Error):
        raise BadToken("base64url") from None


def _members(part: str) -> dict[str, Any]:
    raw = _decoded(part)
    try:
        found = jiter.from_json(raw, catch_duplicate_keys=True, allow_inf_nan=False)
    except ValueError:
        raise BadToken("json") from None
    if not isinstance(found, dict):
        raise BadToken("json")
    return found
