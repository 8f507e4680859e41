"""When an upstream fails before its caller was sent anything, another one answers; every attempt is a row, and money is exact."""

from __future__ import annotations

import asyncio
import json

import pytest

from proxy.domain.row import Outcome
from tests.support.callers import ANSWERS, FAMILIES, STREAMS, ask, calling, model_of
from tests.support.pairs import GOOD, INPUT, OUTPUT, answer, rows_of
from tests.support.running import RunningProxy
from tests.support.scripted import ScriptedUpstream
from tests.support.scripts import (
    Script,
    Step,
    close,
    failing,
    garbage,
    head,
    pause,
    reset,
    send,
    silence,
    streamed,
)

STREAMING = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
PER_FAMILY = pytest.mark.parametrize("family", FAMILIES)


def half(family: str) -> Step:
    """The head and half the body of a buffered answer."""
    body = json.dumps(ANSWERS[family]).encode()
    return send(head() + b"content-length: %d\r\n\r\n" % len(body) + body[: len(body) // 2])


# What the first may do instead of answering: script, the row's status and code, and whether it may have billed the input.
INSTEAD: dict[str, tuple[Script, int, str, bool]] = {
    "answers 503": (failing(503), 503, "passed_over", False),
    "answers 429 and asks to be left alone": (failing(429, "30"), 429, "passed_over", False),
    "answers 529": (failing(529), 529, "passed_over", False),
    "answers 500": (failing(500), 500, "passed_over", False),
    "resets": ([reset()], 502, "upstream_error", False),
    "closes": ([close()], 502, "upstream_error", False),
    "sends garbage": (garbage(), 502, "upstream_protocol_error", False),
    "never answers": ([silence()], 504, "upstream_timeout", True),
}


@STREAMING
@PER_FAMILY
@pytest.mark.parametrize("case", INSTEAD)
async def test_the_second_answers_when_the_first(
    proxy: RunningProxy, first: ScriptedUpstream, second: ScriptedUpstream, case: str, family: str, *, stream: bool
) -> None:
    script, status, code, may_bill = INSTEAD[case]
    first.replies(script, always=True)
    second.replies(answer(family, stream=stream))
    heard = await ask(proxy, f"{family}-model", stream=stream)
    assert heard.status == 200
    assert heard.body == (b"".join(STREAMS[family]) if stream and family != "openai" else heard.body)
    assert heard.headers["x-tally-upstream"] == f"{family}-model-second"
    assert heard.headers["x-tally-attempts"] == "2"
    view = await asyncio.to_thread(
        proxy.get_json, f"/v1/calls/{heard.headers['x-request-id']}"
    )  # at once, and complete
    failed, stood = await rows_of(proxy, heard, 2)
    assert (failed.upstream, failed.outcome) == (f"{family}-model-first", Outcome.UPSTREAM_ERROR)
    assert (failed.status, failed.error) == (status, code)
    assert failed.cost_nusd == (failed.usage.input or 0) * INPUT[0]
    assert bool(failed.cost_nusd) == may_bill
    assert (stood.upstream, stood.outcome, stood.status) == (f"{family}-model-second", Outcome.OK, 200)
    assert stood.cost_nusd == GOOD
    assert len(second.seen) == 1
    assert len(first.seen) in (1, 2)  # a connection that was reused and died before any byte is tried once more, afresh
    assert model_of(second.seen[0]) == f"{family}-model"
    assert [(one["attempt"], one["upstream"]) for one in view["attempts"]] == [
        (1, failed.upstream),
        (2, stood.upstream),
    ]
    assert (view["outcome"], round(float(view["cost_usd"]) * 1e9)) == ("ok", failed.cost_nusd + GOOD)


@PER_FAMILY
async def test_the_second_answers_when_the_first_refuses_connections(
    proxy: RunningProxy, second: ScriptedUpstream, family: str
) -> None:
    second.replies(answer(family, stream=False))
    heard = await ask(proxy, f"{family}-refused")
    assert json.loads(heard.body) == ANSWERS[family]
    failed, stood = await rows_of(proxy, heard, 2)
    assert (failed.status, failed.cost_nusd, stood.cost_nusd) == (502, 0, GOOD)


@PER_FAMILY
@pytest.mark.parametrize("step", [reset(), close(), silence()], ids=["resets", "closes", "stalls"])
async def test_a_whole_answer_that_breaks_in_the_middle_is_asked_for_elsewhere(
    proxy: RunningProxy, first: ScriptedUpstream, second: ScriptedUpstream, step: Step, family: str
) -> None:
    first.replies([half(family), pause(0.05), step])
    second.replies(answer(family, stream=False))
    heard = await ask(proxy, f"{family}-model")
    assert json.loads(heard.body) == ANSWERS[family]
    failed, stood = await rows_of(proxy, heard, 2)
    assert failed.outcome is Outcome.UPSTREAM_ERROR
    assert 0 < failed.cost_nusd == (failed.usage.input or 0) * INPUT[0] + (failed.usage.output or 0) * OUTPUT[0]
    assert stood.cost_nusd == GOOD


async def test_the_row_of_a_long_answer_that_broke_tells_how_it_ended_though_the_next_one_streams_meanwhile(
    proxy: RunningProxy, first: ScriptedUpstream, second: ScriptedUpstream
) -> None:
    told = ANSWERS["openai"] | {
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "word " * 40_000}}]
    }
    body = json.dumps(told).encode()
    first.replies([send(head() + b"content-length: %d\r\n\r\n" % (len(body) + 1) + body), pause(0.05), reset()])
    second.replies(answer("openai", stream=True))
    heard = await ask(proxy, "openai-model")
    failed, stood = await rows_of(proxy, heard, 2)
    assert (failed.status, failed.may_follow, stood.status) == (502, True, 200)


@PER_FAMILY
@pytest.mark.parametrize("step", [reset(), close(), silence()], ids=["resets", "closes", "stalls"])
async def test_a_stream_that_ends_before_its_first_event_is_asked_for_elsewhere(
    proxy: RunningProxy, first: ScriptedUpstream, second: ScriptedUpstream, step: Step, family: str
) -> None:
    first.replies(streamed([], then=step))
    second.replies(answer(family, stream=True))
    heard = await ask(proxy, f"{family}-model", stream=True)
    assert (heard.status, heard.headers["x-tally-attempts"]) == (200, "2")
    failed, stood = await rows_of(proxy, heard, 2)
    # It had begun to answer: what it read may be billed.
    assert 0 < failed.cost_nusd == (failed.usage.input or 0) * INPUT[0]
    assert stood.cost_nusd == GOOD


@PER_FAMILY
@pytest.mark.parametrize("step", [reset(), silence()], ids=["resets", "stalls"])
async def test_after_the_first_byte_there_is_one_honest_error_and_no_second_attempt(
    proxy: RunningProxy, first: ScriptedUpstream, second: ScriptedUpstream, step: Step, family: str
) -> None:
    first.replies(streamed(STREAMS[family][:2], every=0.02, then=step))
    second.replies(answer(family, stream=True))
    async with calling(proxy, f"{family}-model", stream=True) as caller:
        heard, rest = await caller.head(), await caller.rest()
    assert heard.headers["x-tally-upstream"] == f"{family}-model-first"
    assert not rest.endswith(b"0\r\n\r\n")
    assert rest.count(f"Upstream {family}-model-first ".encode()) == 1
    (row,) = await rows_of(proxy, heard, 1)
    assert row.outcome is Outcome.UPSTREAM_ERROR
    assert row.cost_nusd == (row.usage.input or 0) * INPUT[0] + (row.usage.output or 0) * OUTPUT[0]
    assert second.seen == []
