"""Gemini's generated content, of the Gemini API and of Vertex: judged, and told as the chunks of a stream.

Thoughts are carried over, and their signatures byte for byte. A signature comes on a part of its own at the end of a
stream, as Gemini sends it; parts with and without one are never merged (https://ai.google.dev/gemini-api/docs/thought-signatures).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from proxy.dedup.replay import events, gemini_stream
from proxy.dedup.replay.form import Asked, Form, Members, Retold, Unfit
from proxy.dedup.replay.gemini_stream import ANSWER, CANDIDATE, LATE, PART
from proxy.dedup.replay.pieces import pieces
from proxy.dedup.replay.strict import (
    figures,
    finish,
    is_said,
    known,
    literal,
    mapping,
    number,
    objects,
    only,
    text_or_empty,
)

_EVENTS = frozenset(("alt=sse", "$alt=sse"))
_AT_START = ("promptTokenCount", "promptTokensDetails", "cachedContentTokenCount", "cacheTokensDetails", "trafficType")
_WHOLE = ("STOP",)
_OTHERS = {"MAX_TOKENS": "truncated", "MALFORMED_FUNCTION_CALL": "tool-call", "UNEXPECTED_TOOL_CALL": "tool-call"}
_OTHERS |= dict.fromkeys(("SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII"), "filtered")


def _judge(answer: Members) -> None:
    feedback = answer.get("promptFeedback")
    if type(feedback) is dict and is_said(feedback.get("blockReason")):
        raise Unfit("filtered")
    candidate = only(answer, "candidates")
    finish(candidate.get("finishReason"), _WHOLE, _OTHERS)
    known(answer, ANSWER)
    known(candidate, CANDIDATE)
    literal(candidate, "index", 0, None)
    for name in ("modelVersion", "responseId", "createTime"):
        text_or_empty(answer, name)
    usage = mapping(answer, "usageMetadata")
    figures(usage, "promptTokenCount")
    if usage.get("toolUsePromptTokenCount"):
        raise Unfit("tool-call")
    gemini_stream.unblocked(candidate)
    if candidate.get("avgLogprobs") is not None:
        number(candidate, "avgLogprobs")
    content = mapping(candidate, "content")
    known(content, ("role", "parts"))
    literal(content, "role", "model")
    parts = objects(content, "parts")
    for part in parts:
        _part(part)
    if not "".join(part["text"] for part in parts if not part.get("thought")).strip():
        raise Unfit("empty")


def _part(part: Members) -> None:
    if is_said(part.get("functionCall")) or is_said(part.get("toolCall")):
        raise Unfit("tool-call")
    gemini_stream.check(part)


def _renamed(answer: Members, new_id: str, created: int) -> Members:  # noqa: ARG001 - its ids have no kind
    when = datetime.fromtimestamp(created, UTC).isoformat(timespec="microseconds")
    return {"responseId": new_id, "createTime": when.replace("+00:00", "Z")}


def _told(answer: Members, asked: Asked) -> Retold:
    """Events where the query asks for them, otherwise one array."""
    chunks = list(_chunks(answer))
    if _EVENTS.isdisjoint(asked.query.split("&")):
        return Retold(FORM.content_type, b"[" + b"\n,\r\n".join(chunks) + b"\n]\n")
    body = b"".join(b"data: %b\r\n\r\n" % chunk for chunk in chunks)
    return Retold(b"text/event-stream", events.safe(body))


def _chunks(answer: Members) -> Iterator[bytes]:
    """One chunk for each piece; the last one ends the candidate and has the final figures."""
    candidate = answer["candidates"][0]
    usage = answer["usageMetadata"]
    begun = {name: usage[name] for name in _AT_START if name in usage}
    begun["totalTokenCount"] = usage["promptTokenCount"]
    tail: Members = {name: answer[name] for name in ("modelVersion", "createTime", "responseId") if name in answer}
    index: Members = {"index": 0} if "index" in candidate else {}
    *first, last = (piece for part in candidate["content"]["parts"] for piece in _pieces(part))
    around = {"candidates": [{"content": None, **index}], "usageMetadata": begun, **tail}
    before, _, after = msgspec.json.encode(around).partition(b"null")
    for piece in first:
        yield before + _content(piece) + after
    ends = {name: candidate[name] for name in ("finishReason", *LATE) if name in candidate}
    around |= {"candidates": [{"content": None, **ends, **index}], "usageMetadata": usage}
    before, _, after = msgspec.json.encode(around).partition(b"null")
    yield before + _content(last) + after


def _content(part: Members) -> bytes:
    return msgspec.json.encode({"parts": [part], "role": "model"})


def _pieces(part: Members) -> Iterator[Members]:
    """A part in pieces; its signature comes after its text."""
    told: dict[str, Any] = {name: value for name, value in part.items() if name in PART}
    signature = told.pop("thoughtSignature", None)
    for piece in pieces(part["text"]):
        yield {**told, "text": piece}
    if signature is not None:
        yield {**told, "text": "", "thoughtSignature": signature}


FORM: Final = Form(_judge, gemini_stream.assemble, _renamed, _told, content_type=b"application/json; charset=UTF-8")
