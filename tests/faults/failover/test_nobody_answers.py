"""When no upstream answers, or one may not be asked, there is one honest error in the caller's dialect."""

from __future__ import annotations

import pytest

from tests.support.callers import FAMILIES, ask, told
from tests.support.pairs import rows_of
from tests.support.running import RunningProxy
from tests.support.scripted import ScriptedUpstream
from tests.support.scripts import (
    failing,
    reset,
)

STREAMING = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
PER_FAMILY = pytest.mark.parametrize("family", FAMILIES)


@PER_FAMILY
async def test_when_both_fail_the_caller_reads_the_last_ones_own_words(
    proxy: RunningProxy, first: ScriptedUpstream, second: ScriptedUpstream, family: str
) -> None:
    first.replies([reset()])
    second.replies(failing(429, "17", "the second's own words"))
    heard = await ask(proxy, f"{family}-model")
    assert (heard.status, heard.headers["retry-after"], heard.headers["x-tally-attempts"]) == (429, "17", "2")
    assert told(heard)["message"] == "the second's own words"
    rows = await rows_of(proxy, heard, 2)
    assert [(row.status, row.cost_nusd) for row in rows] == [(502, 0), (429, 0)]


@STREAMING
@PER_FAMILY
async def test_when_nobody_answers_there_is_one_error_in_the_callers_dialect(
    proxy: RunningProxy, first: ScriptedUpstream, second: ScriptedUpstream, family: str, *, stream: bool
) -> None:
    first.replies(failing(503, "5"))
    second.replies([reset()], always=True)
    heard = await ask(proxy, f"{family}-model", stream=stream)
    assert (heard.status, heard.headers["x-should-retry"], heard.headers["x-tally-attempts"]) == (502, "true", "2")
    assert f"{family}-model-second" in told(heard)["message"]
    assert [row.cost_nusd for row in await rows_of(proxy, heard, 2)] == [0, 0]


@pytest.mark.parametrize(("status", "expected"), [(429, 429), (503, 503), (529, 503), (500, 502)])
async def test_when_the_second_is_refused_by_us_the_caller_is_told_of_the_first(
    proxy: RunningProxy, first: ScriptedUpstream, second: ScriptedUpstream, status: int, expected: int
) -> None:
    first.replies(failing(status, "9"))
    heard = await ask(proxy, "openai-dear")
    assert heard.status == expected
    error = told(heard)
    assert f"openai-dear-first answered with status {status}" in error["message"]
    assert "budget" not in error["message"]
    assert 9 <= int(heard.headers["retry-after"]) <= 10
    (row,) = await rows_of(proxy, heard, 1)
    assert (row.upstream, row.cost_nusd) == ("openai-dear-first", 0)
    assert second.seen == []


@pytest.mark.parametrize(("model", "status"), [("openai-model", 400), ("openai-model", 401), ("openai-model", 404), ("openai-strict", 503), ("openai-strict", 429)])  # fmt: skip
async def test_a_status_that_is_not_listed_passes_untouched(
    proxy: RunningProxy, first: ScriptedUpstream, second: ScriptedUpstream, model: str, status: int
) -> None:
    first.replies(failing(status, "3", "own words"))
    heard = await ask(proxy, model)
    assert (heard.status, told(heard)["message"], heard.headers["retry-after"]) == (status, "own words", "3")
    assert heard.headers["x-tally-upstream"] == f"{model}-first"
    assert "x-tally-attempts" not in heard.headers
    (row,) = await rows_of(proxy, heard, 1)
    assert (row.status, row.cost_nusd) == (status, 0)
    assert second.seen == []
