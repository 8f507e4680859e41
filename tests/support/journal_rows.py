"""Rows and holds for tests of the journal, and patience with its thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec

from proxy.domain.meter import Charge, Draw, Hold, MeterKind, Unit
from proxy.domain.row import Outcome, Rank, Row
from proxy.domain.usage import Usage, UsageSource

BUDGET = "{acme}:m:config/budget:org:2026-11-23"


def charge(amount: int, key: str = BUDGET) -> Charge:
    """A charge to the org's day."""
    return Charge(key, MeterKind.BUDGET, amount, 0, 1_795_500_000)


def make_row(request_id: str, cost_nusd: int = 0, **changes: Any) -> Row:
    """A final row of attempt 1 that charges its cost to the org's day."""
    plain = Row(
        request_id=request_id,
        attempt=1,
        at=1_795_424_400.125,
        org="acme",
        principal="p_1",
        key_id="k_1",
        team="growth",
        project="crm",
        dialect="openai_chat",
        endpoint="/v1/chat/completions",
        upstream="openai",
        model_requested="gpt-5.1",
        model="gpt-5.1-2026-08-01",
        status=200,
        outcome=Outcome.OK,
        usage=Usage(input=10, output=5, usage_source=UsageSource.REPORTED),
        cost_nusd=cost_nusd,
        charges=(charge(cost_nusd),) if cost_nusd else (),
    )
    return msgspec.structs.replace(plain, **changes)


def make_hold(row: Row, amount: int, *, floor: int = 0, whole: bool = False) -> Hold:
    """A hold on the org's day for a row that is yet to come."""
    facts = msgspec.structs.replace(row, rank=Rank.OPEN, outcome=Outcome.PROXY_ERROR, cost_nusd=0, charges=())
    return Hold(
        id=f"{row.request_id}:{row.attempt}",
        org=row.org,
        draws=(Draw(BUDGET, MeterKind.BUDGET, Unit.NUSD, amount, 10**15, period_end=1_795_500_000),),
        facts=msgspec.json.encode(facts),
        floor_nusd=floor,
        whole=whole,
    )


async def until(true: Callable[[], bool]) -> None:
    """Wait for something that a thread brings about; fails after 20 seconds."""
    async with asyncio.timeout(20):
        while not true():  # noqa: ASYNC110  # a thread sets no event of ours
            await asyncio.sleep(0.001)
