"""How long a supervisor waits before it starts a crashed worker again; its processes are in tests/integration."""

from __future__ import annotations

from proxy.server.supervisor import Backoff
from proxy.server.worker_handle import how_it_ended


def test_the_wait_doubles_and_stays_below_its_bound_for_ever() -> None:
    backoff = Backoff(first_s=0.5, longest_s=3)
    assert [backoff.delay_s(crashes) for crashes in (1, 2, 3, 4, 10_000)] == [0.5, 1.0, 2.0, 3.0, 3.0]


def test_an_end_is_told_in_words() -> None:
    assert how_it_ended(3) == "exit code 3"
    assert how_it_ended(-9) == "signal SIGKILL"
    assert how_it_ended(-250) == "signal 250"
