"""Room for calls and the short queue behind them."""

from __future__ import annotations

import asyncio

import pytest

from proxy.domain.errors import Unavailable
from proxy.server.gate import Gate
from proxy.server.limits import Limits


async def test_a_place_goes_to_who_waits_longest() -> None:
    gate = Gate(Limits(in_flight=1, queue=2, queue_s=30))
    assert gate.enter()
    assert not gate.enter()
    order: list[int] = []

    async def come(number: int) -> None:
        await gate.wait()
        order.append(number)

    both = [asyncio.create_task(come(number)) for number in (1, 2)]
    await asyncio.sleep(0)
    assert gate.queued == 2
    with pytest.raises(Unavailable):
        await gate.wait()
    gate.leave()
    gate.leave()
    await asyncio.gather(*both)
    assert order == [1, 2]
    assert gate.in_flight == 1
    gate.leave()
    assert gate.in_flight == 0


async def test_a_probe_needs_no_room() -> None:
    gate = Gate(Limits(in_flight=1))
    assert gate.enter()
    assert gate.enter(always=True)
    assert gate.in_flight == 2


async def test_who_gives_up_leaves_the_queue() -> None:
    gate = Gate(Limits(in_flight=1, queue=2, queue_s=30))
    gate.enter()
    waiting = asyncio.create_task(gate.wait())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert gate.queued == 0
    gate.leave()
    assert gate.in_flight == 0


async def test_a_place_given_to_who_is_just_leaving_is_not_lost() -> None:
    gate = Gate(Limits(in_flight=1, queue=2, queue_s=30))
    gate.enter()
    waiting = asyncio.create_task(gate.wait())
    await asyncio.sleep(0)
    gate.leave()  # gives the place …
    waiting.cancel()  # … to a caller who leaves in the same moment
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert gate.in_flight == 0
    assert gate.enter()


async def test_a_wait_that_is_too_long_is_a_refusal_to_be_tried_again() -> None:
    gate = Gate(Limits(in_flight=1, queue=2, queue_s=0.01))
    gate.enter()
    with pytest.raises(Unavailable) as refused:
        await gate.wait()
    assert refused.value.retry_after_s == 1.0
    assert gate.queued == 0
