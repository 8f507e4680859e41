"""On a virtual clock a rate is an exact token bucket: the same calls pass, and waits are to the microsecond."""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxy.domain.meter import Held, HoldState
from proxy.stores.virtual import Move, Settling, Taking, VirtualMeters
from tests.support.meters import ORG, a_hold, charge, rate

START_US = 1_795_435_200_000_000
# One engine serves all examples of a test: each begins by forgetting.
ON_ONE_ENGINE = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


class Bucket:
    """Tokens that come back one by one, at most ``burst``; settling may leave it owing some."""

    def __init__(self, burst: int, interval_us: int) -> None:
        self._burst, self._interval_us = burst, interval_us
        self._tokens, self._at_us = Fraction(burst), START_US

    def admits(self, units: int, at_us: int) -> bool:
        self._fill(at_us)
        return units <= self._tokens

    def take(self, units: int, at_us: int) -> None:
        self._fill(at_us)
        self._tokens = min(Fraction(self._burst), self._tokens - units)

    def _fill(self, at_us: int) -> None:
        come = Fraction(at_us - self._at_us, self._interval_us)
        self._tokens, self._at_us = min(Fraction(self._burst), self._tokens + come), at_us


class Step(NamedTuple):
    """Something that happens ``after_us``: a call for ``units``, or the end of one that ``settles`` them instead."""

    after_us: int
    units: int
    settles: bool


steps = st.lists(
    st.builds(
        Step,
        after_us=st.one_of(st.just(0), st.integers(0, 3_000), st.integers(0, 40_000_000)),
        units=st.integers(0, 40),
        settles=st.booleans(),
    ),
    min_size=1,
    max_size=40,
)


@ON_ONE_ENGINE
@given(steps=steps, burst=st.integers(1, 30), interval_us=st.sampled_from((1, 7, 150, 333_333, 1_000_000)))
def test_admissions_are_those_of_an_exact_bucket(
    steps: list[Step], burst: int, interval_us: int, virtual: VirtualMeters
) -> None:
    virtual.forget()
    bucket, live, at_us = Bucket(burst, interval_us), list[tuple[str, int]](), START_US
    for number, step in enumerate(steps):
        at_us += step.after_us
        if step.settles and live:
            name, held = live.pop(0)
            virtual.settle_many([Settling(ORG, name, (charge(rate(0, burst, interval_us), step.units),), at_us)])
            bucket.take(step.units - held, at_us)
            continue
        wanted = rate(step.units, burst, interval_us)
        (answer,) = virtual.hold_many([Taking(a_hold(f"h{number}", wanted), at_us)])
        assert (answer.state is HoldState.ADMITTED) is bucket.admits(step.units, at_us)
        if answer.state is HoldState.ADMITTED:
            live.append((f"h{number}", step.units))
            bucket.take(step.units, at_us)


@ON_ONE_ENGINE
@given(
    used=st.integers(0, 200),
    units=st.integers(0, 40),
    burst=st.integers(1, 30),
    interval_us=st.sampled_from((1, 7, 150, 333_333, 1_000_000)),
)
def test_the_wait_that_is_told_is_the_shortest_that_helps(
    used: int, units: int, burst: int, interval_us: int, virtual: VirtualMeters
) -> None:
    virtual.forget()
    before = rate(used, max(used, burst), interval_us, enforce=False)
    wanted = rate(units, burst, interval_us)

    def ask(at_us: int) -> Held:
        return _last(virtual.play([Taking(a_hold(f"h{at_us}", wanted), at_us)]))

    virtual.play([Taking(a_hold("before", before), START_US)])
    first = ask(START_US + 1)
    if first.state is HoldState.ADMITTED:
        return
    wait_us = first.levels[0].wait_us
    if units > burst:
        assert wait_us == -1
        return
    if wait_us > 1:
        assert ask(START_US + wait_us).state is HoldState.REFUSED
    assert ask(START_US + 1 + wait_us).state is HoldState.ADMITTED


def test_no_minute_lets_more_pass_than_the_pace_and_the_burst(virtual: VirtualMeters) -> None:
    """60 requests a minute, asked for ten times as fast for five minutes."""
    one = rate(1, 60, 1_000_000)
    asked: list[Move] = [Taking(a_hold(f"h{n}", one), START_US + n * 100_000) for n in range(3_000)]
    passed = [n // 10 for n, held in enumerate(virtual.play(asked)) if held and held.state is HoldState.ADMITTED]
    assert len(passed) == 60 + 299
    assert max(sum(begin <= second < begin + 60 for second in passed) for begin in range(240)) == 60 + 59


def _last(told: list[Held | None]) -> Held:
    (held,) = [one for one in told if one is not None]
    return held
