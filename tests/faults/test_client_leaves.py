"""A caller may leave at any moment: the upstream is told at once, what was relayed is booked, and nothing stays held."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterator

import pytest

from proxy.domain.row import Outcome, Row
from proxy.domain.usage import UsageSource
from tests.support.at_rest import wait_rest
from tests.support.callers import ANSWERS, FAMILIES, STREAMS, ask, calling, upstreams
from tests.support.listening import Caller
from tests.support.running import RunningProxy
from tests.support.scripted import ScriptedUpstream
from tests.support.scripts import endless_sse, head, joined, pause, send, silence, streamed, whole

AT_ONCE_S = 1.0  # the promise is 100 ms; this only proves that nobody waited for a timeout
PRICES = "{ input: 1, output: 2 }"  # USD per million tokens: 1000 and 2000 nUSD each
LEAVING = pytest.mark.parametrize("leave", [Caller.leave, Caller.reset], ids=["closing", "resetting"])
Leave = Callable[[Caller], None]


@pytest.fixture(scope="module")
def scripted() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def proxy(scripted: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    found = upstreams(scripted.base_url, prices=PRICES)
    for family, line in upstreams(scripted.base_url, prices=PRICES, more=", on_disconnect: {drain: {max: 5s}}").items():
        found[f"{family}-drained"] = line.replace(f'"{family}-*"', f'"{family}-drained"')
    impatient = upstreams(scripted.base_url, prices=PRICES, more=", on_disconnect: {drain: {max: 200ms}}")["openai"]
    found["openai-impatient"] = impatient.replace('"openai-*"', '"openai-impatient"')
    for family in FAMILIES:
        found[family] = found[family].replace(f'"{family}-*"', f'"{family}-plain"')
    with RunningProxy(tmp_path_factory.mktemp("home"), found) as running:
        yield running


@pytest.fixture(autouse=True)
def _fresh(scripted: ScriptedUpstream) -> None:
    scripted.forget()


async def upstream_left(scripted: ScriptedUpstream, since: float) -> float:
    """Seconds until the upstream saw our end, in front of whoever runs pytest with -s."""
    after_s = await scripted.wait_closed(scripted.seen[-1].connection) - since
    print(f"upstream closed {after_s * 1000:.1f} ms after the caller left")
    return after_s


async def row_after(proxy: RunningProxy, what: Callable[[], Awaitable[None]]) -> Row:
    """The one row that something left, with nothing held any more."""
    before = {row.request_id for row in proxy.rows()}
    await what()
    await asyncio.to_thread(proxy.wait_rows, len(before) + 1)
    rows = [row for row in await asyncio.to_thread(wait_rest, proxy) if row.request_id not in before]
    assert len(rows) == 1
    return rows[0]


@LEAVING
@pytest.mark.parametrize("family", FAMILIES)
async def test_leaving_before_the_first_byte_cancels_the_upstream_and_books_the_input(
    proxy: RunningProxy, scripted: ScriptedUpstream, family: str, leave: Leave
) -> None:
    scripted.replies([silence()])

    async def go() -> None:
        async with calling(proxy, f"{family}-plain", stream=True) as caller:
            await scripted.wait_seen()
            since = time.monotonic()
            leave(caller)
            assert await upstream_left(scripted, since) < AT_ONCE_S

    row = await row_after(proxy, go)
    assert (row.outcome, row.status, row.upstream_status) == (Outcome.CLIENT_ABORT, 499, None)
    assert row.usage.usage_source is UsageSource.ESTIMATED
    assert 0 < (row.usage.input or 0) < 50
    assert row.cost_nusd == (row.usage.input or 0) * 1000


@LEAVING
@pytest.mark.parametrize("family", FAMILIES)
async def test_leaving_mid_stream_cancels_the_upstream_and_books_what_was_relayed(
    proxy: RunningProxy, scripted: ScriptedUpstream, family: str, leave: Leave
) -> None:
    told = STREAMS[family][: -3 if family == "openai" else -1 if family == "gemini" else -3]
    scripted.replies(streamed(told, then=silence()))

    async def go() -> None:
        async with calling(proxy, f"{family}-plain", stream=True) as caller:
            assert (await caller.head()).status == 200
            await caller.reader.readuntil(b"Hello")
            since = time.monotonic()
            leave(caller)
            assert await upstream_left(scripted, since) < AT_ONCE_S

    row = await row_after(proxy, go)
    assert (row.outcome, row.status, row.upstream_status) == (Outcome.CLIENT_ABORT, 499, 200)
    assert row.usage.usage_source in {UsageSource.ESTIMATED, UsageSource.PARTIAL}
    assert 0 < (row.usage.input or 0) < 50
    assert 0 < (row.usage.output or 0) <= 5
    assert row.cost_nusd == (row.usage.input or 0) * 1000 + (row.usage.output or 0) * 2000


@LEAVING
async def test_leaving_a_stream_that_never_ends_ends_it(
    proxy: RunningProxy, scripted: ScriptedUpstream, leave: Leave
) -> None:
    scripted.replies(endless_sse(STREAMS["openai"][1]))

    async def go() -> None:
        async with calling(proxy, "openai-plain", stream=True) as caller:
            await caller.reader.readexactly(100_000)
            since = time.monotonic()
            leave(caller)
            assert await upstream_left(scripted, since) < AT_ONCE_S

    row = await row_after(proxy, go)
    assert row.outcome is Outcome.CLIENT_ABORT
    assert (row.usage.output or 0) > 100  # a word an event


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("family", FAMILIES)
async def test_leaving_after_everything_is_no_abort(
    proxy: RunningProxy, scripted: ScriptedUpstream, family: str, *, stream: bool
) -> None:
    scripted.replies(streamed(STREAMS[family]) if stream else whole(ANSWERS[family]))

    async def go() -> None:
        async with calling(proxy, f"{family}-plain", stream=stream) as caller:
            assert (await caller.answer()).status == 200

    row = await row_after(proxy, go)
    assert (row.outcome, row.usage.usage_source) == (Outcome.OK, UsageSource.REPORTED)
    assert (row.usage.input, row.usage.output, row.cost_nusd) == (12, 3, 18_000)


@LEAVING
@pytest.mark.parametrize("family", FAMILIES)
async def test_where_an_upstream_is_drained_the_rest_is_read_and_the_reported_usage_booked(
    proxy: RunningProxy, scripted: ScriptedUpstream, family: str, leave: Leave
) -> None:
    scripted.replies(streamed(STREAMS[family], every=0.1))

    async def go() -> None:
        async with calling(proxy, f"{family}-drained", stream=True) as caller:
            await caller.reader.readuntil(b"Hello")
            leave(caller)

    row = await row_after(proxy, go)
    assert (row.outcome, row.upstream_status) == (Outcome.CLIENT_ABORT, 200)
    assert row.usage.usage_source is UsageSource.REPORTED
    assert (row.usage.input, row.usage.output, row.cost_nusd) == (12, 3, 18_000)


async def test_where_an_upstream_is_drained_a_whole_answer_that_nobody_waits_for_is_booked_as_reported(
    proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    scripted.replies(joined(pause(0.3), whole(ANSWERS["openai"])))

    async def go() -> None:
        async with calling(proxy, "openai-drained"):
            await scripted.wait_seen()

    row = await row_after(proxy, go)
    assert row.outcome is Outcome.CLIENT_ABORT
    assert (row.usage.usage_source, row.cost_nusd) == (UsageSource.REPORTED, 18_000)


async def test_where_an_upstream_is_drained_half_a_whole_answer_is_read_to_its_end(
    proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    body = json.dumps(ANSWERS["openai"]).encode()
    scripted.replies(
        [send(head() + b"content-length: %d\r\n\r\n" % len(body) + body[:20]), pause(0.3), send(body[20:])]
    )

    async def go() -> None:
        async with calling(proxy, "openai-drained"):
            await scripted.wait_seen()
            await asyncio.sleep(0.1)

    row = await row_after(proxy, go)
    assert row.outcome is Outcome.CLIENT_ABORT
    assert (row.usage.usage_source, row.cost_nusd) == (UsageSource.REPORTED, 18_000)


@pytest.mark.parametrize("told", [0, 3], ids=["nothing", "a little"])
async def test_an_upstream_that_is_drained_for_too_long_is_given_up(
    proxy: RunningProxy, scripted: ScriptedUpstream, told: int
) -> None:
    scripted.replies(streamed(STREAMS["openai"][:told], then=silence()) if told else [silence()])

    async def go() -> None:
        async with calling(proxy, "openai-impatient", stream=True) as caller:
            await scripted.wait_seen()
            if told:
                await caller.reader.readuntil(b"there")
        assert await upstream_left(scripted, time.monotonic()) < 2

    row = await row_after(proxy, go)
    assert row.outcome is Outcome.CLIENT_ABORT
    assert row.usage.usage_source is UsageSource.ESTIMATED
    assert bool(row.usage.output) == bool(told)


async def test_a_hundred_callers_who_leave_together_leave_a_hundred_rows_and_a_proxy_that_serves(
    proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    scripted.replies(streamed(STREAMS["openai"][:2], then=silence()), always=True)
    before = len(proxy.rows())

    async def leave_after_hello() -> None:
        async with calling(proxy, "openai-plain", stream=True) as caller:
            await caller.reader.readuntil(b"Hello")

    await asyncio.gather(*(leave_after_hello() for _ in range(100)))
    await asyncio.to_thread(proxy.wait_rows, before + 100)
    rows = (await asyncio.to_thread(wait_rest, proxy))[before:]
    assert [row.outcome for row in rows] == [Outcome.CLIENT_ABORT] * 100
    scripted.forget()
    scripted.replies(whole(ANSWERS["openai"]))
    assert (await ask(proxy, "openai-plain")).status == 200
