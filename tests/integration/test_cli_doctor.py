"""``tallygate doctor`` on a proxy that is well, and on one of which several things are wrong."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.engines import running_engine
from tests.support.running import RunningProxy, free_port, openai_like
from tests.support.scripted import ScriptedUpstream
from tests.support.scripts import failing, whole

SECRET = "sk-upstream-secret-1234567890"
LIST = whole(b'{"object":"list","data":[]}')


def findings(proxy: RunningProxy, code: int, *options: str) -> dict[str, tuple[str, str]]:
    """State and sentence by name (the last of a name), after checking its exit status and that it keeps secrets."""
    done = proxy.cli("doctor", "--json", *options)
    assert done.returncode == code, done.stdout + done.stderr
    assert SECRET not in done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert told["ok"] is (code == 0)
    return {finding["name"]: (finding["state"], finding["said"]) for finding in told["findings"]}


def test_a_proxy_that_is_well_is_told_so_with_every_thing_named(tmp_path: Path) -> None:
    with ScriptedUpstream() as scripted:
        scripted.replies(LIST, path="/v1/models", always=True)
        upstreams = {"main": openai_like(scripted.base_url, more=", key: env:UP_KEY")}
        with RunningProxy(tmp_path, upstreams, env={"UP_KEY": SECRET}) as proxy:
            told = findings(proxy, 0)
            lines = proxy.cli("doctor").stdout.splitlines()
        assert scripted.seen[0].header("authorization") == f"Bearer {SECRET}"
    states = {name: state for name, (state, _) in told.items()}
    assert set(states.values()) == {"ok"}, told
    assert {"configuration", "keys", "permissions", "disk", "ranks", "prices", "proxy", "store", "cache"} <= set(told)
    assert {"eviction", "cache eviction", "persistence", "clock", "overdue holds", "holds", "upstream main"} <= set(
        told
    )
    assert told["upstream main"][1].endswith("the key is good")
    assert len(lines) == len(told) + 2  # two vocabularies share a name, and the sum comes last


def test_without_a_running_proxy_nothing_fails_and_what_was_not_asked_says_so(tmp_path: Path) -> None:
    proxy = RunningProxy(tmp_path, {"main": openai_like("http://127.0.0.1:9")})
    told = findings(proxy, 0, "--offline")
    assert [told[name][0] for name in ("proxy", "store", "cache")] == ["off", "off", "off"]
    assert "upstream main" not in told


def test_what_is_wrong_is_told_with_exit_status_one(tmp_path: Path) -> None:
    with ScriptedUpstream() as scripted, running_engine("valkey", "--maxmemory-policy", "allkeys-lru") as engine:
        scripted.replies(failing(401), path="/v1/models", always=True)
        upstreams = {
            "refusing": openai_like(scripted.base_url, more=", key: env:UP_KEY"),
            "away": openai_like(
                f"http://127.0.0.1:{free_port()}", models="named-model", prices="{ input: 1, output: 1 }"
            ),
            "priceless": '{ dialect: openai, base_url: "http://127.0.0.1:9/v1", models: [nameless] }',
        }
        more = f'store: {{ url: "{engine.url}" }}'
        more += f'\nledger: {{ url: "postgresql://nobody:{SECRET}@127.0.0.1:{free_port()}/none" }}'
        proxy = RunningProxy(tmp_path, upstreams, budget="", more=more, env={"UP_KEY": SECRET})
        (tmp_path / "directory.yaml").chmod(0o666)
        told = findings(proxy, 1)
    assert told["eviction"] == ("fail", "the store evicts (allkeys-lru)")
    assert told["upstream refusing"][0] == "fail"
    assert "does not take the key" in told["upstream refusing"][1]
    assert told["upstream away"][0] == "fail"
    assert told["permissions"] == ("fail", "everybody on this machine may change directory.yaml")
    assert told["prices"] == ("warn", "nameless at priceless have no price: calls are refused")
    assert told["budget"][0] == "warn"
    assert told["ledger"][0] == "fail"


def test_a_configuration_that_cannot_be_read_is_the_first_thing_told(tmp_path: Path) -> None:
    proxy = RunningProxy(tmp_path, {"main": openai_like("http://127.0.0.1:9")})
    proxy.config.write_text(proxy.config.read_text() + "\nlisten_on: 7\n")
    told = findings(proxy, 1)
    assert told.keys() == {"configuration"}
    assert "unknown key 'listen_on'" in told["configuration"][1]
