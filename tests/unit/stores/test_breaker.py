"""When calls fail at once."""

from __future__ import annotations

from proxy.stores.breaker import Breaker


def test_it_opens_at_the_third_failure_in_a_row_and_says_so_once() -> None:
    breaker = Breaker()
    assert [breaker.failed() for _ in range(5)] == [False, False, True, False, False]
    assert breaker.open


def test_a_success_in_between_starts_anew() -> None:
    breaker = Breaker()
    for _ in range(10):
        breaker.failed()
        breaker.failed()
        breaker.succeeded()
    assert not breaker.open


def test_only_closing_lets_calls_through_again() -> None:
    breaker = Breaker(1)
    breaker.failed()
    breaker.succeeded()
    assert breaker.open
    breaker.close()
    assert not breaker.open
