"""The store's clock as it is known here."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxy.stores.clock import JUMP_US, StoreClock

S = 1_000_000


class Hands:
    """Our own two clocks, moved by hand."""

    def __init__(self) -> None:
        self.monotonic_s, self.wall_s = 100.0, 1_700_000_000.0

    def clock(self) -> StoreClock:
        return StoreClock(lambda: self.monotonic_s, lambda: self.wall_s)


def test_until_the_store_was_heard_our_own_clock_stands_in() -> None:
    assert Hands().clock().time_us() == 1_700_000_000 * S


def test_time_goes_on_between_replies() -> None:
    hands = Hands()
    clock = hands.clock()
    clock.heard(1_800_000_000 * S)
    hands.monotonic_s += 2.5
    hands.wall_s -= 5_000  # what people do to wall clocks does not matter
    assert clock.time_us() == 1_800_000_000 * S + 2_500_000


def test_a_jump_of_the_stores_clock_is_followed_and_unsettles() -> None:
    hands = Hands()
    clock = hands.clock()
    clock.heard(1_800_000_000 * S)
    hands.monotonic_s += 60
    assert clock.steady_s() == 60
    clock.heard(1_800_000_060 * S + JUMP_US + 1)
    assert clock.steady_s() == 0
    assert clock.time_us() == 1_800_000_060 * S + JUMP_US + 1


@given(st.lists(st.integers(0, 500_000), min_size=1, max_size=50))
def test_slow_replies_do_not_set_the_clock_back_by_their_delay(delays_us: list[int]) -> None:
    hands = Hands()
    clock = hands.clock()
    store_us = 1_800_000_000 * S
    clock.heard(store_us)
    for delay_us in delays_us:
        clock.heard(store_us - delay_us)
        clock.heard(store_us)
        assert clock.time_us() == store_us
        assert clock.steady_s() == 0 or delay_us <= JUMP_US


def test_a_clock_that_drifts_is_followed_slowly() -> None:
    hands = Hands()
    clock = hands.clock()
    clock.heard(1_800_000_000 * S)
    for _ in range(1_000):
        clock.heard(1_800_000_000 * S - 10_000)
    assert clock.time_us() <= 1_800_000_000 * S - 9_900
