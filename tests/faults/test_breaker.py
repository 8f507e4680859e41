"""An upstream that keeps failing is left alone, its callers are served elsewhere or told at once, and one call asks whether it is back."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from proxy.domain.row import Outcome
from proxy.stores.keys import open_holds
from tests.support.at_rest import ORG
from tests.support.callers import ANSWERS, FAMILIES, ask, calling, told
from tests.support.listening import Heard
from tests.support.pairs import SHORT, entry, rows_of, two
from tests.support.running import RunningProxy
from tests.support.scripted import ScriptedUpstream
from tests.support.scripts import Script, failing, joined, pause, reset, silence, whole
from tests.support.waiting import until

OPEN_S = 1.0
BREAKER = f"breaker: {{ failures: 3, open: {OPEN_S:g}s }}"
LONG = "breaker: { failures: 3, open: 60s }"
OK = whole(ANSWERS["openai"])


@pytest.fixture(scope="module")
def first() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def second() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def proxy(
    first: ScriptedUpstream, second: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningProxy]:
    one, other = first.base_url, second.base_url
    found = {
        **two(one, other, "openai-pair", SHORT, BREAKER),
        **two(one, other, "openai-asked", LONG),
        **two(one, other, "openai-limited", LONG),
        **{f"{family}-alone": entry(one, f"{family}-alone", LONG) for family in FAMILIES},
        **{f"{name}": entry(one, f"openai-{name}", BREAKER) for name in ("probed", "doubled", "left", "storm", "bad")},
        "narrow": entry(one, "openai-narrow", "parallel: 2", "queue: { max: 3, wait: 30s }"),
        "hasty": entry(one, "openai-hasty", "parallel: 1", "queue: { max: 1, wait: 300ms }"),
        "wide-first": entry(one, "openai-wide", "parallel: 1"),
        "wide-second": entry(other, "openai-wide"),
        "three": entry(one, "openai-weighed", "weight: 3"),
        "one": entry(other, "openai-weighed", "weight: 1"),
    }
    with RunningProxy(tmp_path_factory.mktemp("home"), found) as running:
        yield running


@pytest.fixture(autouse=True)
def _fresh(first: ScriptedUpstream, second: ScriptedUpstream) -> None:
    first.forget()
    second.forget()


async def several(proxy: RunningProxy, model: str, count: int) -> list[Heard]:
    """Calls one after the other."""
    return [await ask(proxy, model) for _ in range(count)]


async def break_it(proxy: RunningProxy, first: ScriptedUpstream, model: str, script: Script | None = None) -> None:
    """Three failures in a row, and forget what was seen."""
    first.replies(script or failing(503), always=True)
    await several(proxy, model, 3)
    first.forget()


async def test_after_failures_in_a_row_calls_go_to_the_other_without_touching_the_first(
    proxy: RunningProxy, first: ScriptedUpstream, second: ScriptedUpstream
) -> None:
    second.replies(OK, always=True)
    await break_it(proxy, first, "openai-pair", [reset()])
    first.replies(OK, always=True)
    heard = await several(proxy, "openai-pair", 5)
    assert [one.headers["x-tally-upstream"] for one in heard] == ["openai-pair-second"] * 5
    assert all("x-tally-attempts" not in one.headers for one in heard)
    assert first.seen == []
    (row,) = await rows_of(proxy, heard[-1], 1)
    assert row.upstream == "openai-pair-second"
    await asyncio.sleep(OPEN_S)
    heard = await several(proxy, "openai-pair", 2)
    assert [one.headers["x-tally-upstream"] for one in heard] == ["openai-pair-first"] * 2


@pytest.mark.parametrize("family", FAMILIES)
async def test_alone_and_left_alone_its_callers_are_told_at_once_and_probes_see_why(
    proxy: RunningProxy, first: ScriptedUpstream, family: str
) -> None:
    await break_it(proxy, first, f"{family}-alone")
    heard = await ask(proxy, f"{family}-alone")
    assert (heard.status, heard.headers["x-should-retry"]) == (503, "true")
    assert 50 < int(heard.headers["retry-after"]) <= 66  # with its jitter
    assert f"{family}-alone" in told(heard)["message"]
    assert first.seen == []
    await asyncio.to_thread(proxy.wait_rows, request_id=heard.headers["x-request-id"])
    (row,) = proxy.rows(request_id=heard.headers["x-request-id"])
    assert (row.attempt, row.status, row.outcome, row.cost_nusd) == (0, 503, Outcome.PROXY_ERROR, 0)
    phrase = f"upstream {family}-alone is left alone after 3 failures in a row (status 503)"

    async def said() -> bool:
        bodies = [proxy.get("/readyz"), proxy.get("/readyz", base=proxy.admin_url)]
        return all(body.startswith(b"degraded: ") and phrase.encode() in body for body in bodies)

    await until(said)
    shown = proxy.get("/metrics", base=proxy.admin_url).decode()
    assert f'tallygate_upstream_up{{upstream="{family}-alone"}} 0.0' in shown
    assert f'tallygate_upstream_breaker_state{{upstream="{family}-alone"}} 2.0' in shown
    assert f'tallygate_upstream_failures_total{{reason="status",upstream="{family}-alone"}} 3.0' in shown
    assert 'tallygate_upstream_up{upstream="narrow"} 1.0' in shown


async def test_it_is_left_alone_as_long_as_it_asks_for(proxy: RunningProxy, first: ScriptedUpstream) -> None:
    await break_it(proxy, first, "openai-asked", failing(503, "200"))
    shown = json.loads(proxy.cli("upstreams", "--json").stdout)["upstreams"]
    (found,) = [one for one in shown if one["name"] == "openai-asked-first"]
    assert (found["state"], found["last_failure"], found["failures_in_a_row"]) == ("open", "status 503", 3)
    assert 190 < found["retry_in_s"] <= 200


async def test_one_call_probes_under_a_crowd_and_its_success_lets_all_through(
    proxy: RunningProxy, first: ScriptedUpstream
) -> None:
    await break_it(proxy, first, "openai-probed")
    await asyncio.sleep(OPEN_S)
    first.replies(joined(pause(0.3), OK), path="/v1/chat/completions")
    heard = await asyncio.gather(*(ask(proxy, "openai-probed") for _ in range(12)))
    assert Counter(one.status for one in heard) == {503: 11, 200: 1}
    assert len(first.seen) == 1
    first.forget()
    first.replies(OK, always=True)
    heard = await asyncio.gather(*(ask(proxy, "openai-probed") for _ in range(5)))
    assert {one.status for one in heard} == {200}


async def test_a_probe_that_fails_leaves_it_alone_for_twice_as_long(
    proxy: RunningProxy, first: ScriptedUpstream
) -> None:
    await break_it(proxy, first, "openai-doubled")
    await asyncio.sleep(OPEN_S)
    first.replies(failing(500, message="still broken"), OK)
    (probe,) = await several(proxy, "openai-doubled", 1)
    assert told(probe)["message"] == "still broken"
    await asyncio.sleep(OPEN_S * 1.1)
    assert (await ask(proxy, "openai-doubled")).status == 503
    assert len(first.seen) == 1
    await asyncio.sleep(OPEN_S)
    assert (await ask(proxy, "openai-doubled")).status == 200


async def test_a_probe_whose_caller_left_is_followed_by_another(proxy: RunningProxy, first: ScriptedUpstream) -> None:
    await break_it(proxy, first, "openai-left")
    await asyncio.sleep(OPEN_S)
    first.replies([silence()], OK)
    async with calling(proxy, "openai-left") as caller:
        await first.wait_seen()
        caller.leave()
        await first.wait_closed(first.seen[-1].connection)

    async def served() -> bool:
        return (await ask(proxy, "openai-left")).status == 200

    await until(served)
    assert len(first.seen) == 2


async def test_a_storm_of_429_reaches_callers_in_their_upstreams_own_words(
    proxy: RunningProxy, first: ScriptedUpstream
) -> None:
    first.replies(failing(429, "23", "own words"), always=True)
    heard = await several(proxy, "openai-storm", 6)
    assert {(one.status, one.headers["retry-after"], told(one)["message"]) for one in heard} == {
        (429, "23", "own words")
    }
    assert len(first.seen) == 6
    first.forget()
    first.replies(OK, always=True)
    assert (await ask(proxy, "openai-storm")).status == 200


async def test_with_somebody_else_a_throttled_upstream_is_passed_by(
    proxy: RunningProxy, first: ScriptedUpstream, second: ScriptedUpstream
) -> None:
    second.replies(OK, always=True)
    await break_it(proxy, first, "openai-limited", failing(429, "90"))
    heard = await several(proxy, "openai-limited", 3)
    assert {one.headers["x-tally-upstream"] for one in heard} == {"openai-limited-second"}
    assert first.seen == []


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
async def test_what_callers_or_keys_do_wrong_never_leaves_an_upstream_alone(
    proxy: RunningProxy, first: ScriptedUpstream, status: int
) -> None:
    first.replies(failing(status), always=True)
    heard = await several(proxy, "openai-bad", 5)
    assert [one.status for one in heard] == [status] * 5
    assert len(first.seen) == 5


async def test_never_more_at_once_than_allowed_the_rest_wait_and_the_surplus_is_told(
    proxy: RunningProxy, first: ScriptedUpstream
) -> None:
    first.replies(joined(pause(0.2), OK), always=True)
    began = time.monotonic()
    heard = await asyncio.gather(*(ask(proxy, "openai-narrow") for _ in range(10)))
    assert Counter(one.status for one in heard) == {200: 5, 503: 5}  # two at once, and three in line
    (refused, *_) = [one for one in heard if one.status == 503]
    assert refused.headers["retry-after"] in ("1", "2")  # a second and its jitter
    assert refused.headers["x-should-retry"] == "true"
    assert "narrow" in told(refused)["message"]
    assert len(first.seen) == 5
    # Two at a time: whoever came third was sent when the first two had their answers.
    arrivals = sorted(seen.at for seen in first.seen)
    assert all(later - earlier >= 0.19 for earlier, later in zip(arrivals, arrivals[2:], strict=False))
    assert time.monotonic() - began < 20


async def test_nobody_holds_money_while_waiting_and_leaving_frees_the_place(
    proxy: RunningProxy, first: ScriptedUpstream
) -> None:
    first.replies([silence()], [silence()], OK)
    engine = proxy.engine()
    async with calling(proxy, "openai-narrow") as one, calling(proxy, "openai-narrow") as two_:
        await first.wait_seen(2)
        async with calling(proxy, "openai-narrow"), calling(proxy, "openai-narrow"), calling(proxy, "openai-narrow"):
            await until(lambda: queued(proxy, 3))
            assert engine.zcard(open_holds(ORG)) == 2
            assert (await ask(proxy, "openai-narrow")).status == 503
        await until(lambda: queued(proxy, 0))
        one.leave()
        two_.leave()
    assert (await ask(proxy, "openai-narrow")).status == 200
    assert len(first.seen) == 3  # those who left the queue were never sent


async def queued(proxy: RunningProxy, count: int) -> bool:
    shown = json.loads(await asyncio.to_thread(proxy.get, "/api/v1/upstreams", base=proxy.admin_url))
    return bool(next(one["queued"] for one in shown["upstreams"] if one["name"] == "narrow") == count)


async def test_a_wait_that_is_too_long_ends_in_words(proxy: RunningProxy, first: ScriptedUpstream) -> None:
    first.replies([silence()])
    async with calling(proxy, "openai-hasty"):
        await first.wait_seen()
        heard = await ask(proxy, "openai-hasty")
    assert (heard.status, heard.headers["x-should-retry"]) == (503, "true")
    assert len(first.seen) == 1


async def test_who_finds_the_first_full_goes_to_the_second_at_once(
    proxy: RunningProxy, first: ScriptedUpstream, second: ScriptedUpstream
) -> None:
    first.replies([silence()])
    second.replies(OK, always=True)
    async with calling(proxy, "openai-wide"):
        await first.wait_seen()
        heard = await several(proxy, "openai-wide", 2)
    assert {one.headers["x-tally-upstream"] for one in heard} == {"wide-second"}


async def test_sessions_are_divided_by_weight_and_stay_where_they_are(
    proxy: RunningProxy, first: ScriptedUpstream, second: ScriptedUpstream
) -> None:
    first.replies(OK, always=True)
    second.replies(OK, always=True)
    body = {"model": "openai-weighed", "messages": [{"role": "user", "content": "hello"}]}

    def served_by(session: int) -> str:
        _, headers, _ = proxy.post("/v1/chat/completions", body, {"x-session-id": f"session-{session}"})
        return headers["x-tally-upstream"]

    once = await asyncio.to_thread(lambda: [served_by(session) for session in range(120)])
    again = await asyncio.to_thread(lambda: [served_by(session) for session in range(120)])
    assert once == again
    assert 70 < Counter(once)["three"] < 109  # 90 of 120 expected; the draw is fixed by the names
