"""Long work goes on a slice a turn, whoever else has some, and gives what it gives at once."""

from __future__ import annotations

import asyncio
import threading

import pytest

from proxy.policy.content.slices import Slices
from proxy.steps.in_turns import SLICE_S, Work


class Hours:
    """A clock on which every look takes longer than a slice."""

    def __init__(self) -> None:
        self.at = 0.0

    def monotonic(self) -> float:
        self.at += 2 * SLICE_S
        return self.at


def counting(name: str, slices: int, log: list[str]) -> Slices[str]:
    for _ in range(slices):
        log.append(name)
        yield None
    return name


def test_short_work_is_done_where_it_began() -> None:
    work = Work(counting("a", 3, []), lambda: 0.0)
    assert work.go_on()
    assert work.result == ["a"]


def test_two_that_have_long_work_take_turns_and_others_come_in_between() -> None:
    log: list[str] = []

    async def other() -> None:
        for _ in range(30):
            log.append("other")
            await asyncio.sleep(0)

    async def run() -> list[str]:
        turn = asyncio.Lock()
        works = [Work(counting(name, 4, log), Hours().monotonic) for name in ("a", "b")]
        done = await asyncio.gather(*[work.done(turn) for work in works], other())
        return [one for one in done if one]

    assert asyncio.run(run()) == ["a", "b"]
    assert "aa" not in "".join(log).replace("other", "")
    worked = [at for at, name in enumerate(log) if name != "other"]
    assert all(log[at + 1] == "other" for at in worked[:-1])


def test_a_call_that_lets_others_run_is_made_in_a_thread_and_its_result_sent_back() -> None:
    def asking() -> Slices[int]:
        where = yield threading.get_ident
        return int(where)

    work = Work(asking(), lambda: 0.0)
    assert not work.go_on()
    assert asyncio.run(work.done(asyncio.Lock())) != threading.get_ident()


def test_what_the_work_raises_is_raised_and_the_turn_is_given_back() -> None:
    def failing() -> Slices[None]:
        yield None
        raise LookupError

    async def run() -> None:
        turn = asyncio.Lock()
        with pytest.raises(LookupError):
            await Work(failing(), Hours().monotonic).done(turn)
        assert not turn.locked()

    asyncio.run(run())
