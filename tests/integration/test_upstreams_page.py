"""``tallygate upstreams`` and the page that it reads tell the truth over all workers."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import select
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.support.callers import ANSWERS, ask, calling
from tests.support.pairs import entry
from tests.support.running import TALLYGATE, RunningProxy
from tests.support.scripted import ScriptedUpstream
from tests.support.scripts import failing, silence, whole
from tests.support.waiting import until

OK = whole(ANSWERS["openai"])


@pytest.fixture(scope="module")
def scripted() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def proxy(scripted: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    url = scripted.base_url
    found = {
        "narrow": entry(url, "openai-narrow", "parallel: 3", "queue: { max: 4, wait: 30s }", "weight: 2"),
        "broken": entry(url, "openai-broken", "breaker: { failures: 1, open: 60s }", "aliases: { openai-quick: gpt }"),
        "keyless": entry(url, "openai-keyless", "key: env:NO_SUCH_KEY"),
    }
    with RunningProxy(tmp_path_factory.mktemp("home"), found, workers=2) as running:
        while json.loads(running.get("/api/v1/upstreams", base=running.admin_url))["silent"]:
            time.sleep(0.05)  # until both workers serve
        yield running


def shown(proxy: RunningProxy) -> dict[str, dict[str, Any]]:
    """The page, by upstream."""
    page = json.loads(proxy.get("/api/v1/upstreams", base=proxy.admin_url))
    assert (page["workers"], page["silent"]) == (2, 0)
    return {one["name"]: one for one in page["upstreams"]}


async def test_bounds_hold_over_all_workers_and_the_page_adds_them_up(
    proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    scripted.forget()
    scripted.replies([silence()], always=True)
    assert shown(proxy)["narrow"]["parallel"] == 3  # two of one worker, one of the other

    async def settled() -> bool:
        now = await asyncio.to_thread(shown, proxy)
        return bool(now["narrow"]["in_flight"] == 3 and now["narrow"]["queued"] >= 2)

    async with AsyncExitStack() as stack:
        for _ in range(16):  # the kernel divides them among the workers
            await stack.enter_async_context(calling(proxy, "openai-narrow"))
        await until(settled)
        await scripted.wait_seen(3)
        assert len(scripted.seen) == 3
        assert shown(proxy)["narrow"]["queued"] <= 4

    async def at_rest() -> bool:
        now = await asyncio.to_thread(shown, proxy)
        return (now["narrow"]["in_flight"], now["narrow"]["queued"]) == (0, 0)

    await until(at_rest)


async def test_the_worst_state_of_any_worker_is_shown_with_its_reason(
    proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    scripted.forget()
    scripted.replies(failing(500), path="/v1/chat/completions")
    await ask(proxy, "openai-broken")
    found = shown(proxy)["broken"]
    assert (found["state"], found["failures"], found["asked"], found["last_failure"]) == ("open", 1, 1, "status 500")
    assert 0 < found["retry_in_s"] <= 60
    assert found["first_byte_p50_ms"] is not None
    assert (found["models"], found["aliases"]) == (["openai-broken"], {"openai-quick": "gpt"})


def test_the_table_shows_each_upstream_and_says_which_is_off(proxy: RunningProxy) -> None:
    done = subprocess.run(
        [TALLYGATE, "upstreams", "--config", str(proxy.config)],
        env={**os.environ, "COLUMNS": "160"}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for words in ("narrow", "weight 2", "openai-quick=gpt", "0/3", "status 500", "asked in", "closed"):
        assert words in done.stdout
    assert "keyless is off: the environment variable NO_SUCH_KEY is not set" in done.stdout
    assert done.stderr == ""


def test_json_is_the_page(proxy: RunningProxy) -> None:
    page = json.loads(proxy.cli("upstreams", "--json").stdout)
    assert [one["name"] for one in page["upstreams"]] == ["narrow", "broken"]
    assert page["off"] == [{"name": "keyless", "why": "the environment variable NO_SUCH_KEY is not set"}]


@pytest.mark.parametrize("term", ["xterm", "dumb"])
def test_looking_on_shows_it_again_and_again_until_interrupted(proxy: RunningProxy, term: str) -> None:
    ours, theirs = pty.openpty()
    arguments = [TALLYGATE, "upstreams", "--watch", "--config", str(proxy.config)]
    process = subprocess.Popen(arguments, stdout=theirs, stderr=theirs, env={**os.environ, "TERM": term})
    os.close(theirs)
    seen = b""
    while seen.count(b"narrow") < 2 and select.select([ours], [], [], 20)[0]:
        seen += os.read(ours, 65536)
    process.send_signal(signal.SIGINT)
    with suppress(OSError):  # EIO once the other side is gone
        while os.read(ours, 65536):
            continue
    assert process.wait(10) == 0
    os.close(ours)
    assert seen.count(b"narrow") == 2


def test_without_a_running_proxy_it_says_where_it_looked(proxy: RunningProxy, tmp_path: Path) -> None:
    elsewhere = tmp_path / "tallygate.yaml"
    elsewhere.write_text(f"admin: 127.0.0.1:{proxy.port}\n")
    for text in ("admin: 127.0.0.1:1\n", f"admin: 127.0.0.1:{proxy.port}\n"):
        elsewhere.write_text(text)
        done = subprocess.run(
            [TALLYGATE, "upstreams", "-c", str(elsewhere)], capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stdout) == (1, "")
        assert "127.0.0.1:" in done.stderr
        assert "Traceback" not in done.stderr
    assert "no Tallygate" in done.stderr


async def test_a_reload_shows_what_is_configured_now(proxy: RunningProxy) -> None:
    text = proxy.config.read_text()
    proxy.config.write_text("\n".join(line for line in text.splitlines() if not line.startswith("  broken:")))

    async def gone() -> bool:
        now = await asyncio.to_thread(shown, proxy)
        metrics = (await asyncio.to_thread(proxy.get, "/metrics", base=proxy.admin_url)).decode()
        return "broken" not in now and 'upstream_up{upstream="broken"}' not in metrics and "narrow" in now

    await until(gone)
