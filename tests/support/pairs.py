"""Two upstreams for one model: a proxy before both, and what became of a call."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from proxy.domain.row import Row
from tests.support.at_rest import wait_rest
from tests.support.callers import ANSWERS, FAMILIES, STREAMS
from tests.support.listening import Heard
from tests.support.running import RunningProxy
from tests.support.scripts import Script, streamed, whole

FIRST_PRICES, SECOND_PRICES = "{ input: 1, output: 2 }", "{ input: 3, output: 4 }"  # USD per million tokens
INPUT, OUTPUT = (1000, 3000), (2000, 4000)  # the same in nUSD a token, at the first and the second
GOOD = 12 * 3000 + 3 * 4000  # what every answer of ``ANSWERS`` costs at the second
SHORT = "timeouts: { connect: 1s, first_byte: 400ms, idle: 400ms }"
PATIENT = "breaker: { failures: 0 }"  # for tests that fail again and again


def entry(url: str, model: str, *more: str, prices: str = FIRST_PRICES) -> str:
    """One upstream; the model's first word is the family."""
    family = model.partition("-")[0]
    members = [
        f"dialect: {family}",
        f'base_url: "{url}{"/v1" if family == "openai" else ""}"',
        f'models: ["{model}"]',
        f"prices: {prices}",
        *more,
    ]
    return f"{{ {', '.join(members)} }}"


def pair(first: str, second: str, name: str, *more: str) -> dict[str, str]:
    """Two upstreams for ``<family>-<name>`` of every family, the second one dearer."""
    found = {}
    for family in FAMILIES:
        model = f"{family}-{name}"
        found[f"{model}-first"] = entry(first, model, *more)
        found[f"{model}-second"] = entry(second, model, *more, prices=SECOND_PRICES)
    return found


def two(first: str, second: str, model: str, *more: str) -> Mapping[str, str]:
    """Two upstreams for one model."""
    return {
        f"{model}-first": entry(first, model, *more),
        f"{model}-second": entry(second, model, *more, prices=SECOND_PRICES),
    }


def answer(family: str, *, stream: bool) -> Script:
    """The good answer of a family."""
    return streamed(STREAMS[family]) if stream else whole(ANSWERS[family])


async def rows_of(proxy: RunningProxy, heard: Heard, count: int) -> list[Row]:
    """The rows of a call, by attempt, once nothing is held any more."""
    request_id = heard.headers["x-request-id"]
    await asyncio.to_thread(proxy.wait_rows, count, request_id=request_id)
    rows = [row for row in await asyncio.to_thread(wait_rest, proxy) if row.request_id == request_id]
    assert [row.attempt for row in rows] == list(range(1, count + 1))
    return rows
