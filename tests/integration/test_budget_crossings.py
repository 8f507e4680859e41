"""People who keep watch are told once, however many calls cross a threshold at one time, at whichever worker."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from tests.support.callers import ANSWERS, ask, upstreams
from tests.support.exposition import shown
from tests.support.killing import all_serve
from tests.support.listening import Caller, post
from tests.support.policies import policy
from tests.support.running import RunningProxy
from tests.support.scripted import ScriptedUpstream
from tests.support.scripts import whole
from tests.support.waiting import until

CALLS, SECRET = 60, "notice-secret"
DIRECTORY = """\
org: acme
teams:
  growth: { projects: [crm] }
  research: { projects: [evals] }
users:
  ann@acme.example: { team: growth }
  bob@acme.example: { team: research }
keys: []
"""
RULES = """\
  - name: team-day
    budget: { limit: $100/day, per: team, warn_at: [50%, 90%] }
  - name: label
    mode: warn
    match: { teams: [growth] }
    require: { tags: [purpose] }
  - name: pace
    match: { teams: [research] }
    rate: { limit: 2 requests/hour, per: user }
"""


def exemption(name: str, days: int) -> str:
    """One that ends in so many days."""
    today = datetime.now(UTC).date()
    return (
        f"kind: Exemption\nname: {name}\nowner: ops@acme.example\napproved_by: sec@acme.example\nreason: a test\n"
        f"match: {{ teams: [research] }}\nfrom: {today}\nuntil: {today + timedelta(days)}\nlift: [p/label]\n"
    )


@pytest.fixture(scope="module")
def receiver() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as found:
        yield found.replies(whole(b"", 204), always=True)


@pytest.fixture(scope="module")
def proxy(receiver: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    """Two workers; a call costs a dollar, whatever it says."""
    home = tmp_path_factory.mktemp("crossings")
    (home / "policies").mkdir()
    (home / "policies" / "p.yaml").write_text(policy(RULES))
    for name, days in (("near", 2), ("far", 9)):
        (home / "policies" / f"{name}.yaml").write_text(exemption(name, days))
    (home / "directory.yaml").write_text(DIRECTORY)
    notify = f"notify: {{ url: '{receiver.base_url}/hook', secret: env:NOTICE_SECRET }}"
    with ScriptedUpstream() as scripted:
        scripted.replies(whole(ANSWERS["openai"]), path="/v1/chat/completions", always=True)
        scripted.replies(whole(ANSWERS["anthropic"]), path="/v1/messages", always=True)
        served = upstreams(scripted.base_url, prices="{ per_request: 1 }")
        running = RunningProxy(home, served, workers=2, budget="", more=notify, env={"NOTICE_SECRET": SECRET})
        (home / "bob").write_text(running.issue("bob@acme.example", "evals"))
        with running:
            yield running


def notices(receiver: ScriptedUpstream, type_: str) -> list[dict[str, Any]]:
    """What was posted of this type; every signature is right."""
    found = []
    for seen in receiver.seen:
        digest = hmac.new(SECRET.encode(), seen.body, hashlib.sha256).hexdigest()
        assert seen.header("x-tally-signature") == f"sha256={digest}"
        found.append(json.loads(seen.body))
    return [notice for notice in found if notice["type"] == type_]


def counted(proxy: RunningProxy, name: str) -> dict[frozenset[tuple[str, str]], float]:
    return {labels: value for (shown_name, labels), value in shown(proxy.home / "state" / "metrics").items()
            if shown_name == name}  # fmt: skip


async def test_of_many_calls_that_cross_at_one_time_one_is_told_of(
    proxy: RunningProxy, receiver: ScriptedUpstream
) -> None:
    await until(partial(all_serve, proxy))
    answers = await asyncio.gather(*(ask(proxy, f"openai-{number}") for number in range(CALLS)))
    assert [answer.status for answer in answers] == [200] * CALLS
    assert any("p/team-day at 5" in answer.headers.get("x-tally-warning", "") for answer in answers)

    async def told() -> bool:
        return bool(notices(receiver, "budget.crossed")) and bool(notices(receiver, "rule.warned"))

    await until(told)
    answers = await asyncio.gather(*(ask(proxy, f"openai-{number}") for number in range(10)))
    await asyncio.sleep(0.3)  # a second one would have come by now
    (crossed,) = notices(receiver, "budget.crossed")
    assert {name: crossed[name] for name in ("rule", "scope", "mark", "limit", "period", "owner", "mode")} == {
        "rule": "p/team-day",
        "scope": "team:growth",
        "mark": "50%",
        "limit": "$100.00",
        "period": "day",
        "owner": "sec@acme.example",
        "mode": "enforce",
    }
    assert 50 <= float(crossed["level"].removeprefix("$")) <= CALLS + 10  # of whichever worker was first to say so
    assert crossed["resets_at"] > crossed["at"]
    (warned,) = notices(receiver, "rule.warned")
    assert (warned["rule"], warned["scope"]) == ("p/label", "team:growth")
    assert b"ann@" not in b"".join(seen.body for seen in receiver.seen)
    assert proxy.log.read_text().count("budget_crossed") == 1

    async def exported() -> bool:
        labels = frozenset({"rule": "p/team-day", "mark": "50%"}.items())
        return counted(proxy, "tallygate_budget_crossings_total") == {labels: 1.0}

    await until(exported)


async def test_an_exemption_that_ends_within_three_days_is_told_of_once(
    proxy: RunningProxy, receiver: ScriptedUpstream
) -> None:
    await until(partial(all_serve, proxy))

    async def told() -> bool:
        return bool(notices(receiver, "exemption.expires"))

    await until(told)
    await asyncio.sleep(0.3)  # a second one would have come by now
    (ends,) = notices(receiver, "exemption.expires")
    assert (ends["exemption"], ends["owner"], ends["reason"]) == ("near", "ops@acme.example", "a test")
    assert ends["expires_at"] > ends["at"]


async def test_whoever_is_refused_is_told_the_limits_like_whoever_is_served(proxy: RunningProxy) -> None:
    key = (proxy.home / "bob").read_text()
    body = {"model": "anthropic-1", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 100}
    heard = []
    for _ in range(3):
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        caller = Caller(reader, writer)
        await caller.send(post("/v1/messages", json.dumps(body).encode(), f"authorization: Bearer {key}"))
        heard.append(await caller.answer())
        caller.reset()
    served, refused = heard[0], heard[2]
    assert [answer.status for answer in heard] == [200, 200, 429]
    assert served.headers["anthropic-ratelimit-requests-remaining"] == "1"
    assert refused.headers["anthropic-ratelimit-requests-limit"] == "2"
    assert refused.headers["anthropic-ratelimit-requests-remaining"] == "0"
    assert "anthropic-ratelimit-requests-reset" in refused.headers
    assert refused.headers["x-tally-budget"].startswith("p/team-day remaining=$98.00 resets=")
