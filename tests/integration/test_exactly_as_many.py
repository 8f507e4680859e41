"""A budget admits exactly as many calls as fit into it, whoever asks, however many at one time, whichever worker."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from functools import partial
from pathlib import Path

from proxy.domain.row import Outcome
from tests.support.at_rest import wait_rest
from tests.support.callers import ANSWERS, FAMILIES, ask, model_of, told, upstreams
from tests.support.killing import all_serve
from tests.support.listening import Heard
from tests.support.policies import policy
from tests.support.running import RunningProxy
from tests.support.scripted import ScriptedUpstream
from tests.support.scripts import head, joined, pause, send, whole
from tests.support.waiting import until

CALLS, ROOM, WORKERS = 1000, 100, 4
# A call costs a dollar whatever it says, so that its hold is what it costs: settling frees no room for another.
PRICES = "{ per_request: 1 }"
REFUSED: dict[str, dict[str, object]] = {
    "openai": {"type": "insufficient_quota", "code": "insufficient_quota"},
    "anthropic": {"type": "rate_limit_error"},
    "gemini": {"status": "RESOURCE_EXHAUSTED", "code": 429},
}


def models() -> list[str]:
    """A model of its own for every call, the dialects in turn."""
    return [f"{FAMILIES[number % len(FAMILIES)]}-{number}" for number in range(CALLS)]


def script_answers(scripted: ScriptedUpstream) -> None:
    """Every call is answered, some at once and some late: calls are refused while others are held, and while settled."""
    for number, model in enumerate(models()):
        family = model.partition("-")[0]
        body = json.dumps(ANSWERS[family]).encode()
        path = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages"}.get(
            family, f"/v1beta/models/{model}:generateContent"
        )
        answer = send(head() + b"content-length: %d\r\n\r\n" % len(body) + body)
        scripted.replies([pause(number % 10 / 10), answer], path=path)


async def test_of_a_thousand_calls_at_once_over_four_workers_exactly_the_hundred_that_fit_are_admitted(
    tmp_path: Path,
) -> None:
    with ScriptedUpstream() as scripted:
        script_answers(scripted)
        with RunningProxy(
            tmp_path,
            upstreams(scripted.base_url, prices=PRICES),
            workers=WORKERS,
            # On a machine that is busy with other things the store may take longer than a hold waits; then a worker would
            # go by its share of what remained, which is not exact.
            budget=f"budget: {{ limit: ${ROOM}/day, timezone: UTC, on_store_down: {{ meters: deny }} }}",
        ) as proxy:
            await until(partial(all_serve, proxy))
            asked = models()
            async with asyncio.timeout(60):
                heard = dict(zip(asked, await asyncio.gather(*(verdict(proxy, model) for model in asked)), strict=True))
            rows = wait_rest(proxy)

        admitted = {model for model, answer in heard.items() if answer.status == 200}
        assert Counter(answer.status for answer in heard.values()) == {200: ROOM, 429: CALLS - ROOM}
        assert Counter(map(model_of, scripted.seen)) == Counter(admitted)
        assert {row.model_requested for row in rows if row.attempt == 1} == admitted
        outcomes = Counter(row.outcome for row in rows if row.outcome is not Outcome.PROXY_ERROR)
        assert outcomes == {Outcome.OK: ROOM, Outcome.DENIED: CALLS - ROOM}
        assert sum(row.cost_nusd for row in rows) == ROOM * 10**9
        for model, answer in heard.items():
            if model not in admitted:
                check_refusal(model, answer)


RACERS, LIMIT, HELD, COST = 120, 5_000_000_000, 100_000_000, 150_000_000  # nano-dollars
RULES = """\
  - name: expected
    match: { models: ["anthropic-expected-*"] }
    budget: { limit: { default: $9/day, "team:growth": $5/day }, per: team }
  - name: most
    match: { models: ["anthropic-most-*"] }
    budget: { limit: $5/day, per: user, reserve: max }
"""


async def test_what_a_race_overshoots_is_nothing_under_max_and_else_what_those_that_ran_cost_beyond_what_was_expected(
    tmp_path: Path,
) -> None:
    """A call may write a hundred tokens, for ten cents; where that is only expected, it writes half as many again."""
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "p.yaml").write_text(policy(RULES, "on_store_down: { meters: deny }\n"))
    kinds = {"expected": 150, "most": 100}
    with ScriptedUpstream() as scripted:
        for kind, tokens in kinds.items():
            body = ANSWERS["anthropic"] | {"usage": {"input_tokens": 5, "output_tokens": tokens}}
            scripted.replies(joined(pause(0.3), whole(body)), path=f"/{kind}/v1/messages", always=True)
        served = {
            kind: f'{{ dialect: anthropic, base_url: "{scripted.base_url}/{kind}", models: ["anthropic-{kind}-*"], '
            "prices: { input: 0, output: 1000 } }"
            for kind in kinds
        }
        with RunningProxy(tmp_path, served, workers=2, budget="") as proxy:
            await until(partial(all_serve, proxy))
            async with asyncio.timeout(60):
                await asyncio.gather(
                    *(verdict(proxy, f"anthropic-{kind}-{number}") for number in range(RACERS) for kind in kinds)
                )
            rows = [row for row in wait_rest(proxy) if row.outcome is Outcome.OK]
    spent = {kind: sum(row.cost_nusd for row in rows if kind in row.model_requested) for kind in kinds}
    assert spent["most"] == LIMIT
    assert LIMIT <= spent["expected"] <= LIMIT + LIMIT // HELD * (COST - HELD)


async def verdict(proxy: RunningProxy, model: str) -> Heard:
    """The answer of a caller who asks again when told to, as SDKs do: served, or refused for good."""
    while (heard := await ask(proxy, model)).status == 503:
        assert heard.headers["x-should-retry"] == "true"
        await asyncio.sleep(0.1)
    return heard


def check_refusal(model: str, answer: Heard) -> None:
    """Refused in the caller's own words, and told not to try again: no wait of an SDK's would help."""
    error = told(answer)
    family = model.partition("-")[0]
    assert {name: error.get(name) for name in REFUSED[family]} == REFUSED[family]
    assert "config/budget" in error["message"]
    assert "$100.00" in error["message"]
    assert answer.headers["x-should-retry"] == "false"
    assert "retry-after" not in answer.headers
