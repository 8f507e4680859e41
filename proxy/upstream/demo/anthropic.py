"""Anthropic's formats, as the stand-in speaks them: messages, token counts and the list of models."""

from __future__ import annotations

from typing import Any

from proxy.upstream.demo.reply import Answered, Asked, Streamed, Whole, event, unknown_model
from proxy.upstream.demo.words import MODELS, Speech, ceiling_of, name_for, speech, tokens_in

READ = ("system", "messages", "tools")


def error(status: int, message: str, kind: str) -> Whole:
    """An error as Anthropic writes it."""
    return Whole({"type": "error", "error": {"type": kind, "message": message}}, status)


def models(_: Asked) -> Answered:
    """``GET /v1/models`` with an ``anthropic-version``."""
    data = [
        {"type": "model", "id": name, "display_name": f"Stand-in {name}", "created_at": "2026-01-01T00:00:00Z"}
        for name in MODELS
    ]
    return Whole({"data": data, "has_more": False, "first_id": MODELS[0], "last_id": MODELS[-1]})


def messages(asked: Asked) -> Answered:
    """``POST /v1/messages``."""
    body = asked.body
    refusal = _refusal(body)
    if refusal is not None:
        return refusal
    ceiling = ceiling_of(body.get("max_tokens"))
    if ceiling is None or ceiling < 1:
        return error(400, "max_tokens: a whole number of at least 1 is required.", "invalid_request_error")
    tokens = tokens_in(body, READ)
    said = speech(body["model"], tokens, ceiling)
    if body.get("stream") is True:
        return Streamed(_events(body, tokens, said))
    return Whole(
        _message(body)
        | {
            "content": [{"type": "text", "text": said.text}],
            "stop_reason": _stop(said),
            "usage": _usage(tokens, said.tokens),
        }
    )


def count_tokens(asked: Asked) -> Answered:
    """``POST /v1/messages/count_tokens``."""
    return _refusal(asked.body) or Whole({"input_tokens": tokens_in(asked.body, READ)})


def _refusal(body: dict[str, Any]) -> Whole | None:
    if body.get("model") not in MODELS:
        return error(404, unknown_model(body.get("model")), "not_found_error")
    if not isinstance(body.get("messages"), list):
        return error(400, "messages: a list is required.", "invalid_request_error")
    return None


def _message(body: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": name_for("msg_", body),
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
    }


def _usage(asked: int, said: int) -> dict[str, Any]:
    return {
        "input_tokens": asked,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": said,
        "service_tier": "standard",
    }


def _stop(said: Speech) -> str:
    return "max_tokens" if said.cut else "end_turn"


def _events(body: dict[str, Any], tokens: int, said: Speech) -> list[bytes]:
    steps: list[dict[str, Any]] = [
        {"type": "message_start", "message": _message(body) | {"usage": _usage(tokens, 1)}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "ping"},
        *(
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}}
            for piece in said.pieces
        ),
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": _stop(said), "stop_sequence": None},
            "usage": {"output_tokens": said.tokens},
        },
        {"type": "message_stop"},
    ]
    return [event(step, step["type"]) for step in steps]
