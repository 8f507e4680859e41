"""The table of deadlines."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from proxy.server.deadlines import Phase, overdue, sweep_every
from proxy.server.limits import Limits

LIMITS = Limits(
    head_s=10, body_s=30, body_pace=1000, body_grace_s=5, body_floor=10, write_s=60, keepalive_s=75, linger_s=2
)


@pytest.mark.parametrize(
    ("phase", "allowed_s"),
    [(Phase.FRESH, 10), (Phase.HEAD, 10), (Phase.IDLE, 75), (Phase.WRITE, 60), (Phase.LEAVING, 2)],
)
def test_each_phase_has_its_own_time(phase: Phase, allowed_s: float) -> None:
    assert not overdue(phase, allowed_s, 0, LIMITS)
    assert overdue(phase, allowed_s + 0.1, 0, LIMITS)


def test_a_walk_at_work_has_no_deadline_here() -> None:
    assert not overdue(Phase.WORK, 1e9, 0, LIMITS)


def test_a_body_below_the_minimum_rate_is_slow_after_the_grace() -> None:
    assert not overdue(Phase.BODY, 5, 0, LIMITS)
    assert overdue(Phase.BODY, 5.1, 50, LIMITS)
    assert not overdue(Phase.BODY, 5.1, 60, LIMITS)


def test_what_arrives_buys_a_body_more_time_but_not_for_ever() -> None:
    assert overdue(Phase.BODY, 30.1, 0, LIMITS)
    assert not overdue(Phase.BODY, 35, 6000, LIMITS)
    assert overdue(Phase.BODY, 37, 6000, LIMITS)


def test_the_sweep_is_finer_than_the_shortest_deadline() -> None:
    assert sweep_every(Limits()) == 1.0
    assert sweep_every(Limits(head_s=0.4)) == pytest.approx(0.1)


@pytest.mark.parametrize(
    "bad",
    [
        partial(Limits, head_s=0),
        partial(Limits, in_flight=0),
        partial(Limits, body_bytes=0),
        partial(Limits, write_s=-1),
    ],
)
def test_limits_under_which_nothing_could_be_served_are_refused(bad: Callable[[], Limits]) -> None:
    with pytest.raises(ValueError, match="listener"):
        bad()
