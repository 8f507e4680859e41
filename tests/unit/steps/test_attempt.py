"""An attempt is left with a row, and with everybody told who kept something for it."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable
from contextlib import suppress

import msgspec

from proxy.domain.decision import Reserve
from proxy.domain.errors import ClientGone
from proxy.domain.upstream import PriceOverride, Upstream
from proxy.metering.prices import PriceBook
from proxy.ports import Answer, Body, Headers, OnSent
from proxy.steps.attempt import Attempt
from proxy.steps.recording import Recording, Sought
from tests.support.cached import a_key
from tests.support.paper_answers import PaperLead
from tests.support.plans import (
    BUDGET,
    NOON,
    UPSTREAM,
    NoonMeters,
    Recorder,
    make_generation,
    make_plan,
    make_visit,
    make_world,
    price_table,
)

MAX = msgspec.structs.replace(BUDGET, reserve=Reserve.MAX)
PRICED = msgspec.structs.replace(UPSTREAM, prices=(PriceOverride(rates=(("input", 1), ("output", 10**10))),))
EVENT = (
    b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"gpt-5.1","choices":[{"index":0,"delta":'
    b'{"content":"' + b"word " * 200 + b'"},"finish_reason":null}]}\n\n'
)


class Endless:
    """A stream without an end, in which nobody may read for ever. Satisfies ``ports.Answer`` and ``ports.Wire``."""

    status, coding = 200, b""
    headers: Headers = ((b"content-type", b"text/event-stream"),)

    def __init__(self) -> None:
        self.left, self.is_closed = 200, False

    async def send(
        self,
        upstream: Upstream,
        method: str,
        target: str,
        headers: list[tuple[bytes, bytes]],
        body: bytes | Body,
        on_sent: OnSent | None = None,
    ) -> Answer:
        assert (upstream, method, target, headers, body) == (PRICED, "POST", "/", [], b"{}")
        assert on_sent is not None
        on_sent(True)
        return self

    async def read(self) -> bytes:
        return await self.piece()

    async def piece(self) -> bytes:
        await asyncio.sleep(0)
        self.left -= 1
        assert self.left
        return EVENT

    def arrived(self, most: int) -> bytes:
        return EVENT[:most]

    def close(self) -> None:
        self.is_closed = True


async def test_the_meters_hear_what_a_held_call_cost() -> None:
    meters = NoonMeters()
    world = make_world(meters=meters)
    permit = world.permits.take([UPSTREAM])
    assert permit is not None
    async with Attempt(world, make_visit(), make_plan(BUDGET), permit) as attempt:
        assert meters.ended_at == []
    assert meters.ended_at == [(attempt.hold, 0)]


async def test_what_is_read_on_for_others_ends_where_its_hold_does() -> None:
    wire, lead, begun = Endless(), PaperLead(wanted=True), list[Awaitable[None]]()
    meters = NoonMeters()
    world = dataclasses.replace(make_world(meters=meters), wire=wire, later=begun.append)
    sought = Sought(a_key(), "openai.chat", ("gpt-5.1",), (), "call-1", 60.0, is_shadow=False)
    recording = Recording(Recorder(), lead, sought, lambda: float(NOON))
    permit = world.permits.take([PRICED])
    assert permit is not None
    prices = PriceBook(price_table(), (PRICED,))
    visit = make_visit(generation=dataclasses.replace(make_generation(), prices=prices))
    attempt = Attempt(world, visit, make_plan(MAX, upstream=PRICED), permit, recording=recording)
    with suppress(ClientGone):
        async with attempt:
            attempt.answered(await attempt.send("/", [], b"{}"))
            raise ClientGone
    assert (wire.is_closed, lead.given_up) == (False, [])  # somebody waits
    while begun:
        await begun.pop(0)
    assert (wire.is_closed, len(lead.given_up), lead.deposited) == (True, 1, [])
    ((hold, nusd),) = meters.ended_at
    assert hold.draws[0].amount < nusd < 2 * hold.draws[0].amount
