"""Chat completions, as OpenAI, Azure, vLLM, llama.cpp, Groq and others speak them: judged, and told as chunks.

Reasoning (``reasoning_content`` or ``reasoning``) is plain text beside the content and is carried over. Completions of the
older kind share the API's name and are not understood: their ``object`` is another.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from proxy.dedup.replay import events, openai_chat_stream
from proxy.dedup.replay.form import Asked, Form, Members, Retold, Unfit
from proxy.dedup.replay.openai_chat_stream import CARRIED, ENDING, REASONING, STANDING
from proxy.dedup.replay.pieces import pieces
from proxy.dedup.replay.strict import (
    an_object,
    figures,
    filled,
    finish,
    is_said,
    kind_of,
    known,
    literal,
    mapping,
    number,
    objects,
    only,
    text,
    text_or_empty,
    toolless,
)

_ANSWER = frozenset(("id", "object", "created", "model", "choices", "usage", "prompt_filter_results")) | STANDING
_CHOICE = frozenset(("index", "message", "finish_reason", "content_filter_results", *ENDING))
_MESSAGE = frozenset(("role", "content", *REASONING))
_WHOLE = ("stop",)
_OTHERS = {
    "length": "truncated",
    "tool_calls": "tool-call",
    "function_call": "tool-call",
    "content_filter": "filtered",
}
_PRELUDE = {"choices": [], "created": 0, "id": "", "model": "", "object": ""}  # before Azure's look at the prompt


def _judge(answer: Members) -> None:
    literal(answer, "object", "chat.completion")
    choice = only(answer, "choices")
    finish(choice.get("finish_reason"), _WHOLE, _OTHERS)
    known(answer, _ANSWER)
    known(choice, _CHOICE)
    literal(choice, "index", 0)
    _unfiltered(objects(answer, "prompt_filter_results"))
    _unfiltered(an_object(choice.get("content_filter_results") or {}))
    filled(answer, "id", "model")
    for name in CARRIED:
        text_or_empty(answer, name)
    for name in ENDING:
        if type(choice.get(name)) in (dict, list):
            raise Unfit
    number(answer, "created")
    usage = mapping(answer, "usage")
    figures(usage, "prompt_tokens", "completion_tokens")
    toolless(usage)
    _message(mapping(choice, "message"))


def _message(message: Members) -> None:
    if is_said(message.get("tool_calls")) or is_said(message.get("function_call")):
        raise Unfit("tool-call")
    if message.get("refusal"):
        raise Unfit("refusal")
    known({**message, "refusal": None}, _MESSAGE)
    literal(message, "role", "assistant")
    if len({thought for name in REASONING if (thought := text_or_empty(message, name))}) > 1:
        raise Unfit  # one text under two names is usual, two texts are not
    if not text_or_empty(message, "content").strip():
        raise Unfit("empty")


def _unfiltered(result: Any) -> None:
    """Refuse what Azure's filters objected to, or did not look at, wherever in their result it says so."""
    if type(result) is dict:
        if is_said(result.get("error")):
            raise Unfit  # they did not look
        if result.get("filtered") not in (None, False) or result.get("detected") not in (None, False):
            raise Unfit("filtered")
        for part in result.values():
            _unfiltered(part)
    elif type(result) is list:
        for part in result:
            _unfiltered(part)


def _renamed(answer: Members, new_id: str, created: int) -> Members:
    return {"id": kind_of(text(answer, "id")) + new_id, "created": created}


def _told(answer: Members, asked: Asked) -> Retold:
    return Retold(events.CONTENT_TYPE, events.safe(b"".join((*_events(answer, asked), b"data: [DONE]\n\n"))))


def _events(answer: Members, asked: Asked) -> Iterator[bytes]:
    head = {name: answer[name] for name in ("id", "created", "model", *CARRIED) if name in answer}
    head = {"object": "chat.completion.chunk", **head}
    tail: Members = {"usage": None} if asked.usage else {}
    choice = answer["choices"][0]
    message = choice["message"]
    verdict = (
        {"content_filter_results": choice["content_filter_results"]} if choice.get("content_filter_results") else {}
    )

    def event(delta: Members, **more: Any) -> bytes:
        told = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": None, **more}
        return _written({**head, "choices": [told], **tail})

    if filters := objects(answer, "prompt_filter_results"):
        yield _written(_PRELUDE | {"prompt_filter_results": filters})
    yield event({"role": "assistant", "content": "", **({"refusal": None} if "refusal" in message else {})})
    thinking = [name for name in REASONING if message.get(name)]
    if thinking:
        for piece in pieces(message[thinking[0]]):
            yield event(dict.fromkeys(thinking, piece))
    yield from events.with_text(event({"content": ""}, **verdict), "content", pieces(message["content"]))
    yield event({}, **{name: choice[name] for name in ("finish_reason", *ENDING) if name in choice})
    if asked.usage:
        yield _written({**head, "choices": [], "usage": answer["usage"]})


def _written(chunk: Members) -> bytes:
    return b"data: %b\n\n" % msgspec.json.encode(chunk)


FORM: Final = Form(_judge, openai_chat_stream.assemble, _renamed, _told)
