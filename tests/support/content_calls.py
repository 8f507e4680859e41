"""A proxy with content rules, calls to it in three families, and answers that bring a text back."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from proxy.domain.row import Row
from tests.support import canaries
from tests.support.contents import KEY, MAIL, POLICIES
from tests.support.families import ANTHROPIC, GEMINI, OPENAI, Family, one_call, upstreams
from tests.support.running import RunningProxy
from tests.support.scripted import ScriptedUpstream
from tests.support.scripts import Script, Talk
from tests.support.talking import Heard, request

PLACEHOLDER = re.compile(r"EMAIL-[0-9A-Z]{6}")
MORE = """\
policies: {home}/policies
passthrough:
  files: { upstream: openai, paths: ["/v1/files/**"], methods: [POST], price: $0/call }
"""


@contextmanager
def content_proxy(home: Path, upstream: str) -> Iterator[RunningProxy]:
    """A proxy with ``POLICIES``; when it has ended, nothing that it wrote may hold what they look for."""
    (home / "policies").mkdir()
    for name, text in POLICIES.items():
        (home / "policies" / name).write_text(text)
    found = upstreams(upstream, more=", breaker: { failures: 0 }")
    running = RunningProxy(home, found, more=MORE.replace("{home}", str(home)), env={"SCRIPTED_KEY": "provider"})
    with running:
        yield running
        stores = {f"store {number}": data for number, data in enumerate(canaries.stored(home / "state"))}
    written = {**stores, **canaries.files_below(home / "state"), "log": running.log.read_bytes()}
    for place, data in written.items():
        assert canaries.found_in(data, KEY, MAIL) == [], place


def asked(family: Family, model: str, text: str, *, stream: bool = False) -> tuple[str, dict[str, Any]]:
    """A path and a body of one turn."""
    if family is GEMINI:
        verb = "streamGenerateContent?alt=sse" if stream else "generateContent"
        return f"/v1beta/models/{model}:{verb}", {"contents": [{"role": "user", "parts": [{"text": text}]}]}
    return family.path, family.body | {
        "model": model,
        "stream": stream,
        "messages": [{"role": "user", "content": text}],
    }


def call(proxy: RunningProxy, family: Family, model: str, text: str, *, stream: bool = False) -> Heard:
    path, body = asked(family, model, text, stream=stream)
    return one_call(proxy, request("POST", path, json.dumps(body).encode(), (family.key(proxy.key),)))


def row_of(proxy: RunningProxy, heard: Heard) -> Row:
    (row,) = proxy.wait_rows(1, request_id=heard.header("x-request-id"))
    return row


def echoing(scripted: ScriptedUpstream, made: Callable[[str], Script]) -> Script:
    """A script that knows which placeholder it was sent."""

    async def step(talk: Talk) -> None:
        found = PLACEHOLDER.search(scripted.seen[-1].body.decode())
        script = made(found[0] if found else "nothing")
        for one in (script,) if callable(script) else script:
            await one(talk)

    return step


def said(family: Family, text: str) -> dict[str, Any]:
    """An answer with this text."""
    whole_answer = json.dumps(canaries.answering(family)).replace(canaries.ANSWER, json.dumps(text)[1:-1])
    return json.loads(whole_answer)  # type: ignore[no-any-return]  # JSON that we wrote


def events(family: Family, pieces: list[str]) -> list[bytes]:
    """A stream that brings a text in these pieces."""
    if family is OPENAI:
        chunks: list[dict[str, Any]] = [{"choices": [{"index": 0, "delta": {"content": one}}]} for one in pieces]
        chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        chunks.append({"choices": [], "usage": {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15}})
        return [*(_event(chunk) for chunk in chunks), b"data: [DONE]\n\n"]
    if family is ANTHROPIC:
        made: list[dict[str, Any]] = [
            {"type": "message_start", "message": {"model": "claude-x", "usage": {"input_tokens": 12}}},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            *(
                {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": one}}
                for one in pieces
            ),
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 3}},
            {"type": "message_stop"},
        ]
        return [b"event: %b\n" % str(one["type"]).encode() + _event(one) for one in made]
    counts = {"promptTokenCount": 12, "candidatesTokenCount": 3, "totalTokenCount": 15}
    return [
        *(_event({"candidates": [{"content": {"parts": [{"text": one}], "role": "model"}}]}) for one in pieces),
        _event({"candidates": [{"finishReason": "STOP"}], "usageMetadata": counts}),
    ]


def spoken(family: Family, body: bytes) -> str:
    """The text of a stream, put together."""
    found = []
    for line in body.split(b"\n"):
        if not line.startswith(b"data: {"):
            continue
        one = json.loads(line[6:])
        if family is OPENAI:
            found += [choice["delta"].get("content") or "" for choice in one.get("choices", ())]
        elif family is ANTHROPIC:
            found.append(one.get("delta", {}).get("text", ""))
        else:
            parts = [c.get("content", {}).get("parts", ()) for c in one.get("candidates", ())]
            found += [part["text"] for some in parts for part in some]
    return "".join(found)


def _event(data: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(data)}\n\n".encode()
