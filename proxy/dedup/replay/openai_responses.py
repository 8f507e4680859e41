"""OpenAI's Responses API: judged, and told as the events of a stream.

Reasoning items are carried over byte for byte, summaries and encrypted content included. Items keep their ids: what is
encrypted may be bound to them. An answer that the provider keeps (``store``, the default at OpenAI) keeps its id, too, so that
whoever hears it can go on from it by ``previous_response_id``; one that went on from another is refused. What it repeats of the request and the key does not know (who asked) is told as unset.
https://platform.openai.com/docs/api-reference/responses-streaming
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from proxy.dedup.replay import events, openai_responses_stream
from proxy.dedup.replay.events import named, with_text
from proxy.dedup.replay.form import Asked, Form, Members, Retold, Unfit
from proxy.dedup.replay.openai_responses_stream import ITEMS
from proxy.dedup.replay.pieces import pieces
from proxy.dedup.replay.strict import (
    an_object,
    figures,
    filled,
    finish,
    kind_of,
    known,
    literal,
    mapping,
    number,
    objects,
    text,
    text_or_empty,
)

_STATE = ("background", "previous_response_id", "conversation", "prompt")
_ECHOED: Final[
    Mapping[str, Any]
] = {  # of the request that was answered first, which is not this caller's: the values of one that says nothing
    "metadata": {},
    "user": None,
    "safety_identifier": None,
    "prompt_cache_key": None,
    "prompt_cache_retention": None,
}
_NAMES = frozenset(
    (
        *("id", "object", "created_at", "completed_at", "status", "model", "output", "usage", "service_tier"),
        *("instructions", "max_output_tokens", "max_tool_calls", "parallel_tool_calls", "reasoning", "temperature"),
        *("text", "tool_choice", "tools", "top_logprobs", "top_p", "truncation", "frequency_penalty"),
        *("presence_penalty", "billing", "tool_usage", "store", *_STATE, *_ECHOED),
    )
)
_CLOSE = b"}\n\n"  # how an event ends
_WHOLE = ("completed",)
_INCOMPLETE = {"max_output_tokens": "truncated", "content_filter": "filtered"}


def _judge(answer: Members) -> None:
    literal(answer, "object", "response")
    why = an_object(answer.get("incomplete_details") or {}).get("reason")
    finish(answer.get("status"), _WHOLE, {"incomplete": _INCOMPLETE.get(str(why), "unknown")})
    if any(answer.get(name) not in (None, False) for name in _STATE):
        raise Unfit("stateful")
    known(answer, _NAMES)
    filled(answer, "id", "model")
    number(answer, "created_at")
    figures(mapping(answer, "usage"), "input_tokens", "output_tokens")
    items = objects(answer, "output")
    for item in items:
        _item(item)
    messages = [item for item in items if item["type"] == "message"]
    if not "".join(part["text"] for message in messages for part in objects(message, "content")).strip():
        raise Unfit("empty")


def _item(item: Members) -> None:
    kind = text(item, "type")
    if kind not in ITEMS:
        raise Unfit("tool-call" if kind.endswith("_call") else "unknown")
    text(item, "id")
    literal(item, "status", "completed", *((None,) if kind == "reasoning" else ()))
    known(item, ITEMS[kind])
    if kind == "message":
        literal(item, "role", "assistant")
        for part in objects(item, "content"):
            _part(part, "output_text")
    else:
        text_or_empty(item, "encrypted_content")
        for part in objects(item, "summary"):
            _part(part, "summary_text")


def _part(part: Members, kind: str) -> None:
    if part.get("type") == "refusal":
        raise Unfit("refusal")
    literal(part, "type", kind)
    known(part, ("type", "text"))
    text(part, "text")


def _renamed(answer: Members, new_id: str, created: int) -> Members:
    times = {name: created for name in ("created_at", "completed_at") if answer.get(name) is not None}
    name = answer["id"] if answer.get("store") else kind_of(text(answer, "id")) + new_id
    return {"id": name, **times, **_ECHOED}


def _told(answer: Members, asked: Asked) -> Retold:  # noqa: ARG001 - every stream tells its usage
    told = (_numbered(event, place) for place, event in enumerate(_events(answer)))
    return Retold(events.CONTENT_TYPE, events.safe(b"".join(told)))


def _numbered(event: bytes, place: int) -> bytes:
    return b'%b,"sequence_number":%d}\n\n' % (event[: -len(_CLOSE)], place)


def _events(answer: Members) -> Iterator[bytes]:
    begun = {**answer, "status": "in_progress", "output": [], "usage": None}
    if "completed_at" in begun:
        begun["completed_at"] = None
    yield named({"type": "response.created", "response": begun})
    yield named({"type": "response.in_progress", "response": begun})
    for index, item in enumerate(answer["output"]):
        parts = "content" if item["type"] == "message" else "summary"
        opened = {**item, parts: []}
        if "status" in item:
            opened["status"] = "in_progress"
        yield named({"type": "response.output_item.added", "output_index": index, "item": opened})
        for at, part in enumerate(item.get(parts) or ()):
            yield from _spoken(part, {"item_id": item["id"], "output_index": index, f"{parts}_index": at})
        yield named({"type": "response.output_item.done", "output_index": index, "item": item})
    yield named({"type": "response.completed", "response": answer})


def _spoken(part: Members, where: Members) -> Iterator[bytes]:
    """The events of one part: of a message, or of the summary of what was thought."""
    said = part["type"] == "output_text"
    frame, stem = ("content_part", "output_text") if said else ("reasoning_summary_part", "reasoning_summary_text")
    extra: Members = {"logprobs": []} if said else {}
    yield named({"type": f"response.{frame}.added", **where, "part": {**part, "text": ""}})
    delta = named({"type": f"response.{stem}.delta", **where, "delta": "", **extra})
    yield from with_text(delta, "delta", pieces(part["text"]))
    yield named({"type": f"response.{stem}.done", **where, "text": part["text"], **extra})
    yield named({"type": f"response.{frame}.done", **where, "part": part})


FORM: Final = Form(_judge, openai_responses_stream.assemble, _renamed, _told)
