"""What falls to one worker of a bound that holds for all."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxy.upstream.desk import Share


@given(st.integers(1, 500), st.integers(1, 64))
def test_the_shares_of_all_workers_make_up_the_whole(whole: int, workers: int) -> None:
    shares = [Share(worker, workers).of(whole) for worker in range(workers)]
    assert sum(shares) == max(whole, workers)
    assert max(shares) - min(shares) <= 1
    assert [Share(worker, workers).of(0) for worker in range(workers)] == [0] * workers
