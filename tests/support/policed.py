"""A running proxy with policies, asked by people of a company, before an upstream that answers well."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tests.e2e.answers import OPENAI_CHAT
from tests.support.company import key_of, write_directory, write_policies
from tests.support.families import upstreams
from tests.support.running import RunningProxy
from tests.support.scripted import ScriptedUpstream
from tests.support.scripts import whole

CHAT = "/v1/chat/completions"
# A call costs $0.018: 12 tokens in and 3 out. It is expected to cost about as much, so that one fits into $0.03.
PRICES = "prices: { input: 1000, output: 2000 }"
BODY: Mapping[str, Any] = {
    "model": "gpt-5.1",
    "max_tokens": 5,
    "messages": [{"role": "user", "content": "Say hello"}],
}


class Told(NamedTuple):
    """An answer."""

    status: int
    headers: dict[str, str]
    body: Any

    @property
    def error(self) -> dict[str, Any]:
        error: dict[str, Any] = self.body["error"]
        return error

    @property
    def rule(self) -> str | None:
        """That refused."""
        policy = self.body.get("policy")
        return str(policy["rule"]) if policy else None


Ask = Callable[..., Told]


@contextmanager
def policed(
    home: Path,
    upstream: ScriptedUpstream,
    rules: str,
    people: Mapping[str, str],
    keys: Mapping[str, str] | None = None,
    *,
    more: str = "",
) -> Iterator[RunningProxy]:
    """A proxy with the policy ``walk``; ``people`` by name with their teams, each with a key; ``more``: lines of settings."""
    write_directory(home, people, keys)
    write_policies(home, {"walk.yaml": f"kind: Policy\nname: walk\nowner: security@acme.example\nrules:\n{rules}"})
    served = upstreams(upstream.base_url, prices=PRICES)
    with RunningProxy(home, served, budget="", more=more, env={"SCRIPTED_KEY": "provider-secret"}) as running:
        yield running


def asker(proxy: RunningProxy, upstream: ScriptedUpstream) -> Ask:
    """Ask as somebody, by default the same small call; None takes a member out. The upstream answers well from now on."""
    upstream.forget()
    upstream.replies(whole(OPENAI_CHAT), always=True)

    def ask(who: str, *, headers: dict[str, str] | None = None, **body: Any) -> Told:
        sent = {name: value for name, value in {**BODY, **body}.items() if value is not None}
        status, heard, answer = proxy.post(CHAT, sent, headers, key=key_of(who))
        return Told(status, heard, json.loads(answer))

    return ask


def sent(upstream: ScriptedUpstream) -> Any:
    """The request that reached the upstream last."""
    return json.loads(upstream.seen[-1].body)


def until(promise: Callable[[], bool], seconds: float = 20) -> None:
    """Wait for what another process will do."""
    end = time.monotonic() + seconds
    while not promise():
        assert time.monotonic() < end
        time.sleep(0.1)


def wait_metric(proxy: RunningProxy, line: str) -> None:
    """Wait until a line stands among the metrics."""
    until(lambda: line in proxy.get("/metrics", base=proxy.admin_url).decode())
