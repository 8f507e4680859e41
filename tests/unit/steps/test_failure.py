"""What an answer, or none, says of its upstream, and what callers are told of it."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.domain.errors import (
    Busy,
    CallError,
    ClientGone,
    PassedOver,
    QuotaSpent,
    Unavailable,
    UpstreamFailed,
    UpstreamTimedOut,
)
from proxy.domain.upstream import Upstream
from proxy.domain.verdict import Reason
from proxy.ports import Headers
from proxy.steps.failure import MOST_S, as_told, goes_on, retry_after_s, verdict

UPSTREAM = Upstream("a", "openai", "https://a.example")
NOON = b"Mon, 23 Nov 2026 12:00:00 GMT"


class Answered:
    """An answer, as far as its head goes."""

    coding = b""

    def __init__(self, status: int = 503, *headers: tuple[bytes, bytes]) -> None:
        self.status = status
        self.headers: Headers = headers

    async def read(self) -> bytes:
        return b""

    async def piece(self) -> bytes:
        return b""

    def arrived(self, most: int) -> bytes:
        return b""[:most]

    def close(self) -> None: ...


@pytest.mark.parametrize(
    ("status", "good", "reason"),
    [
        (200, True, None),
        (301, True, None),
        (400, True, None),  # the caller's matter
        (401, True, None),  # the operator's: a pause gives no better key
        (404, True, None),
        (429, False, Reason.THROTTLED),
        (500, False, Reason.STATUS),
        (503, False, Reason.STATUS),
        (504, False, Reason.STATUS),  # not listed for failover by default, and a failure all the same
        (529, False, Reason.STATUS),
    ],
)
def test_a_status_says_whether_the_upstream_stands(status: int, good: bool, reason: Reason | None) -> None:  # noqa: FBT001 - a parameter of the table above
    found = verdict(UPSTREAM, Answered(status), None)
    assert (found.good, found.reason) == (good, reason)


def test_a_429_that_is_not_listed_is_the_callers_matter() -> None:
    upstream = Upstream("a", "openai", "https://a.example", failover_on=frozenset({401, 500}))
    assert verdict(upstream, Answered(429), None).good is True
    assert verdict(upstream, Answered(401), PassedOver("a", 401, None)).good is True


@pytest.mark.parametrize(
    ("error", "good", "reason"),
    [
        (UpstreamFailed("x"), False, Reason.CONNECTION),
        (UpstreamTimedOut("x"), False, Reason.TIMEOUT),
        (UpstreamFailed("x", code="upstream_misconfigured"), None, None),
        (UpstreamFailed("x", code="upstream_address_refused"), None, None),
        (Busy("x"), None, None),
        (ClientGone(), None, None),
        (asyncio.CancelledError(), None, None),
        (QuotaSpent("x"), None, None),
        (KeyError("a bug"), None, None),
    ],
)
def test_an_end_without_an_answer_says_what_was_seen(
    error: BaseException,
    good: bool | None,  # noqa: FBT001 - as above
    reason: Reason | None,
) -> None:
    found = verdict(UPSTREAM, None, error)
    assert (found.good, found.reason) == (good, reason)


def test_a_caller_who_leaves_in_the_middle_says_nothing_and_a_break_in_the_middle_does() -> None:
    assert verdict(UPSTREAM, Answered(200), ClientGone()).good is None
    assert verdict(UPSTREAM, Answered(200), UpstreamFailed("broke off")).good is False
    assert verdict(UPSTREAM, Answered(503), ClientGone()).good is False


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ([], None),
        ([(b"retry-after", b"7")], 7),
        ([(b"retry-after", b"0.25")], 0.25),
        ([(b"retry-after-ms", b"1500"), (b"retry-after", b"2")], 1.5),
        ([(b"retry-after", b"999999999")], MOST_S),
        ([(b"retry-after", b"Mon, 23 Nov 2026 12:00:30 GMT"), (b"date", NOON)], 30),
        ([(b"retry-after", b"Mon, 23 Nov 2026 11:00:00 GMT"), (b"date", NOON)], 0),
        ([(b"retry-after", NOON)], None),  # whose clock?
        ([(b"retry-after", b"-5")], None),
        ([(b"retry-after", b"soon")], None),
        ([(b"retry-after", "\u0667".encode())], None),
    ],
)
def test_retry_after_is_read_in_every_form(headers: list[tuple[bytes, bytes]], seconds: float | None) -> None:
    assert retry_after_s(Answered(503, *headers)) == seconds


@given(st.binary(), st.binary(), st.binary())
def test_no_header_breaks_the_reading(after: bytes, after_ms: bytes, date: bytes) -> None:
    found = retry_after_s(Answered(503, (b"retry-after", after), (b"retry-after-ms", after_ms), (b"date", date)))
    assert found is None or 0 <= found <= MOST_S


@given(st.sampled_from([b"Mon, 23 Nov %d 12:00:00 %s"]), st.integers(0, 99999), st.binary(max_size=8))
def test_no_date_breaks_the_reading(form: bytes, year: int, zone: bytes) -> None:
    retry_after_s(Answered(503, (b"retry-after", form % (year, zone)), (b"date", NOON)))


@pytest.mark.parametrize(("status", "told", "kind"), [(429, 429, "throttled"), (503, 503, "unavailable"), (529, 503, "unavailable"), (500, 502, "upstream")])  # fmt: skip
def test_what_was_passed_over_in_vain_is_told_with_its_status_and_its_wish(status: int, told: int, kind: str) -> None:
    error = as_told(PassedOver("a", status, 12))
    assert (error.status, error.kind, error.retry, error.retry_after_s) == (told, kind, True, 12)
    assert str(status) in error.message


def test_only_what_an_upstream_did_leads_to_another_one() -> None:
    on: list[CallError] = [UpstreamFailed("x"), UpstreamTimedOut("x"), Busy("x"), PassedOver("a", 503, None)]
    assert all(map(goes_on, on))
    assert not any(map(goes_on, (QuotaSpent("x"), Unavailable("draining"), CallError("a bug"))))
