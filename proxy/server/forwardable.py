"""Which of a caller's headers may go on to an upstream: an allow-list, never a block-list."""

from __future__ import annotations

from collections.abc import Iterable

_ALLOWED = frozenset({b"accept", b"content-type", b"user-agent"})
_ALLOWED_PREFIX = b"anthropic-"

# Not even configuration lets these through: credentials of the caller, what RFC 9110 7.6.1 reserves for one connection,
# our own framing, and what carries names of people or projects.
_NEVER = frozenset(
    {
        b"api-key",
        b"authorization",
        b"baggage",
        b"connection",
        b"content-encoding",
        b"content-length",
        b"cookie",
        b"expect",
        b"host",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"set-cookie",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"x-api-key",
        b"x-goog-api-key",
    }
)
_NEVER_PREFIX = b"x-tally-"


def forwardable(
    raw: Iterable[tuple[bytes, bytes]], extra: frozenset[str], connection: str | None
) -> list[tuple[bytes, bytes]]:
    """The headers of ``raw`` that may go on, lower-case names in the order of arrival.

    ``extra`` are configured names in lower case; ``connection`` is the Connection header, whose options name further
    fields that end here.
    """
    allowed = _ALLOWED.union([name.encode() for name in extra]) - _NEVER if extra else _ALLOWED
    named = _options(connection) if connection else ()
    kept = []
    for given, value in raw:
        name = given.lower()
        if name not in allowed and not name.startswith(_ALLOWED_PREFIX):
            continue
        if name.startswith(_NEVER_PREFIX) or name in named:
            continue
        kept.append((name, value))
    return kept


def _options(connection: str) -> frozenset[bytes]:
    return frozenset(option.strip().lower().encode(errors="replace") for option in connection.split(","))
