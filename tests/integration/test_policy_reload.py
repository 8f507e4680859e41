"""A folder of policies is taken whole or not at all: what is broken, or fails its own tests, never changes what is decided."""

from __future__ import annotations

import json
import signal
import urllib.error
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.families import OPENAI, told
from tests.support.killing import kill, workers_of
from tests.support.reloading import (
    FAILURES,
    POLICY,
    Gate,
    call,
    change,
    events,
    generation,
    metric,
    row_of,
    until,
    wait_for_event,
)
from tests.support.running import RunningProxy, openai_like
from tests.support.scripted import ScriptedUpstream
from tests.support.scripts import SSE, chunk, head, send, whole
from tests.support.talking import Talking, request

ANSWER: dict[str, Any] = {"choices": [], "model": "gpt-x", "usage": {"prompt_tokens": 1000, "completion_tokens": 0}}
END = b'data: {"choices":[],"usage":{"prompt_tokens":1000,"completion_tokens":0}}\n\ndata: [DONE]\n\n'
ORG, TESTS = "org.yaml", "tests/org.test.yaml"
POLICIES = {
    ORG: """\
kind: Policy
name: org
owner: security@acme.example
mode: enforce
rules:
  - name: old-models
    match: { models: ["gpt-3*"] }
    deny: { reason: "Too old." }
""",
    TESTS: """\
kind: Tests
given: { principal: { user: ann@acme.example }, clock: 2026-11-23T10:00:00Z }
tests:
  - name: old models are refused
    request: { model: gpt-3.5-turbo }
    expect: { deny: org/old-models, status: 403 }
""",
}
NEW_RULE = """\
  - name: no-minis
    match: { models: ["gpt-5-mini"] }
    deny: { reason: "Not these." }
"""


def kubernetes_volume(folder: Path, files: dict[str, str], name: str) -> None:
    """Put files into a folder as the kubelet does: links into ``..data``, which is swapped whole."""
    for below, text in files.items():
        path = folder / name / below
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    fresh = folder / "..data_tmp"
    fresh.symlink_to(name)
    fresh.rename(folder / "..data")
    for top in {below.partition("/")[0] for below in files}:
        link = folder / top
        if not link.is_symlink():
            link.symlink_to(f"..data/{top}")


@pytest.fixture(scope="module")
def scripted() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def proxy(scripted: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    home = tmp_path_factory.mktemp("home")
    kubernetes_volume(home / "policies", POLICIES, "..1")
    with RunningProxy(home, {"own": openai_like(scripted.base_url)}, workers=2) as running:
        until(lambda: ready(running) == "ok\n")
        yield running


@pytest.fixture(autouse=True)
def _as_before(proxy: RunningProxy, scripted: ScriptedUpstream, request: pytest.FixtureRequest) -> Iterator[None]:
    """Every test begins with the policies that the proxy was started with, in force in every worker."""
    scripted.forget()
    scripted.replies(whole(ANSWER), always=True)
    before = generation(proxy)
    yield
    publish(proxy, POLICIES, f"..after-{abs(hash(request.node.name))}")
    until(lambda: ready(proxy) == "ok\n" and list(metric(proxy, POLICY)) == [before])


def publish(proxy: RunningProxy, files: dict[str, str], name: str) -> None:
    kubernetes_volume(proxy.home / "policies", files, name)


def ready(proxy: RunningProxy) -> str:
    """What the admin listener says, ready or not."""
    try:
        return proxy.get("/readyz", base=proxy.admin_url).decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.read().decode()


def replace(proxy: RunningProxy, worker: int) -> None:
    """Kill a worker, and wait for another one in its place."""
    kill(worker)
    until(lambda: worker not in workers_of(proxy) and len(workers_of(proxy)) == 2)


def refused(proxy: RunningProxy) -> bool:
    return call(proxy, model="gpt-5-mini").status == 403


def test_a_rule_that_is_added_holds_for_the_next_call_in_every_worker_and_is_a_generation_of_its_own(
    proxy: RunningProxy,
) -> None:
    before, taken = generation(proxy), len(events(proxy, "reloaded"))
    good_at = metric(proxy, "tallygate_policy_last_good_timestamp_seconds")[""]
    assert not refused(proxy)
    publish(proxy, POLICIES | {ORG: POLICIES[ORG] + NEW_RULE}, "..2")
    until(lambda: len(metric(proxy, POLICY)) == 1 and before not in metric(proxy, POLICY))
    assert all(refused(proxy) for _ in range(10))
    heard = call(proxy, model="gpt-5-mini")
    assert told(OPENAI, heard)[1] == "policy_denied"
    assert [row_of(proxy, heard).generation] == list(metric(proxy, POLICY))
    assert metric(proxy, "tallygate_policy_last_good_timestamp_seconds")[""] > good_at
    assert [event["detail"] for event in events(proxy, "reloaded")[taken:]] == ["configuration changed: policies"]


def test_a_mistake_keeps_the_last_good_rules_and_is_told_with_its_line_until_it_is_mended(proxy: RunningProxy) -> None:
    before, lines = generation(proxy), len(events(proxy, "reload_failed"))
    failures = sum(metric(proxy, FAILURES).values())
    publish(proxy, POLICIES | {ORG: POLICIES[ORG].replace("deny: {", "dney: {") + NEW_RULE}, "..3")
    wait_for_event(proxy, "reload_failed", lines)
    assert "policies/org.yaml:8:5: " in events(proxy, "reload_failed")[-1]["detail"]
    assert f"degraded: generation {before} stays in force: policies/org.yaml:8:5: " in ready(proxy)
    assert not refused(proxy)
    assert call(proxy, model="gpt-3.5-turbo").status == 403
    assert (generation(proxy), list(metric(proxy, POLICY))) == (before, [before])
    assert sum(metric(proxy, FAILURES).values()) == failures + 1
    assert len(events(proxy, "reload_failed")) == lines + 1


def test_policies_that_fail_their_own_tests_are_not_taken(proxy: RunningProxy) -> None:
    before, lines = generation(proxy), len(events(proxy, "reload_failed"))
    publish(proxy, POLICIES | {ORG: POLICIES[ORG].replace("gpt-3*", "gpt-4*")}, "..4")
    wait_for_event(proxy, "reload_failed", lines)
    detail = events(proxy, "reload_failed")[-1]["detail"]
    assert "policies/tests/org.test.yaml:4:1: the test 'old models are refused' fails: deny: expected org/old" in detail
    assert "policies/tests/org.test.yaml:4" in ready(proxy)
    assert (generation(proxy), call(proxy, model="gpt-3.5-turbo").status) == (before, 403)


def test_a_running_stream_ends_under_the_rules_that_it_began_with(
    proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    before = generation(proxy)
    scripted.forget()
    go = Gate()
    first = chunk(b'data: {"choices":[{"index":0,"delta":{"content":"a"}}]}\n\n')
    start = head(200, content_type=SSE) + b"transfer-encoding: chunked\r\n\r\n"
    scripted.replies([send(start + first), go, send(chunk(END) + b"0\r\n\r\n")])
    scripted.replies(whole(ANSWER), always=True)
    body = json.dumps(OPENAI.body | {"stream": True, "max_tokens": 10, "model": "gpt-5-mini"}).encode()
    with Talking(proxy.port) as line:
        line.send(request("POST", OPENAI.path, body, (OPENAI.key(proxy.key),)))
        begun = line.head()
        pieces = line.chunks()
        assert b'"a"' in next(pieces)
        publish(proxy, POLICIES | {ORG: POLICIES[ORG] + NEW_RULE}, "..5")
        until(lambda: refused(proxy))
        go.open()
        assert b"".join(pieces) == b"data: [DONE]\n\n"
    row = row_of(proxy, begun)
    assert (row.generation, row.outcome) == (before, "ok")


def test_workers_that_die_while_a_file_is_broken_are_replaced_under_the_last_good_generation(
    proxy: RunningProxy,
) -> None:
    assert proxy.process is not None
    before, lines = generation(proxy), len(events(proxy, "reload_failed"))
    publish(proxy, POLICIES | {ORG: "kind: Nothing\n"}, "..6")
    wait_for_event(proxy, "reload_failed", lines)
    refusal = ready(proxy)
    assert f"degraded: generation {before} stays in force: policies/org.yaml:1:7: " in refusal
    for worker in workers_of(proxy):
        replace(proxy, worker)
        until(lambda: ready(proxy) == refusal)
    for _ in range(10):
        heard = call(proxy, model="gpt-3.5-turbo")
        assert (heard.status, row_of(proxy, heard).generation) == (403, before)
    assert list(metric(proxy, POLICY)) == [before]
    proxy.process.send_signal(signal.SIGHUP)  # says again what is wrong
    wait_for_event(proxy, "reload_failed", lines + 1)
    assert ready(proxy) == refusal
    publish(proxy, POLICIES | {ORG: POLICIES[ORG] + NEW_RULE}, "..7")
    until(lambda: ready(proxy) == "ok\n" and before not in metric(proxy, POLICY) and len(metric(proxy, POLICY)) == 1)
    assert all(refused(proxy) for _ in range(10))


def test_workers_that_start_amid_changes_end_up_at_the_newest_that_is_good(proxy: RunningProxy) -> None:
    before, taken = generation(proxy), len(events(proxy, "reloaded"))
    first, second = workers_of(proxy)
    publish(proxy, POLICIES | {ORG: POLICIES[ORG] + NEW_RULE}, "..8")
    replace(proxy, first)
    wait_for_event(proxy, "reloaded", taken)
    publish(proxy, POLICIES | {ORG: "kind: Nothing\n"}, "..9")
    replace(proxy, second)
    until(lambda: ready(proxy).startswith("degraded: generation "))
    until(lambda: before not in metric(proxy, POLICY) and len(metric(proxy, POLICY)) == 1)
    assert f"generation {generation(proxy)} stays in force: policies/org.yaml:1:7: " in ready(proxy)
    assert all(refused(proxy) for _ in range(10))


def test_rules_and_other_files_that_change_together_are_taken_together(proxy: RunningProxy) -> None:
    change(proxy, "limit: $1000/day", "limit: $900/day")
    publish(proxy, POLICIES | {ORG: POLICIES[ORG] + NEW_RULE}, "..10")
    until(lambda: all(refused(proxy) for _ in range(10)))
    assert "remaining=$899." in (call(proxy).header("x-tally-budget") or "")
    change(proxy, "limit: $900/day", "limit: $1000/day")
