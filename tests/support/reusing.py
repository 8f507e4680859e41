"""The four formats whose answers are reused: what is asked in each, what comes back, and what its text is."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from proxy.domain.row import Row
from tests.e2e.answers import (
    ANTHROPIC_MESSAGE,
    GEMINI,
    OPENAI_CHAT,
    OPENAI_RESPONSE,
    anthropic_stream,
    gemini_stream,
    openai_stream,
    responses_stream,
)
from tests.support.company import key_of
from tests.support.running import RunningProxy
from tests.support.scripted import ScriptedUpstream
from tests.support.scripts import Script, streamed, whole

Body = dict[str, Any]


class Kind(NamedTuple):
    """One format."""

    name: str
    model: str
    answer: Body
    stream: Callable[[], list[bytes]]
    path: str
    asks: Callable[[str], Body]

    def call(self, text: str, *, stream: bool = False, **more: Any) -> tuple[str, Body]:
        """Path and body of a question."""
        if self.name == "gemini":
            verb = "streamGenerateContent?alt=sse" if stream else "generateContent"
            return f"{self.path}:{verb}", self.asks(text) | more
        return self.path, {"model": self.model, **self.asks(text), **({"stream": True} if stream else {}), **more}

    def script(self, *, stream: bool = False) -> Script:
        """A good answer."""
        return streamed(self.stream()) if stream else whole(self.answer)


def _messages(text: str) -> Body:
    return {"messages": [{"role": "user", "content": text}]}


CHAT = Kind("chat", "gpt-5.1", OPENAI_CHAT, openai_stream, "/v1/chat/completions", _messages)
RESPONSES = Kind(
    "responses", "gpt-5.1", OPENAI_RESPONSE | {"store": False}, responses_stream, "/v1/responses",
    lambda text: {"input": text, "store": False},
)  # fmt: skip
ANTHROPIC = Kind(
    "anthropic", "claude-sonnet-5", ANTHROPIC_MESSAGE, anthropic_stream, "/v1/messages",
    lambda text: {"max_tokens": 50} | _messages(text),
)  # fmt: skip
GEMINI_KIND = Kind(
    "gemini", "gemini-2.5-flash", GEMINI, gemini_stream, "/v1beta/models/gemini-2.5-flash",
    lambda text: {"contents": [{"role": "user", "parts": [{"text": text}]}]},
)  # fmt: skip
KINDS = (CHAT, RESPONSES, ANTHROPIC, GEMINI_KIND)


class Got(NamedTuple):
    """An answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def cache(self) -> str:
        """What became of the call at the cache."""
        return self.headers.get("x-tally-cache", "")

    @property
    def why(self) -> str:
        """The reason told with it."""
        return self.headers.get("x-tally-cache-reason", "")

    @property
    def key(self) -> str:
        """The name of the entry."""
        return self.headers["cache-status"].partition('key="')[2].partition('"')[0]

    @property
    def id(self) -> str:
        """Of the call."""
        return self.headers["x-request-id"]

    def json(self) -> Any:
        """The body."""
        return json.loads(self.body)

    def text(self) -> str:
        """What the model said, whatever the format, streamed or not."""
        if self.headers["content-type"].startswith("text/event-stream"):
            events = [json.loads(line[6:]) for line in self.body.splitlines() if line.startswith(b"data: {")]
            return "".join(_deltas(events))
        return "".join(_texts(self.json()))


class Asking:
    """Somebody's calls through a proxy, before an upstream that answers as it is told."""

    def __init__(self, proxy: RunningProxy, upstream: ScriptedUpstream) -> None:
        self.proxy, self.upstream = proxy, upstream

    def ask(
        self, kind: Kind, text: str, *, who: str = "bea", stream: bool = False, cache: str | None = None, **more: Any
    ) -> Got:
        """Ask a question; ``cache`` is the caller's Cache-Control."""
        path, body = kind.call(text, stream=stream, **more)
        headers = {"Cache-Control": cache} if cache else {}
        return Got(*self.proxy.post(path, body, headers, key=key_of(who)))

    def answers(self, *scripts: Script) -> None:
        """Have the upstream answer so, the last one for ever."""
        self.upstream.forget()
        self.upstream.replies(*scripts, always=True)

    def asked(self) -> int:
        """How often the upstream was."""
        return len(self.upstream.seen)

    def row(self, got: Got) -> Row:
        """The row of a call that left one."""
        (row,) = self.proxy.wait_rows(1, request_id=got.id)
        return row


def said(text: str, **changes: Any) -> Body:
    """A chat answer with this text."""
    (choice,) = OPENAI_CHAT["choices"]
    told = choice | {"message": choice["message"] | {"content": text}}
    return OPENAI_CHAT | {"choices": [told]} | changes


def _texts(answer: Body) -> Iterator[str]:
    for choice in answer.get("choices", ()):
        yield choice["message"]["content"] or ""
    for item in answer.get("output", ()):
        yield from (part["text"] for part in item["content"])
    for part in answer.get("content", ()):
        yield part["text"]
    for candidate in answer.get("candidates", ()):
        yield from (part["text"] for part in candidate["content"]["parts"])


def _deltas(events: Sequence[Body]) -> Iterator[str]:
    for event in events:
        for choice in event.get("choices", ()):
            yield choice["delta"].get("content") or ""
        for candidate in event.get("candidates", ()):
            yield from (part["text"] for part in candidate.get("content", {}).get("parts", ()))
        delta = event.get("delta", "")
        if event.get("type") == "response.output_text.delta":
            yield delta
        elif event.get("type") == "content_block_delta":
            yield delta.get("text", "")
