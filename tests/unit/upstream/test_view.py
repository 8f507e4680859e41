"""What one worker says of its upstreams, and what all of them say together."""

from __future__ import annotations

import msgspec

from proxy.domain.upstream import BreakerRule, Queue, Upstream
from proxy.domain.verdict import STOOD, Reason, Verdict
from proxy.server.upstreams import document
from proxy.upstream.breaker import State
from proxy.upstream.desk import Share
from proxy.upstream.permits import UpstreamPermits
from proxy.upstream.view import WorkerView, first_byte_p50_ms, merged, view_of

BROKEN = Verdict(good=False, reason=Reason.STATUS, told="status 500")
UPSTREAM = Upstream(
    "a", "openai", "https://a.example", queue=Queue(5, 3), breaker=BreakerRule(failures=2, open_s=10), weight=2
)


class Hand:
    """A clock that a test moves."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def worker(slot: int, *verdicts: Verdict, clock: Hand | None = None) -> WorkerView:
    """A worker's view after calls that took 20 ms each; one more is under way."""
    clock = clock or Hand()
    permits = UpstreamPermits(clock, Share(slot, 2))
    for verdict in (*verdicts, None):
        if (permit := permits.take([UPSTREAM])) is None:
            break
        clock.now += 0.02
        if verdict is not None:
            permit.answered(verdict)
            permit.ended(verdict)
    return WorkerView(tuple(view_of(desk, clock.now) for desk in permits.desks()))


def test_a_view_tells_how_an_upstream_does() -> None:
    (view,) = worker(0, STOOD, BROKEN).upstreams
    assert (view.state, view.failures_in_a_row, view.failures, view.asked) == (State.CLOSED, 1, 1, 3)
    assert (view.in_flight, view.parallel, view.queue_max) == (1, 3, 2)
    assert (view.last_failure, view.last_failure_age_s) == ("status 500", 0.0)
    assert first_byte_p50_ms(view) == 20


def test_workers_add_up_and_the_worst_of_them_gives_the_state() -> None:
    clock = Hand()
    broken = worker(1, BROKEN, BROKEN, clock=clock)
    (both,) = merged([worker(0, BROKEN, STOOD), broken]).upstreams
    assert (both.state, both.retry_in_s, both.failures_in_a_row) == (State.OPEN, 10, 2)
    assert (both.in_flight, both.parallel, both.queue_max, both.asked, both.failures) == (1, 5, 3, 5, 3)
    assert len(both.first_byte_ms) == 4


def test_before_the_first_call_there_is_nothing_to_tell() -> None:
    permits = UpstreamPermits(Hand())
    permits.retain([UPSTREAM])
    (view,) = (view_of(desk, 100.0) for desk in permits.desks())
    assert (view.last_failure, view.last_failure_age_s, first_byte_p50_ms(view)) == (None, None, None)
    assert merged([]) == WorkerView(())


def test_the_page_leaves_out_who_gave_no_word_and_says_so() -> None:
    said = msgspec.json.encode(worker(0, STOOD)).decode()
    page = document([said, None, '{"half'])
    assert (page["workers"], page["silent"]) == (3, 2)
    assert isinstance(page["upstreams"], list)
    assert (page["upstreams"][0]["name"], page["upstreams"][0]["first_byte_p50_ms"]) == ("a", 20)
