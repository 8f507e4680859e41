"""What an attempt says of its upstream: whether it stood or failed, and how long it wants to be left alone. Pure."""

from __future__ import annotations

from proxy.domain.errors import Busy, CallError, UpstreamFailed, UpstreamTimedOut
from proxy.domain.upstream import Upstream
from proxy.ports import Answer

MOST_S = 3600.0  # of a Retry-After that is believed
_SERVER_ERROR = 500
_MISTAKEN = frozenset({"upstream_misconfigured"})  # ours, not the upstream's: no pause makes it better


def failed(upstream: Upstream, answer: Answer) -> bool:
    """Whether the answer is one for which another upstream should be asked (``failover_on``)."""
    return answer.status in upstream.failover_on


def goes_on(error: BaseException) -> bool:
    """Whether another upstream may do better after this: nobody answered, or not whole, or with an error that is listed."""
    return isinstance(error, UpstreamFailed | UpstreamTimedOut | Busy)


def verdict(upstream: Upstream, answer: Answer | None, error: BaseException | None) -> bool | None:
    """Whether the upstream stood; None where that cannot be told: the caller left first, or it was never asked."""
    if isinstance(error, UpstreamFailed | UpstreamTimedOut):
        return None if isinstance(error, CallError) and error.code in _MISTAKEN else False
    if answer is None:
        return None
    return not failed(upstream, answer) and answer.status < _SERVER_ERROR


def retry_after_s(answer: Answer | None) -> float | None:
    """How long an answer asks to be left alone (RFC 9110, 10.2.3; milliseconds as OpenAI sends them); dates are not read."""
    if answer is None or answer.status < 400:  # noqa: PLR2004 - HTTP's own border
        return None
    for name, value in answer.headers:
        if name in (b"retry-after", b"retry-after-ms") and value.isdigit():
            return min(int(value) / (1000 if name.endswith(b"-ms") else 1), MOST_S)
    return None
