"""An upstream that fails again and again is left alone, and asked again by one call."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, precondition, rule

from proxy.domain.upstream import BreakerRule
from proxy.domain.verdict import STOOD, UNSEEN, Reason, Verdict
from proxy.upstream.breaker import LONGEST_S, Breaker, Pass, State

BROKEN = Verdict(good=False, reason=Reason.STATUS)
THROTTLED = Verdict(good=False, reason=Reason.THROTTLED)
START = 100.0


def asks_for(seconds: float) -> Verdict:
    return Verdict(good=False, reason=Reason.STATUS, retry_after_s=seconds)


def fail(breaker: Breaker, now: float, times: int = 1, verdict: Verdict = BROKEN) -> None:
    for _ in range(times):
        breaker.ended(now, breaker.began(now), verdict)


def opened(rule: BreakerRule | None = None, verdict: Verdict = BROKEN) -> Breaker:
    """A breaker that has just opened."""
    breaker = Breaker(rule or BreakerRule(failures=3, open_s=10))
    fail(breaker, START, 3, verdict)
    return breaker


def test_it_opens_after_so_many_failures_in_a_row_and_not_before() -> None:
    breaker = Breaker(BreakerRule(failures=3, open_s=10))
    fail(breaker, START, 2)
    assert breaker.lets(START)
    breaker.ended(START, breaker.began(START), STOOD)
    fail(breaker, START, 2)
    assert breaker.lets(START)
    fail(breaker, START)
    assert not breaker.lets(START)
    assert not breaker.lets(START + 9.9)
    assert breaker.lets(START + 10)


def test_calls_that_nobody_saw_end_count_neither_way() -> None:
    breaker = Breaker(BreakerRule(failures=3, open_s=10))
    fail(breaker, START, 2)
    breaker.ended(START, breaker.began(START), UNSEEN)
    fail(breaker, START)
    assert not breaker.lets(START)


def test_no_failures_at_all_is_a_way_to_say_never() -> None:
    breaker = Breaker(BreakerRule(failures=0, open_s=10))
    fail(breaker, START, 1000)
    assert breaker.lets(START)


def test_exactly_one_call_probes_and_its_success_closes() -> None:
    breaker, later = opened(), START + 10
    probe = breaker.began(later)
    assert (probe.is_probe, breaker.lets(later), breaker.state(later)) == (True, False, State.HALF_OPEN)
    breaker.ended(later, probe, STOOD)
    assert (breaker.lets(later), breaker.failures, breaker.state(later)) == (True, 0, State.CLOSED)


def test_a_probe_that_fails_doubles_the_pause_up_to_five_minutes() -> None:
    breaker, now, pauses = opened(), START, []
    for _ in range(8):
        pauses.append(breaker.until - now)
        now = breaker.until
        fail(breaker, now)
    assert pauses == [10, 20, 40, 80, 160, 300, 300, 300]


def test_a_pause_that_is_configured_longer_than_that_stays() -> None:
    assert opened(BreakerRule(failures=3, open_s=900)).until == START + 900


def test_a_probe_whose_caller_left_is_due_again_at_once() -> None:
    breaker, later = opened(), START + 10
    breaker.ended(later + 3, breaker.began(later), UNSEEN)
    assert breaker.lets(later + 3)
    assert breaker.began(later + 3).is_probe


def test_a_probe_that_takes_long_keeps_the_others_waiting_for_one_pause_only() -> None:
    breaker, later = opened(), START + 10
    slow = breaker.began(later)
    assert not breaker.lets(later + 9)
    assert breaker.began(later + 10).is_probe
    breaker.ended(later + 60, slow, STOOD)
    assert breaker.state(later + 60) is State.CLOSED


def test_the_head_of_a_good_answer_closes_and_only_its_good_end_forgives() -> None:
    breaker, later = opened(), START + 10
    probe = breaker.began(later)
    breaker.answered(probe, STOOD)
    assert breaker.lets(later)
    breaker.ended(later, probe, BROKEN)  # it broke off in the middle
    assert breaker.until == later + 20
    probe = breaker.began(later + 20)
    breaker.answered(probe, STOOD)
    fail(breaker, later + 20)  # another one fails before the first ended well
    assert not breaker.lets(later + 20)


def test_calls_from_before_it_opened_say_nothing_about_now() -> None:
    breaker = Breaker(BreakerRule(failures=3, open_s=10))
    old = [breaker.began(START) for _ in range(3)]
    fail(breaker, START, 3)
    breaker.ended(START, old[0], STOOD)
    assert not breaker.lets(START)
    probe = breaker.began(START + 10)
    breaker.ended(START + 11, old[1], BROKEN)
    breaker.ended(START + 12, probe, STOOD)
    breaker.ended(START + 12, old[2], BROKEN)
    assert (breaker.lets(START + 12), breaker.failures) == (True, 0)


def test_an_upstream_is_left_alone_as_long_as_it_asks_for_and_never_shorter_than_configured() -> None:
    assert opened(verdict=asks_for(45)).until == START + 45
    assert opened(verdict=asks_for(2)).until == START + 10
    assert opened(verdict=asks_for(86_400)).until == START + LONGEST_S


def test_a_longer_wish_of_a_call_that_was_under_way_is_heeded() -> None:
    breaker = Breaker(BreakerRule(failures=3, open_s=10))
    old = breaker.began(START)
    fail(breaker, START, 3)
    breaker.ended(START + 1, old, asks_for(60))
    assert breaker.until == START + 61


def test_a_wish_alone_leaves_it_closed() -> None:
    breaker = Breaker(BreakerRule(failures=3, open_s=10))
    fail(breaker, START, 1, asks_for(60))
    assert breaker.lets(START)


def test_being_throttled_does_not_double_and_is_known_as_such() -> None:
    breaker, now = opened(verdict=THROTTLED), START
    for _ in range(4):
        assert (breaker.is_throttled, breaker.until - now) == (True, 10)
        now = breaker.until
        fail(breaker, now, 1, THROTTLED)
    last_resort = breaker.began(now)
    assert not last_resort.is_probe
    breaker.ended(now, last_resort, BROKEN)
    assert not breaker.is_throttled


@dataclass
class Flight:
    """A call as the model remembers it."""

    passed: Pass
    since_opening: int
    is_probe: bool


class AgainstModel(RuleBasedStateMachine):
    """A model that tells the same story in other words: a call knows how many openings it has seen."""

    calls = Bundle("calls")

    def __init__(self) -> None:
        super().__init__()
        self.rule = BreakerRule(failures=3, open_s=8)
        self.breaker = Breaker(self.rule)
        self.now = START
        self.row = self.openings = self.pauses = 0
        self.is_open = False
        self.due = START

    @rule(seconds=st.sampled_from([0.5, 3.0, 8.0, 40.0, 400.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @precondition(lambda self: self.breaker.lets(self.now))
    @rule(target=calls)
    def a_call_passes(self) -> Flight:
        assert not self.is_open or self.now >= self.due
        flight = Flight(self.breaker.began(self.now), self.openings, self.is_open)
        assert flight.passed.is_probe == self.is_open
        if self.is_open:
            self.due = self.now + self.rule.open_s
        return flight

    @rule(flight=consumes(calls))
    def it_ends_well(self, flight: Flight) -> None:
        self.breaker.ended(self.now, flight.passed, STOOD)
        if flight.since_opening == self.openings:
            self.row, self.pauses, self.is_open = 0, 0, False

    @rule(flight=consumes(calls))
    def nobody_sees_its_end(self, flight: Flight) -> None:
        self.breaker.ended(self.now, flight.passed, UNSEEN)
        if flight.since_opening == self.openings and flight.is_probe and self.is_open:
            self.due = self.now

    @rule(flight=consumes(calls), wish=st.sampled_from([None, 1.0, 30.0, 9999.0]))
    def it_fails(self, flight: Flight, wish: float | None) -> None:
        self.breaker.ended(self.now, flight.passed, Verdict(good=False, reason=Reason.STATUS, retry_after_s=wish))
        if flight.since_opening == self.openings:
            self.row += 1
            if flight.is_probe or self.row >= self.rule.failures:
                self.is_open = True
                self.due = self.now + min(self.rule.open_s * 2**self.pauses, LONGEST_S)
                self.openings += 1
                self.pauses += 1
        if self.is_open and wish and flight.since_opening < self.openings:  # also of the one that has just opened it
            self.due = max(self.due, self.now + min(wish, LONGEST_S))

    @invariant()
    def it_lets_calls_pass_as_the_model_does(self) -> None:
        assert self.breaker.lets(self.now) == (not self.is_open or self.now >= self.due)
        assert (self.breaker.state(self.now) is State.CLOSED) == (not self.is_open)
        assert self.breaker.failures == self.row
        assert self.breaker.until == (self.due if self.is_open else 0)


TestAgainstModel = AgainstModel.TestCase
