"""OpenAI's formats, as the stand-in speaks them: chat completions, embeddings and the list of models."""

from __future__ import annotations

import base64
import hashlib
import struct
from typing import Any

from proxy.upstream.demo.reply import Answered, Asked, Streamed, Whole, event, unknown_model
from proxy.upstream.demo.words import CREATED, MODELS, Speech, ceiling_of, name_for, speech, tokens_in, tokens_of

MAX_CHOICES = 8
DIMENSIONS = 64
MAX_DIMENSIONS = 3072


def error(status: int, message: str, code: str, param: str | None = None) -> Whole:
    """An error as OpenAI writes it."""
    return Whole({"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}}, status)


def models(_: Asked) -> Answered:
    """``GET /v1/models``."""
    return Whole({"object": "list", "data": [model(name) for name in MODELS]})


def model(name: str) -> dict[str, Any]:
    """One entry of the list."""
    return {"id": name, "object": "model", "created": CREATED, "owned_by": "tallygate"}


def chat(asked: Asked) -> Answered:
    """``POST /v1/chat/completions``."""
    body = asked.body
    if body.get("model") not in MODELS:
        return error(404, unknown_model(body.get("model")), "model_not_found", "model")
    if not isinstance(body.get("messages"), list):
        return error(400, "messages must be a list.", "invalid_type", "messages")
    tokens = tokens_in(body, ("messages", "tools", "functions", "response_format"))
    said = speech(body["model"], tokens, ceiling_of(body.get("max_completion_tokens"), body.get("max_tokens")))
    choices = min(max(ceiling_of(body.get("n")) or 1, 1), MAX_CHOICES)
    usage = _usage(tokens, said.tokens * choices)
    frame = {"id": name_for("chatcmpl-", body), "created": CREATED, "model": body["model"]}
    if body.get("stream") is True:
        options = body.get("stream_options")
        with_usage = isinstance(options, dict) and options.get("include_usage") is True
        return Streamed(_chunks(frame, said, choices, usage if with_usage else None))
    message: dict[str, Any] = {"role": "assistant", "content": said.text, "refusal": None, "annotations": []}
    choice = {"message": message, "logprobs": None, "finish_reason": _finish(said)}
    return Whole(
        frame
        | {
            "object": "chat.completion",
            "choices": [{"index": index, **choice} for index in range(choices)],
            "usage": usage,
            "service_tier": "default",
            "system_fingerprint": "fp_stand_in",
        }
    )


def embeddings(asked: Asked) -> Answered:
    """``POST /v1/embeddings``: unit-less vectors made of a digest, equal for equal texts."""
    body = asked.body
    if body.get("model") not in MODELS:
        return error(404, unknown_model(body.get("model")), "model_not_found", "model")
    given = body.get("input")
    inputs = given if isinstance(given, list) and given and not isinstance(given[0], int) else [given]
    size = min(max(ceiling_of(body.get("dimensions")) or DIMENSIONS, 1), MAX_DIMENSIONS)
    vectors = [_vector(str(text), size) for text in inputs]
    as_text = body.get("encoding_format") == "base64"
    data = [
        {"object": "embedding", "index": index, "embedding": _packed(vector) if as_text else vector}
        for index, vector in enumerate(vectors)
    ]
    tokens = sum(len(text) if isinstance(text, list) else tokens_of(str(text)) for text in inputs)
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return Whole({"object": "list", "model": body["model"], "data": data, "usage": usage})


def _chunks(frame: dict[str, Any], said: Speech, choices: int, usage: dict[str, Any] | None) -> list[bytes]:
    frame = frame | {"object": "chat.completion.chunk", "service_tier": "default", "system_fingerprint": "fp_stand_in"}
    tail = {} if usage is None else {"usage": None}

    def chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
        part = {"delta": delta, "logprobs": None, "finish_reason": finish}
        return b"".join(event(frame | {"choices": [{"index": index, **part}]} | tail) for index in range(choices))

    chunks = [chunk({"role": "assistant", "content": "", "refusal": None})]
    chunks += [chunk({"content": piece}) for piece in said.pieces]
    chunks.append(chunk({}, _finish(said)))
    if usage is not None:
        chunks.append(event(frame | {"choices": [], "usage": usage}))
    return [*chunks, b"data: [DONE]\n\n"]


def _usage(asked: int, said: int) -> dict[str, Any]:
    return {
        "prompt_tokens": asked,
        "completion_tokens": said,
        "total_tokens": asked + said,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _finish(said: Speech) -> str:
    return "length" if said.cut else "stop"


def _vector(text: str, size: int) -> list[float]:
    digest = hashlib.shake_128(text.encode("utf-8", "surrogatepass")).digest(size)
    return [(byte - 127.5) / 127.5 for byte in digest]


def _packed(vector: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
