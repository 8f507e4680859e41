"""OpenAI's Responses format, as the stand-in speaks it, with every event that the SDK's accumulator waits for."""

from __future__ import annotations

from typing import Any

from proxy.upstream.demo.openai import error
from proxy.upstream.demo.reply import Answered, Asked, Streamed, Whole, event, unknown_model
from proxy.upstream.demo.words import CREATED, MODELS, Speech, ceiling_of, name_for, speech, tokens_in


def responses(asked: Asked) -> Answered:
    """``POST /v1/responses``."""
    body = asked.body
    if body.get("model") not in MODELS:
        return error(404, unknown_model(body.get("model")), "model_not_found", "model")
    tokens = tokens_in(body, ("instructions", "input", "tools", "text"))
    said = speech(body["model"], tokens, ceiling_of(body.get("max_output_tokens")))
    item = name_for("msg_", body)
    if body.get("stream") is True:
        return Streamed(_events(body, item, tokens, said))
    return Whole(_response(body, "completed", [_message(item, said.text)], tokens, said))


def _response(
    body: dict[str, Any], status: str, output: list[dict[str, Any]], tokens: int, said: Speech | None
) -> dict[str, Any]:
    """The response object: ``said`` is None while it is not finished, and then there is no usage."""
    cut = said is not None and said.cut
    return {
        "id": name_for("resp_", body),
        "object": "response",
        "created_at": CREATED,
        "status": "incomplete" if cut else status,
        "error": None,
        "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
        "instructions": body.get("instructions"),
        "max_output_tokens": body.get("max_output_tokens"),
        "metadata": body.get("metadata") or {},
        "model": body["model"],
        "output": output,
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": {"effort": None, "summary": None},
        "service_tier": "default",
        "store": False,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": None if said is None else _usage(tokens, said.tokens),
    }


def _usage(asked: int, said: int) -> dict[str, Any]:
    return {
        "input_tokens": asked,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": said,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": asked + said,
    }


def _message(item: str, text: str) -> dict[str, Any]:
    return {"id": item, "type": "message", "status": "completed", "role": "assistant", "content": [_part(text)]}


def _part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _events(body: dict[str, Any], item: str, tokens: int, said: Speech) -> list[bytes]:
    at = {"item_id": item, "output_index": 0, "content_index": 0}
    started = _response(body, "in_progress", [], tokens, None)
    opened = _message(item, "") | {"status": "in_progress", "content": []}
    closed = _message(item, said.text)
    finished = _response(body, "completed", [closed], tokens, said)
    steps: list[tuple[str, dict[str, Any]]] = [
        ("response.created", {"response": started}),
        ("response.in_progress", {"response": started}),
        ("response.output_item.added", {"output_index": 0, "item": opened}),
        ("response.content_part.added", at | {"part": _part("")}),
        *(("response.output_text.delta", at | {"delta": piece, "logprobs": []}) for piece in said.pieces),
        ("response.output_text.done", at | {"text": said.text, "logprobs": []}),
        ("response.content_part.done", at | {"part": _part(said.text)}),
        ("response.output_item.done", {"output_index": 0, "item": closed}),
        ("response.incomplete" if said.cut else "response.completed", {"response": finished}),
    ]
    return [event({"type": name, "sequence_number": number} | data, name) for number, (name, data) in enumerate(steps)]
