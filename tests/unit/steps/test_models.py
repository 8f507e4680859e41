"""A list of models is made in turns: a long one does not keep other calls waiting."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Mapping
from typing import Any

import msgspec

from proxy.config.routes import Routes
from proxy.dialects import routes
from proxy.domain.upstream import PriceOverride, Upstream
from proxy.metering.prices import PriceBook
from proxy.metering.table import PriceTable
from proxy.steps import models
from tests.support.plans import Recorder, make_call, make_generation, make_visit, make_world

MANY = 20 * models.AT_ONCE
UPSTREAM = Upstream(
    "huge", "openai", "https://huge.example", prices=(PriceOverride(rates=(("input", 1), ("output", 1))),)
)


class Listed:
    """A catalog of an upstream with many models."""

    async def models(self, upstream: Upstream) -> Mapping[str, dict[str, Any]]:
        assert upstream is UPSTREAM
        return {f"model-{number}": {"id": f"model-{number}"} for number in range(MANY)}


async def test_a_long_list_is_whole_and_others_have_their_turns_while_it_is_made() -> None:
    match = routes.find("GET", "/v1/models")
    assert match is not None
    generation = dataclasses.replace(
        make_generation(), routes=Routes((UPSTREAM,)), prices=PriceBook(PriceTable.load(), (UPSTREAM,))
    )
    reply = Recorder()
    world = dataclasses.replace(make_world(reply), catalog=Listed())
    visit = make_visit(reply, "/v1/models", generation=generation)
    answering = asyncio.ensure_future(models.answer(world, visit, match, make_call()))
    turns = 0
    while not answering.done():
        turns += 1
        await asyncio.sleep(0)
    await answering
    status, _, body = dict(reply.said)["whole"]
    assert (status, len(msgspec.json.decode(body)["data"])) == (200, MANY)
    assert turns >= MANY // models.AT_ONCE
