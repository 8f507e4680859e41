"""A running proxy follows its files: what changed holds for the next call, what is wrong changes nothing, streams keep what they began with."""

from __future__ import annotations

import json
import re
import signal
import time
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
LAST = b'data: {"choices":[],"usage":{"prompt_tokens":1000,"completion_tokens":0}}\n\ndata: [DONE]\n\n'


@pytest.fixture(scope="module")
def scripted() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def proxy(scripted: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    home = tmp_path_factory.mktemp("home")
    (home / "secret").write_text("first-secret")
    own = openai_like(scripted.base_url, more=", key: file:secret")
    with RunningProxy(home, {"own": own}) as running:
        yield running


@pytest.fixture(autouse=True)
def _as_before(proxy: RunningProxy, scripted: ScriptedUpstream) -> Iterator[None]:
    """Every test begins with the files that the proxy was started with, in force."""
    files = {path: path.read_text() for path in (proxy.config, proxy.home / "directory.yaml", proxy.home / "secret")}
    scripted.forget()
    scripted.replies(whole(ANSWER), always=True)
    before = generation(proxy)
    yield
    for path, text in files.items():
        path.write_text(text)
    until(lambda: generation(proxy) == before)


def test_a_lower_budget_refuses_and_a_higher_one_admits_again(proxy: RunningProxy) -> None:
    change(proxy, "limit: $1000/day", "limit: $0.000001/day")
    until(lambda: call(proxy).status == 429)
    assert told(OPENAI, call(proxy))[1] == "insufficient_quota"
    change(proxy, "limit: $0.000001/day", "limit: $500/day")
    until(lambda: call(proxy).status == 200)
    assert "remaining=$499." in (call(proxy).header("x-tally-budget") or "")
    assert any("budget" in event["detail"] for event in events(proxy, "reloaded"))


def test_a_key_works_once_it_is_issued_and_no_longer_once_it_is_revoked(proxy: RunningProxy) -> None:
    old = proxy.key
    proxy.key = proxy.issue()
    try:
        until(lambda: call(proxy).status == 200)
        key_id = row_of(proxy, call(proxy)).key_id
        assert proxy.cli("keys", "revoke", key_id).returncode == 0
        until(lambda: call(proxy).status == 401)
    finally:
        proxy.key = old
    assert call(proxy).status == 200


def test_an_upstream_moves_and_its_price_changes_without_a_restart(proxy: RunningProxy) -> None:
    assert row_of(proxy, call(proxy)).cost_nusd == 1_000_000
    with ScriptedUpstream() as elsewhere:
        elsewhere.replies(whole(ANSWER), always=True)
        change(
            proxy, re.findall(r"http://127\.0\.0\.1:\d+/v1", proxy.config.read_text())[0], f"{elsewhere.base_url}/v1"
        )
        until(lambda: bool(elsewhere.seen) or call(proxy).status != 200)
        change(proxy, "input: 1,", "input: 3,")
        until(lambda: row_of(proxy, call(proxy)).cost_nusd == 3_000_000)


def test_a_secret_that_was_renewed_in_its_file_is_the_one_that_is_sent(
    proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    call(proxy)
    assert scripted.seen[-1].header("authorization") == "Bearer first-secret"
    (proxy.home / "secret").write_text("second-secret")

    def renewed() -> bool:
        call(proxy)
        return scripted.seen[-1].header("authorization") == "Bearer second-secret"

    until(renewed)
    assert "second-secret" not in proxy.log.read_text()


def test_a_broken_file_changes_nothing_is_told_once_and_counted(proxy: RunningProxy) -> None:
    before, failures, lines = (
        generation(proxy),
        sum(metric(proxy, FAILURES).values()),
        len(events(proxy, "reload_failed")),
    )
    change(proxy, "budget:", "bugdet:")
    wait_for_event(proxy, "reload_failed", lines)
    until(lambda: sum(metric(proxy, FAILURES).values()) == failures + 1)
    told_line = events(proxy, "reload_failed")[-1]
    assert re.search(r"tallygate\.yaml:\d+:1: unknown key 'bugdet'; did you mean 'budget'\?", told_line["detail"])
    assert (told_line["level"], told_line["generation"]) == ("error", before)
    assert generation(proxy) == before
    assert call(proxy).header("x-tally-budget")
    assert list(metric(proxy, POLICY)) == [before]
    time.sleep(2.5)  # two more looks
    assert len(events(proxy, "reload_failed")) == lines + 1


def test_a_change_that_was_refused_and_taken_back_is_told_to_be_mended_once(proxy: RunningProxy) -> None:
    before, directory = generation(proxy), proxy.home / "directory.yaml"
    text = directory.read_text()
    failed, mended = len(events(proxy, "reload_failed")), len(events(proxy, "reload_mended"))
    change(proxy, "team: growth }", "team: gowth }", name="directory.yaml")
    wait_for_event(proxy, "reload_failed", failed)
    directory.write_text(text)
    wait_for_event(proxy, "reload_mended", mended)
    assert events(proxy, "reload_mended")[-1]["generation"] == before == generation(proxy)
    assert len(events(proxy, "reload_mended")) == mended + 1


def test_a_broken_directory_keeps_the_keys_that_worked(proxy: RunningProxy) -> None:
    before, lines = generation(proxy), len(events(proxy, "reload_failed"))
    change(proxy, "team: growth }", "team: grwth }", name="directory.yaml")
    wait_for_event(proxy, "reload_failed", lines)
    assert "there is no team 'grwth'; did you mean 'growth'?" in events(proxy, "reload_failed")[-1]["detail"]
    assert generation(proxy) == before


def test_a_file_that_is_gone_is_a_broken_file(proxy: RunningProxy) -> None:
    before, lines = generation(proxy), len(events(proxy, "reload_failed"))
    text = proxy.config.read_text()
    proxy.config.unlink()
    wait_for_event(proxy, "reload_failed", lines)
    assert generation(proxy) == before
    proxy.config.write_text(text)


def test_what_can_only_change_at_a_restart_is_said(proxy: RunningProxy) -> None:
    change(proxy, "lease: 30s", "lease: 20s")
    until(lambda: any(event["detail"].startswith("lease_s: changed") for event in events(proxy, "reloaded")))
    assert "takes effect at restart" in events(proxy, "reloaded")[-1]["detail"]
    assert call(proxy).status == 200


def test_a_worker_in_the_place_of_one_that_died_has_what_the_others_have_until_a_restart(proxy: RunningProxy) -> None:
    long = [{"role": "user", "content": "x" * 4096}]
    change(proxy, "budget:", "limits: { body: 1KiB }\nbudget:")
    until(lambda: any(event["detail"].startswith("limits: changed") for event in events(proxy, "reloaded")))
    replace_worker(proxy)
    assert call(proxy, messages=long).status == 200
    proxy.stop()
    proxy.start()
    assert call(proxy, messages=long).status == 413
    change(proxy, "limits: { body: 1KiB }\nbudget:", "budget:")
    proxy.stop()
    proxy.start()


def test_a_worker_can_be_replaced_while_all_files_are_gone(proxy: RunningProxy, scripted: ScriptedUpstream) -> None:
    files = (proxy.config, proxy.home / "directory.yaml", proxy.home / "secret")
    before, texts = generation(proxy), [path.read_text() for path in files]
    for path in files:
        path.unlink()
    replace_worker(proxy)
    assert generation(proxy) == before
    assert scripted.seen[-1].header("authorization") == "Bearer first-secret"
    (worker,) = workers_of(proxy)
    for shown in ("cmdline", "environ"):
        assert b"first-secret" not in Path(f"/proc/{worker}/{shown}").read_bytes()
    written = [path for path in (proxy.home / "state").rglob("*") if path.is_file()]
    assert not any(b"first-secret" in path.read_bytes() for path in written)
    for path, text in zip(files, texts, strict=True):
        path.write_text(text)


def replace_worker(proxy: RunningProxy) -> None:
    """Kill the only worker, and wait until another one serves in its place."""
    (worker,) = workers_of(proxy)
    kill(worker)
    until(lambda: worker not in workers_of(proxy) and serves(proxy))


def serves(proxy: RunningProxy) -> bool:
    try:
        proxy.get("/readyz")
    except OSError:
        return False
    return True


def test_sighup_rereads_at_once_changed_or_not(proxy: RunningProxy) -> None:
    assert proxy.process is not None
    lines = len(events(proxy, "reload_failed"))
    change(proxy, "budget:", "bugdet:")
    wait_for_event(proxy, "reload_failed", lines)
    for _ in range(2):
        lines = len(events(proxy, "reload_failed"))
        proxy.process.send_signal(signal.SIGHUP)
        wait_for_event(proxy, "reload_failed", lines)
    change(proxy, "bugdet:", "budget:")
    proxy.process.send_signal(signal.SIGHUP)
    assert call(proxy).status == 200


def test_a_running_stream_keeps_the_generation_and_the_price_that_it_began_with(
    proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    before = generation(proxy)
    scripted.forget()
    go = Gate()
    first = chunk(b'data: {"choices":[{"index":0,"delta":{"content":"a"}}]}\n\n')
    start = head(200, content_type=SSE) + b"transfer-encoding: chunked\r\n\r\n"
    scripted.replies([send(start + first), go, send(chunk(LAST) + b"0\r\n\r\n")])
    scripted.replies(whole(ANSWER), always=True)
    body = json.dumps(OPENAI.body | {"stream": True, "max_tokens": 10}).encode()
    with Talking(proxy.port) as line:
        line.send(request("POST", OPENAI.path, body, (OPENAI.key(proxy.key),)))
        begun = line.head()
        pieces = line.chunks()
        assert b'"a"' in next(pieces)
        change(proxy, "input: 1,", "input: 5,")
        until(lambda: row_of(proxy, call(proxy)).cost_nusd == 5_000_000)
        after = generation(proxy)
        go.open()
        assert b"".join(pieces) == b"data: [DONE]\n\n"
    row = row_of(proxy, begun)
    assert (row.generation, row.cost_nusd, row.outcome) == (before, 1_000_000, "ok")
    assert after != before
