"""Strings that must never be found again, each in the place where a caller or a provider would have put a secret."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import redis

from tests.support.families import ANTHROPIC, FAMILIES, OPENAI, Family
from tests.support.talking import request

PROMPT = "cnry-prompt-4f1d"
SYSTEM = "cnry-system-9a2b"
TOOL = "cnry_tool_77c0"
ARGUMENT = "cnry-argument-0e35"
ANSWER = "cnry-answer-b8d6"
COOKIE = "cnry-cookie-1c4e"
BAGGAGE = "cnry-baggage-d03a"
QUERY = "cnry-query-62fb"
BAD_KEY = "tg_cnry-badkey-5e91-" + "x" * 24
PROVIDER_KEY = "cnry-provider-key-aa17"
PERSON = "cnry.person"
TEXTS = (PROMPT, SYSTEM, TOOL, ARGUMENT, ANSWER, COOKIE, BAGGAGE, QUERY, BAD_KEY, PROVIDER_KEY)

HEADERS = (("cookie", f"session={COOKIE}"), ("baggage", f"who={BAGGAGE}"), ("x-custom", COOKIE))
_TOOL = {"name": TOOL, "description": SYSTEM, "parameters": {"type": "object", "properties": {ARGUMENT: {}}}}
_CALLED = {"id": "c1", "type": "function", "function": {"name": TOOL, "arguments": json.dumps({"a": ARGUMENT})}}


def asking(family: Family, *, stream: bool = False) -> tuple[str, dict[str, Any]]:
    """A path and a body that hold a canary in every place where text may stand."""
    if family is OPENAI:
        messages = [
            {"role": "system", "content": SYSTEM},
            {"role": "user", "content": PROMPT, "name": PERSON},
            {"role": "assistant", "tool_calls": [_CALLED]},
            {"role": "tool", "tool_call_id": "c1", "content": PROMPT},
        ]
        tools = [{"type": "function", "function": _TOOL}]
        return family.path, {"model": "gpt-x", "messages": messages, "tools": tools, "stream": stream, "user": PERSON}
    if family is ANTHROPIC:
        tools = [{"name": TOOL, "description": SYSTEM, "input_schema": {"type": "object"}}]
        body = family.body | {"system": SYSTEM, "tools": tools, "stream": stream, "metadata": {"user_id": PERSON}}
        return family.path, body | {"messages": [{"role": "user", "content": PROMPT}]}
    verb = "streamGenerateContent?alt=sse" if stream else "generateContent"
    said = {"contents": [{"role": "user", "parts": [{"text": PROMPT}]}], "tools": [{"functionDeclarations": [_TOOL]}]}
    return f"/v1beta/models/gemini-x:{verb}", said | {"systemInstruction": {"parts": [{"text": SYSTEM}]}}


def answering(family: Family) -> dict[str, Any]:
    """A provider's answer in text and a tool call, with usage."""
    if family is OPENAI:
        message = {"role": "assistant", "content": ANSWER, "tool_calls": [_CALLED]}
        usage = {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15}
        return {
            "model": "gpt-x",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": usage,
        }
    if family is ANTHROPIC:
        content = [
            {"type": "text", "text": ANSWER},
            {"type": "tool_use", "id": "t", "name": TOOL, "input": {"a": ARGUMENT}},
        ]
        usage = {"input_tokens": 12, "output_tokens": 3}
        return {"type": "message", "model": "claude-x", "content": content, "stop_reason": "end_turn", "usage": usage}
    parts = [{"text": ANSWER}, {"functionCall": {"name": TOOL, "args": {"a": ARGUMENT}}}]
    counts = {"promptTokenCount": 12, "candidatesTokenCount": 3, "totalTokenCount": 15}
    return {"candidates": [{"content": {"parts": parts}, "finishReason": "STOP"}], "usageMetadata": counts}


def streaming(family: Family, *, usage: bool = True) -> list[bytes]:
    """The same as a stream; without ``usage`` its text must be counted here."""
    if family is OPENAI:
        chunks: list[dict[str, Any]] = [{"choices": [{"index": 0, "delta": {"content": ANSWER}}]} for _ in range(3)]
        if usage:
            chunks.append({"choices": [], "usage": {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15}})
        return [*(_event(chunk) for chunk in chunks), b"data: [DONE]\n\n"]
    if family is ANTHROPIC:
        start: dict[str, Any] = {
            "type": "message_start",
            "message": {"model": "claude-x", "usage": {"input_tokens": 12}},
        }
        delta = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": ANSWER}}
        end = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 3}}
        events: list[dict[str, Any]] = [start, delta, end, {"type": "message_stop"}] if usage else [delta, delta]
        return [b"event: %b\n" % str(event["type"]).encode() + _event(event) for event in events]
    return [_event(answering(family) if usage else {"candidates": answering(family)["candidates"]}) for _ in range(2)]


def refusable(key: str) -> Iterator[bytes]:
    """Requests that must be refused before anything is forwarded, with canaries wherever something could echo them."""
    for family in FAMILIES:
        path, body = asking(family)
        good, data = family.key(key), json.dumps(body).encode()
        yield request("POST", path, data, (family.key(BAD_KEY), *HEADERS))
        yield request("POST", f"{path}?key={QUERY}", data)
        yield request("POST", path, data[:-20], (good, *HEADERS))
        yield request("POST", path, data[:-1] + f',"{PROMPT}":1,"{PROMPT}":2}}'.encode(), (good,))
        yield request(
            "POST", path, data[:-1] + f',"max_tokens":"{PROMPT}","generationConfig":"{PROMPT}"}}'.encode(), (good,)
        )
        yield request("POST", path, PROMPT.encode() + b"\xff", (good,))
        yield request("POST", path, data, (good, ("x-tally-tags", f"{PROMPT}!")))
        yield request("POST", path, data, (good, ("x-tally-project", PROMPT)))
        yield request("POST", path, data, (good, ("content-encoding", PROMPT)))
        yield request("POST", f"/p/evals{path}", data, (good,))
        yield request("POST", f"/p/{PROMPT}!{path}", data, (good,))
        yield request("POST", f"{path}/{QUERY}", data, (good,))
        yield request("POST", f"/v1/nothing?a={QUERY}", data, (good,))
        yield request("POST", f"/v1//{QUERY}", data, (good,))
        yield request("POST", path, data, (good, ("content-length", "100000000")), length=False)
        yield request("POST", path, data, (good, ("x-a", f"{COOKIE}\0")))
        yield request("GET", f"/v1/calls/{PROMPT}?a={QUERY}", headers=(good,))
        yield request("GET", f"/v1/me?key={BAD_KEY}")


def stored(state: Path) -> list[bytes]:
    """Every key and value of every engine below a state folder, uncompressed."""
    return [_all_of(redis.Redis(unix_socket_path=str(path))) for path in state.rglob("*.sock")]


def files_below(folder: Path) -> dict[str, bytes]:
    """Every regular file's bytes."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def found_in(data: bytes, *wanted: str) -> list[str]:
    """Which of the wanted strings are there, as they are or as JSON escapes them."""
    return [text for text in wanted if text.encode() in data or json.dumps(text)[1:-1].encode() in data]


def _event(data: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(data)}\n\n".encode()


def _all_of(engine: redis.Redis) -> bytes:
    readers: dict[bytes, Any] = {
        b"string": engine.get,
        b"hash": engine.hgetall,
        b"set": engine.smembers,
        b"list": lambda key: engine.lrange(key, 0, -1),
        b"zset": lambda key: engine.zrange(key, 0, -1, withscores=True),
    }
    found: list[Any] = []
    for key in engine.scan_iter("*"):
        kind: Any = engine.type(key)
        found.append((key, readers[kind](key)))
    engine.close()
    return repr(found).encode()
