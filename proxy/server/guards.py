"""What is refused on sight of a request's head, before anybody reads a key or a body.

Pure functions over the head that aiohttp's C parser (llhttp) has accepted. That parser already refuses bare CR and LF,
spaces around names, obsolete folds, duplicate singletons, sizes that are no number, long lines and too many headers;
here stands only what it lets through. Nothing that comes from the caller is repeated in an error.
"""

from __future__ import annotations

import re

from aiohttp import hdrs
from aiohttp.http import HttpVersion10, HttpVersion11, RawRequestMessage
from aiohttp.http_parser import HttpRequestParser

from proxy.domain.errors import CallError, Encoded, TooLarge
from proxy.server.limits import Limits
from proxy.server.refusals import BadTarget, ExpectationRefused, Malformed, MethodRefused, UpgradeRefused

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

# What nearly every path looks like: segments that begin with no dot, and no escapes. It saves the search below.
_PLAIN_PATH = re.compile(r"(?:/[A-Za-z0-9_~:@-][A-Za-z0-9_.~:@-]*)+")

# One pass finds every path that some other component might read differently: empty and dot segments, also when a later
# decoder would make them (%2e, %2f, %5c), control characters plain or escaped, broken escapes, and what RFC 3986 3.3 has
# no place for in a path.
_SEPARATOR = r"(?:/|%2f|%5c)"
_BAD_PATH = re.compile(
    rf"{_SEPARATOR}{{2}}|{_SEPARATOR}(?:\.|%2e){{1,2}}(?:;|{_SEPARATOR}|\Z)|%(?![0-9a-f]{{2}})|%[01][0-9a-f]|%7f"
    r"|[^\x21-\x7e]|[\\#<>\"^`{|}]",
    re.IGNORECASE,
)
_BAD_QUERY = re.compile(r"[^\x21-\x7e]|#")
_HOST = re.compile(r"[A-Za-z0-9.\-_~%!$&'()*+,;=:\[\]]*")  # RFC 3986 3.2.2 and 3.2.3, coarsely


def assert_c_parser() -> None:
    """Raise ``RuntimeError`` unless aiohttp parses with llhttp: its Python parser accepts what these guards rely on."""
    if HttpRequestParser.__module__ != "aiohttp._http_parser":
        raise RuntimeError(
            "aiohttp runs without its C parser, which is not safe in front of callers. Unset AIOHTTP_NO_EXTENSIONS, or "
            "install a binary wheel of aiohttp for this Python."
        )


def refusal(head: RawRequestMessage, limits: Limits) -> CallError | None:
    """The first reason to refuse this head, or None."""
    return _framing(head) or _target(head.path) or _rest(head, limits)


def declared_length(head: RawRequestMessage) -> int | None:
    """The body's length as declared, None for a chunked one. The parser has checked that it is a number."""
    if head.chunked:
        return None
    return int(head.headers.get(hdrs.CONTENT_LENGTH, 0))


def expects_continue(head: RawRequestMessage) -> bool:
    """RFC 9110 10.1.1: the expectation of an HTTP/1.0 client is ignored."""
    return hdrs.EXPECT in head.headers and head.version != HttpVersion10


def _framing(head: RawRequestMessage) -> CallError | None:
    version = head.version
    if version not in (HttpVersion11, HttpVersion10):
        return Malformed("Only HTTP/1.1 and HTTP/1.0 are spoken here.")
    coding = head.headers.get(hdrs.TRANSFER_ENCODING)
    if coding is None:
        return None
    # RFC 9112 6.1: a server ought to treat it as an error, for it "might indicate an attempt to perform request smuggling".
    if hdrs.CONTENT_LENGTH in head.headers:
        return Malformed("A request must not carry both Content-Length and Transfer-Encoding.")
    if version == HttpVersion10:
        return Malformed("Transfer-Encoding needs HTTP/1.1.")
    if not head.chunked or coding.lower() != "chunked":
        return Malformed("The only transfer coding accepted is 'chunked'.")
    return None


def _target(raw_path: str) -> CallError | None:
    if _PLAIN_PATH.fullmatch(raw_path):
        return None
    path, _, query = raw_path.partition("?")
    if not path.startswith("/"):
        return BadTarget("The request target must be a path such as /v1/…; absolute and authority forms are refused.")
    if _BAD_PATH.search(path):
        return BadTarget("The path has an empty or dot segment, a character or an escape that is not allowed there.")
    if query and _BAD_QUERY.search(query):
        return BadTarget("The query has a character that must be percent-encoded, or a fragment.")
    return None


def _rest(head: RawRequestMessage, limits: Limits) -> CallError | None:
    headers = head.headers
    if head.method not in METHODS:
        return MethodRefused("This method is not allowed here.")
    # RFC 9110 7.8: "A server MAY ignore a received Upgrade header field". Java's own client offers h2c with every first
    # request: that offer is ignored (and the connection ended after the answer); anything else was meant.
    if head.upgrade and headers.get(hdrs.UPGRADE, "").lower() != "h2c":
        return UpgradeRefused(
            "WebSocket sessions (OpenAI Realtime, Gemini Live) and other upgrades are not served: nothing meters them yet. "
            "Use plain HTTP requests and event streams, such as /v1/responses or :streamGenerateContent."
        )
    if not _HOST.fullmatch(headers.get(hdrs.HOST, "")):
        return Malformed("The Host header is not valid.")
    expect = headers.get(hdrs.EXPECT)
    if expect is not None and expect.lower() != "100-continue" and head.version != HttpVersion10:
        return ExpectationRefused("The only expectation supported is '100-continue'.")
    coding = headers.get(hdrs.CONTENT_ENCODING)
    if coding is not None and coding.lower() not in ("identity", ""):
        return Encoded("Send the body uncompressed: a Content-Encoding cannot be checked as it is.")
    if (declared_length(head) or 0) > limits.most_bytes:
        return too_large(limits.most_bytes)
    return None


def too_large(most: int) -> TooLarge:
    """The error for a body above the limit; the limit is named, so that a developer knows what would fit."""
    return TooLarge(f"The request body is larger than {most} bytes, the limit of this proxy.")
