"""What people are shown of answers given again: what was saved stands beside what was spent, and never in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from proxy.stores.engine import Engine, cache_flags
from tests.support.company import key_of
from tests.support.engines import short_folder
from tests.support.policed import policed, until, wait_metric
from tests.support.reusing import CHAT, Asking, Got
from tests.support.scripted import ScriptedUpstream

RULES = "  - name: reuse\n    cache: { mode: near, share: team, ttl: 1h }\n"
PEOPLE = {"bea": "growth", "cem": "growth", "dan": "growth", "eve": "research", "fay": "research", "gil": "research"}
PRICE_NUSD = 18_000_000  # of a call: 12 tokens in and 3 out (`policed.PRICES`)
_NUMBERS = count()


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    """A cache that the proxy does not start again by itself."""
    with short_folder() as folder:
        made = Engine("cache", folder, cache_flags(maxmemory_mb=32))
        made.start()
        yield made
        made.stop()


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory, engine: Engine) -> Iterator[Asking]:
    home, more = tmp_path_factory.mktemp("home"), f'cache: {{ url: "{engine.url}" }}'
    with ScriptedUpstream() as upstream, policed(home, upstream, RULES, PEOPLE, more=more) as proxy:
        yield Asking(proxy, upstream)


@pytest.fixture
def question() -> str:
    """One that nobody has asked."""
    return f"Explain how the sails of ship {next(_NUMBERS)} are set by a crew"


def call(asking: Asking, got: Got, who: str) -> Any:
    """What ``/v1/calls`` says."""
    return json.loads(asking.proxy.get(f"/v1/calls/{got.id}", key=key_of(who)))


def spent(asking: Asking, *options: str) -> Any:
    """What ``report spend`` says."""
    return json.loads(asking.proxy.cli("report", "spend", "--format", "json", *options).stdout)


def metric(asking: Asking, name: str, among: str = "") -> float:
    """The sum of a counter over the series of the team research."""
    lines = asking.proxy.get("/metrics", base=asking.proxy.admin_url).decode().splitlines()
    mine = [line for line in lines if line.startswith(f"{name}{{") and 'team="research"' in line and among in line]
    return round(sum(float(line.split()[-1]) for line in mine), 9)


def test_three_who_ask_the_same_use_one_call_and_save_the_price_of_two(asking: Asking, question: str) -> None:
    asking.answers(CHAT.script())
    for who in ("eve", "fay", "gil"):
        asking.row(asking.ask(CHAT, question, who=who))
    (team,) = [row for row in spent(asking, "--by", "team")["rows"] if row["team"] == "research"]
    assert (team["calls"], team["input"], team["output"]) == (3, 12, 3)
    assert (team["cost_usd"], team["saved_usd"]) == ("0.018000", "0.036000")
    wait_metric(asking.proxy, 'tallygate_saved_usd_total{how="hit",team="research"} 0.036')
    assert [metric(asking, "tallygate_tokens_total", f'type="{kind}"') for kind in ("input", "output")] == [12, 3]
    assert [metric(asking, "tallygate_saved_tokens_total", f'type="{kind}"') for kind in ("input", "output")] == [24, 6]
    assert metric(asking, "tallygate_requests_total") == 3
    assert metric(asking, "tallygate_cost_usd_total") == 0.018


def test_everybody_reads_their_own_savings_and_nobody_elses(asking: Asking, question: str) -> None:
    asking.answers(CHAT.script())

    def usage(who: str) -> Any:
        return json.loads(asking.proxy.get("/v1/me", key=key_of(who)))["usage"]

    before = {who: usage(who) for who in ("bea", "dan")}
    for who in ("bea", "dan"):
        asking.row(asking.ask(CHAT, question, who=who))
    for span in ("today", "month"):
        paid, given = usage("bea")[span], usage("dan")[span]
        assert (paid["reused"], paid["saved_usd"]) == (before["bea"][span]["reused"], before["bea"][span]["saved_usd"])
        assert (given["calls"], given["reused"]) == (1, 1)
        assert (given["cost_usd"], given["input"], given["output"]) == ("0.000000", 0, 0)
        assert given["saved_usd"] == "0.018000"


def test_a_hit_is_told_with_what_it_saved_and_a_miss_with_its_reason(asking: Asking, question: str) -> None:
    asking.answers(CHAT.script())
    lead = call(asking, asking.ask(CHAT, f"Please {question[0].lower()}{question[1:]}."), "bea")
    assert lead["cache"] == "miss"
    assert not {"cache_reason", "saved_usd"} & lead.keys()
    hit = call(asking, asking.ask(CHAT, question, who="cem"), "cem")
    assert (hit["outcome"], hit["cache"]) == ("cache_hit", "near")
    assert (hit["cost_usd"], hit["saved_usd"]) == ("0.000000", "0.018000")
    (attempt,) = hit["attempts"]
    assert (attempt["saved_nusd"], attempt["saved_input"], attempt["saved_output"]) == (PRICE_NUSD, 12, 3)
    assert (attempt["cost_nusd"], attempt["usage"]["input"]) == (0, None)
    fresh = asking.ask(CHAT, question, who="cem")
    told = call(asking, fresh, "cem")
    assert (told["cache"], told["cache_reason"]) == ("refresh", fresh.why) == ("refresh", "refresh")
    warm = asking.ask(CHAT, question, who="cem", temperature=1)
    assert (call(asking, warm, "cem")["cache"], call(asking, warm, "cem")["cache_reason"]) == ("bypass", warm.why)
    assert warm.why


def test_a_cache_that_is_away_is_told_to_probes_and_by_the_doctor_while_calls_are_served(
    asking: Asking, engine: Engine, question: str
) -> None:
    proxy = asking.proxy
    asking.answers(CHAT.script())
    until(lambda: proxy.get("/readyz") == b"ok\n")
    engine.stop()
    try:
        until(lambda: proxy.get("/readyz").startswith(b"degraded: the cache is away, calls go upstream: "))
        until(lambda: b"the cache is away" in proxy.get("/readyz", base=proxy.admin_url))
        got = asking.ask(CHAT, question)
        assert (got.status, got.cache, call(asking, got, "bea")["cache_reason"]) == (200, "miss", "away")
        told = proxy.cli("doctor", "--offline")
        assert told.returncode == 1
        assert "the cache is away" in told.stdout
        assert "meanwhile calls go upstream, and nothing is answered again" in told.stdout
    finally:
        engine.start()
    until(lambda: proxy.get("/readyz") == b"ok\n")
