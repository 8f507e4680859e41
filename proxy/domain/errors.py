"""One tree of errors: each knows its HTTP status, a stable code and whether the same call may be tried again.

The caller's dialect writes them the way its SDK reads them (the refusals table of the design, section 6). A message says
what to do next and which rule spoke; it never holds a key, a prompt or text of an answer.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec


class PolicyNote(msgspec.Struct, frozen=True, omit_defaults=True):
    """The ``policy`` member of a refusal's body. Amounts are written as people read them ("$100.00")."""

    rule: str
    decision: str
    limit: str | None = None
    used: str | None = None
    resets_at: str | None = None
    owner: str | None = None


class CallError(Exception):
    """Anything that ends a call early. ``kind`` is the row of the refusals table."""

    status: ClassVar[int] = 500
    kind: ClassVar[str] = "internal"
    retry: ClassVar[bool] = False
    default_code: ClassVar[str] = "proxy_error"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        retry_after_s: float | None = None,
        policy: PolicyNote | None = None,
    ) -> None:
        """Keep what a dialect needs to write the error; ``param`` names the offending member of the request."""
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.param = param
        self.retry_after_s = retry_after_s
        self.policy = policy


class BadRequest(CallError):
    """The request cannot be understood."""

    status, kind, default_code = 400, "bad_request", "invalid_request"


class Unauthenticated(CallError):
    """No key, an unknown key or an expired one: one message and one time class for all."""

    status, kind, default_code = 401, "unauthenticated", "invalid_api_key"


class CapExceeded(CallError):
    """The request asks for more than a rule lets through, or lacks what one requires."""

    status, kind, default_code = 400, "cap", "context_length_exceeded"


class ContentRefused(CallError):
    """A content rule spoke."""

    status, kind, default_code = 400, "content", "content_policy_violation"


class Forbidden(CallError):
    """The policy does not allow it, or the model has no price."""

    status, kind, default_code = 403, "forbidden", "policy_denied"


class NotFound(CallError):
    """Unknown path or model."""

    status, kind, default_code = 404, "not_found", "not_found"


class SlowBody(CallError):
    """The body did not arrive in time."""

    status, kind, default_code = 408, "slow_body", "request_timeout"


class TooLarge(CallError):
    """The body is larger than the listener takes."""

    status, kind, default_code = 413, "too_large", "request_too_large"


class Encoded(CallError):
    """The body is compressed; it could not be checked as it is."""

    status, kind, default_code = 415, "encoded", "unsupported_encoding"


class Throttled(CallError):
    """A rate or the number of parallel calls is used up; a short wait helps (at most 60 s)."""

    status, kind, retry, default_code = 429, "throttled", True, "rate_limit_exceeded"


class QuotaSpent(CallError):
    """A budget is spent, or the wait would be long: trying again is useless."""

    status, kind, default_code = 429, "quota", "insufficient_quota"


class UpstreamFailed(CallError):
    """The upstream could not be reached, broke off or broke the protocol."""

    status, kind, retry, default_code = 502, "upstream", True, "upstream_error"


class UpstreamTimedOut(CallError):
    """The upstream did not answer in time."""

    status, kind, retry, default_code = 504, "upstream_timeout", True, "upstream_timeout"


class NotCached(CallError):
    """The caller wants a stored answer or none (RFC 9111, 5.2.1.7), and none may be given."""

    status, kind, default_code = 504, "not_cached", "not_cached"


class Unavailable(CallError):
    """We cannot serve now: overload, draining, or a store that must be there is away."""

    status, kind, retry, default_code = 503, "unavailable", True, "unavailable"


class Busy(Unavailable):
    """An upstream has no room for another call now, or is left alone for a while; another one may have."""


class PassedOver(UpstreamFailed):
    """The upstream answered with an error, and another one is to be asked instead; callers do not see this."""

    default_code = "passed_over"

    def __init__(self, upstream: str, upstream_status: int, retry_after_s: float | None) -> None:
        """What its caller is told of it if nobody else can be asked after all."""
        super().__init__(f"Upstream {upstream} answered with status {upstream_status}.", retry_after_s=retry_after_s)
        self.upstream_status = upstream_status


class ClientGone(Exception):
    """The caller closed the connection; there is nobody left to answer."""


class StoreAway(Exception):
    """The store did not answer in time, or at all."""
