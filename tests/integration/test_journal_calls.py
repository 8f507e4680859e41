"""What a caller reads back of their own calls."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import msgspec
import pytest

from proxy.domain.row import VERIFY, Outcome, Rank
from proxy.domain.usage import Usage, UsageSource
from proxy.journal.calls import Calls, Sums
from proxy.journal.log import Log, open_log
from proxy.journal.reader import Reader
from tests.support.journal_rows import make_row

NOW = 1_795_424_400.0  # 2026-11-23T09:00:00Z
DAY = 86_400


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    log = open_log(tmp_path / "calls.db", 0)
    yield log
    log.close()


@pytest.fixture
def calls(tmp_path: Path) -> Iterator[Calls]:
    reader = Reader(tmp_path / "calls.db")
    yield Calls(reader)
    reader.close()


async def test_a_call_is_answered_member_by_member_as_the_design_prints_it(log: Log, calls: Calls) -> None:
    usage = Usage(
        input=1204, output=318, cached_read=1024, cache_write=0, cache_write_1h=0, reasoning=64, web_searches=0,
        usage_source=UsageSource.REPORTED, complete=True,
    )  # fmt: skip
    row = make_row(
        "0196a1f2-0000", 4_231_000, usage=usage, ref="PAY-12", decision="d_7Kq2", generation="41c9e02", at=NOW + 0.123,
        upstream_status=200, held_nusd=9_000_000, ttft_ms=212.4, duration_ms=1842.6, overhead_us=310,
    )  # fmt: skip
    log.append([(row, "h")])
    found = await calls.find("0196a1f2-0000", "p_1")
    assert msgspec.json.encode(found).decode() == (
        '{"request_id":"0196a1f2-0000","at":"2026-11-23T09:00:00.123Z","dialect":"openai_chat",'
        '"endpoint":"/v1/chat/completions","team":"growth","project":"crm","ref":"PAY-12","model_requested":"gpt-5.1",'
        '"outcome":"ok","cache":"miss","cost_usd":"0.004231","decision":"d_7Kq2","generation":"41c9e02","attempts":['
        '{"attempt":1,"upstream":"openai","model":"gpt-5.1-2026-08-01","status":200,"usage_source":"reported",'
        '"usage":{"input":1204,"output":318,"cached_read":1024,"cache_write":0,"cache_write_1h":0,"reasoning":64,'
        '"web_searches":0},"cost_nusd":4231000,"held_nusd":9000000,"ttft_ms":212,"duration_ms":1843,"overhead_us":310}]}'
    )


async def test_a_stored_answer_that_was_asked_again_is_shown_as_its_caller_got_it(log: Log, calls: Calls) -> None:
    hit = make_row("r1", 0, attempt=0, outcome=Outcome.CACHE_HIT, cache="near", upstream=None)
    log.append([(hit, ""), (make_row("r1", 7, cache=VERIFY, outcome=Outcome.UPSTREAM_ERROR), "")])
    found = await calls.find("r1", "p_1")
    assert found is not None
    assert (found.outcome, found.cache, found.cost_usd) == (Outcome.CACHE_HIT, "near", "0.000000007")
    assert [attempt.attempt for attempt in found.attempts] == [0, 1]


async def test_attempts_stand_in_their_order_and_the_last_one_speaks_for_the_call(log: Log, calls: Calls) -> None:
    failed = make_row("r1", 5, outcome=Outcome.UPSTREAM_ERROR, upstream="a", status=0, upstream_status=529)
    log.append([(make_row("r1", 7, attempt=2, upstream="b"), ""), (failed, "")])
    found = await calls.find("r1", "p_1")
    assert found is not None
    assert [(attempt.attempt, attempt.upstream, attempt.status) for attempt in found.attempts] == [
        (1, "a", 529),
        (2, "b", 200),
    ]
    assert (found.outcome, found.cost_usd) == (Outcome.OK, "0.000000012")


async def test_a_row_that_is_about_to_be_committed_is_waited_for(log: Log, calls: Calls) -> None:
    async with asyncio.timeout(5):
        found, _ = await asyncio.gather(
            calls.find("r1", "p_1"),
            asyncio.get_running_loop().run_in_executor(None, partial(log.append, [(make_row("r1"), "")])),
        )
    assert found is not None


async def test_a_call_of_somebody_else_does_not_exist(log: Log, calls: Calls) -> None:
    log.append([(make_row("r1"), "")])
    assert await calls.find("r1", "p_2") is None


async def test_a_call_that_is_under_way_has_no_answer_yet(log: Log, calls: Calls) -> None:
    log.open(make_row("r1", rank=Rank.OPEN))
    assert await calls.find("r1", "p_1") is None


async def test_a_crowd_that_asks_for_what_is_not_there_is_answered(log: Log, calls: Calls) -> None:
    log.append([(make_row("r1"), "")])
    found = await asyncio.gather(*(calls.find(f"none-{n}", "p_1") for n in range(300)), calls.find("r1", "p_1"))
    assert [call is not None for call in found] == [False] * 300 + [True]


async def test_sums_are_of_calendar_days_in_the_budgets_timezone(log: Log, calls: Calls) -> None:
    times = (NOW, NOW - 8 * 3600, NOW - 9.5 * 3600, NOW - 20 * DAY, NOW - 40 * DAY)
    log.append([(make_row(f"r{n}", 10**n, at=at), "") for n, at in enumerate(times)])
    log.append([(make_row("other", 10**9, at=NOW, principal="p_2"), "")])
    log.append([(make_row("r0", 5, attempt=2, at=NOW), "")])
    utc = await calls.mine("p_1", NOW)
    assert utc == {
        "today": Sums(2, "0.000000016", 30, 15, 0, "0.000000"),
        "month": Sums(4, "0.000001116", 50, 25, 0, "0.000000"),
    }
    berlin = await calls.mine("p_1", NOW, "Europe/Berlin")
    assert berlin["today"] == Sums(3, "0.000000116", 40, 20, 0, "0.000000")
    assert await calls.mine("nobody", NOW) == dict.fromkeys(
        ("today", "month"), Sums(0, "0.000000", 0, 0, 0, "0.000000")
    )
