"""Errors that only a listener knows, beside the tree of ``domain.errors``: the head of a request is at fault.

After each of them the connection ends: where a request's end is in doubt, the next one's beginning is too.
"""

from __future__ import annotations

from proxy.domain.errors import BadRequest, SlowBody


class Malformed(BadRequest):
    """Not HTTP/1.1, or framed in a way that two parsers could read differently."""

    default_code = "malformed_request"


class BadTarget(BadRequest):
    """The request target is none that we route on."""

    default_code = "bad_target"


class UpgradeRefused(BadRequest):
    """WebSocket and other protocols are not served here.

    RFC 9110 15.5.22: 426 says so and names the protocol that is. Codex asks for a WebSocket first; told 426 it asks again
    over HTTP at once, told 404, 405 or 501 after seven seconds, told 400 never.
    """

    status, default_code = 426, "upgrade_refused"


class MethodRefused(BadRequest):
    """CONNECT, TRACE and methods that no API of ours has."""

    status, default_code = 405, "method_not_allowed"


class ExpectationRefused(BadRequest):
    """RFC 9110 10.1.1: an expectation other than ``100-continue`` may be answered with 417."""

    status, default_code = 417, "expectation_failed"


class HeadTooLarge(BadRequest):
    """RFC 6585 5: a line, or all header fields together, are larger than the listener takes."""

    status, default_code = 431, "head_too_large"


class SlowHead(SlowBody):
    """The head did not arrive in time."""
