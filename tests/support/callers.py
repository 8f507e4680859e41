"""Calls to a running proxy on plain sockets: many at one time, in every dialect, and free to leave at any byte."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from tests.e2e.answers import ANTHROPIC_MESSAGE, GEMINI, OPENAI_CHAT, anthropic_stream, gemini_stream, openai_stream
from tests.support.listening import Caller, Heard, post
from tests.support.running import RunningProxy
from tests.support.scripted import Seen

FAMILIES = ("openai", "anthropic", "gemini")
ANSWERS: Mapping[str, dict[str, Any]] = {"openai": OPENAI_CHAT, "anthropic": ANTHROPIC_MESSAGE, "gemini": GEMINI}
STREAMS: Mapping[str, list[bytes]] = {
    "openai": openai_stream(),
    "anthropic": anthropic_stream(),
    "gemini": gemini_stream(),
}


def upstreams(url: str, *, prices: str = "{ input: 1, output: 2 }", more: str = "") -> dict[str, str]:
    """One upstream of each family at the same place, for ``RunningProxy``; it serves the models ``<family>-…``."""
    return {
        family: f'{{ dialect: {family}, base_url: "{url}{"/v1" if family == "openai" else ""}", '
        f'models: ["{family}-*"], prices: {prices}{more} }}'
        for family in FAMILIES
    }


def question(model: str, *, stream: bool = False, text: str = "hello") -> tuple[str, dict[str, Any]]:
    """Path and body of a small call; the model's first word is the dialect."""
    messages = [{"role": "user", "content": text}]
    match model.partition("-")[0]:
        case "openai":
            return "/v1/chat/completions", {"model": model, "messages": messages, "stream": stream}
        case "anthropic":
            return "/v1/messages", {"model": model, "messages": messages, "stream": stream, "max_tokens": 100}
        case "gemini":
            verb = "streamGenerateContent?alt=sse" if stream else "generateContent"
            return f"/v1beta/models/{model}:{verb}", {"contents": [{"parts": [{"text": text}]}]}
    raise ValueError(model)


def model_of(seen: Seen) -> str:
    """The model that an upstream was asked for: in the body, or in Gemini's path."""
    named = json.loads(seen.body).get("model") if seen.body else None
    return str(named or seen.path.rpartition("/")[2].partition(":")[0])


@asynccontextmanager
async def calling(
    proxy: RunningProxy, model: str, *, stream: bool = False, text: str = "hello"
) -> AsyncIterator[Caller]:
    """A call that is under way: its request is sent, and nothing of the answer is read. Leaves at the end."""
    path, body = question(model, stream=stream, text=text)
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    caller = Caller(reader, writer)
    try:
        await caller.send(post(path, json.dumps(body).encode(), f"authorization: Bearer {proxy.key}"))
        yield caller
    finally:
        caller.reset()


async def ask(proxy: RunningProxy, model: str, *, stream: bool = False, text: str = "hello") -> Heard:
    """A call and its whole answer. Raises ``OSError`` or ``EOFError`` when it is cut."""
    async with calling(proxy, model, stream=stream, text=text) as caller:
        return await caller.answer()


def told(heard: Heard) -> dict[str, Any]:
    """The error in an answer, whichever dialect wrote it: ``type``, ``code``, ``status``, ``message``."""
    document = json.loads(heard.body)
    assert isinstance(document["error"], dict), document
    return dict(document["error"])
