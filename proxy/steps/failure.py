"""What an attempt says of its upstream, and what its caller is told where nobody else could be asked. Pure."""

from __future__ import annotations

import re
from datetime import datetime
from email.utils import parsedate_to_datetime

from proxy.domain.errors import (
    Busy,
    CallError,
    CapExceeded,
    Forbidden,
    PassedOver,
    QuotaSpent,
    Throttled,
    Unavailable,
    UpstreamFailed,
    UpstreamTimedOut,
)
from proxy.domain.upstream import Upstream
from proxy.domain.verdict import STOOD, UNSEEN, Reason, Verdict
from proxy.ports import Answer

MOST_S = 3600.0  # of a Retry-After that is repeated to callers
_ERROR, _SERVER_ERROR, _THROTTLED = 400, 500, 429
_OVERLOADED = frozenset({503, 529})
_MISTAKEN = frozenset({"upstream_misconfigured", "upstream_address_refused"})  # ours: no pause makes it better
_SECONDS = re.compile(rb"[0-9]{1,9}(?:\.[0-9]{0,9})?")


def failed(upstream: Upstream, answer: Answer) -> bool:
    """Whether the answer is one for which another upstream should be asked (``failover_on``)."""
    return answer.status in upstream.failover_on


def goes_on(error: CallError) -> bool:
    """Whether another upstream may do better after this: nobody answered, or not whole, or with an error that is listed."""
    return isinstance(error, UpstreamFailed | UpstreamTimedOut | Busy)


def is_refusal(error: CallError) -> bool:
    """Whether we refused this upstream to this call: its price or its cost here, which may be another elsewhere."""
    return isinstance(error, Forbidden | CapExceeded | QuotaSpent | Throttled)


def verdict(upstream: Upstream, answer: Answer | None, error: BaseException | None) -> Verdict:
    """How the upstream did. Its 4xx are its callers' or its operator's matter, but for a 429 for which others are asked."""
    if error is None and answer is not None and answer.status < _ERROR:
        return STOOD
    if isinstance(error, UpstreamTimedOut):
        return Verdict(good=False, reason=Reason.TIMEOUT, told=error.message)
    if isinstance(error, UpstreamFailed) and not isinstance(error, PassedOver):
        return UNSEEN if error.code in _MISTAKEN else Verdict(good=False, reason=Reason.CONNECTION, told=error.message)
    if answer is None:
        return UNSEEN
    status = answer.status
    if status >= _SERVER_ERROR:
        return Verdict(False, Reason.STATUS, f"status {status}", retry_after_s(answer))
    if status == _THROTTLED and failed(upstream, answer):
        return Verdict(False, Reason.THROTTLED, f"status {status}", retry_after_s(answer))
    return STOOD if error is None or status >= _ERROR else UNSEEN


def retry_after_s(answer: Answer) -> float | None:
    """How long an answer asks to be left alone: seconds or a date (RFC 9110, 10.2.3), or OpenAI's milliseconds."""
    found = dict(answer.headers)
    if _SECONDS.fullmatch(said := found.get(b"retry-after-ms", b"")):
        return min(float(said) / 1000, MOST_S)
    said = found.get(b"retry-after", b"")
    if _SECONDS.fullmatch(said):
        return min(float(said), MOST_S)
    at, until = _date(found.get(b"date")), _date(said)  # by the upstream's own clock, whatever ours says
    return None if at is None or until is None else max(0.0, min((until - at).total_seconds(), MOST_S))


def as_told(error: CallError) -> CallError:
    """What a caller reads of an answer that was passed over in vain: the status it had, where ours mean the same."""
    if not isinstance(error, PassedOver):
        return error
    text = f"{error.message} Nobody else could be asked instead."
    if error.upstream_status == _THROTTLED:
        return Throttled(text, param="requests", retry_after_s=error.retry_after_s)
    if error.upstream_status in _OVERLOADED:
        return Unavailable(text, retry_after_s=error.retry_after_s)
    return UpstreamFailed(text, retry_after_s=error.retry_after_s)


def _date(said: bytes | None) -> datetime | None:
    try:
        found = parsedate_to_datetime((said or b"").decode("latin-1"))
    except ValueError:
        return None
    return found if found.tzinfo else None
