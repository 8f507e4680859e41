"""Watching a running proxy take changes of its files, for tests of reloads."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from proxy.domain.row import Row
from tests.support.families import OPENAI
from tests.support.running import RunningProxy
from tests.support.scripts import Talk
from tests.support.talking import Heard, Talking, request

FAILURES, POLICY = "tallygate_policy_reload_failures_total", "tallygate_policy_info"
PATIENCE_S = 60.0  # generous: it only proves that nothing is stuck


def until(what: Callable[[], bool]) -> None:
    """Ask until it is so; files are looked at once a second."""
    end = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < end
        time.sleep(0.1)


def call(proxy: RunningProxy, **members: Any) -> Heard:
    """One call of OpenAI's format."""
    body = json.dumps(OPENAI.body | {"max_tokens": 10} | members).encode()
    with Talking(proxy.port) as line:
        return line.send(request("POST", OPENAI.path, body, (OPENAI.key(proxy.key),))).answer()


def row_of(proxy: RunningProxy, heard: Heard) -> Row:
    """The last row of an answer's call."""
    return proxy.wait_rows(request_id=heard.header("x-request-id"))[-1]


def generation(proxy: RunningProxy) -> str:
    """The generation that calls walk on now."""
    return row_of(proxy, call(proxy, model="gpt-now")).generation


def change(proxy: RunningProxy, old: str, new: str, name: str = "tallygate.yaml") -> None:
    """Replace a piece of a file, as an editor does."""
    path = proxy.home / name
    text = path.read_text()
    assert text.count(old) == 1
    fresh = path.with_suffix(".new")
    fresh.write_text(text.replace(old, new))
    fresh.replace(path)


def metric(proxy: RunningProxy, name: str) -> dict[str, float]:
    """Samples of a metric by their labels' values."""
    text = proxy.get("/metrics", base=proxy.admin_url).decode()
    families = text_string_to_metric_families(text)
    return {"".join(s.labels.values()): s.value for family in families for s in family.samples if s.name == name}


def events(proxy: RunningProxy, name: str) -> list[dict[str, Any]]:
    """Lines of the log."""
    lines = (json.loads(line) for line in proxy.log.read_text().splitlines() if line.startswith("{"))
    return [line for line in lines if line["event"] == name]


def wait_for_event(proxy: RunningProxy, name: str, before: int) -> None:
    """Until there are more of these than before."""
    until(lambda: len(events(proxy, name)) > before)


class Gate:
    """A step of a script that goes on when a test says so."""

    def __init__(self) -> None:
        self._opened = threading.Event()

    def open(self) -> None:
        """Let it go on."""
        self._opened.set()

    async def __call__(self, _: Talk) -> None:
        while not self._opened.is_set():  # noqa: ASYNC110 - set by another thread
            await asyncio.sleep(0.01)
