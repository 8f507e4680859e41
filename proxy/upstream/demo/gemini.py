"""Gemini's formats, as the stand-in speaks them: generateContent, its streamed form, countTokens and the models."""

from __future__ import annotations

import json
from typing import Any

from proxy.upstream.demo.reply import Answered, Asked, Streamed, Whole, unknown_model
from proxy.upstream.demo.words import MODELS, ceiling_of, name_for, speech, tokens_in

READ = ("systemInstruction", "system_instruction", "contents", "tools")
PREFIXES = ("/v1beta/models/", "/v1/models/")  # google-genai calls v1 since its third major version


def error(status: int, message: str, kind: str) -> Whole:
    """An error as Google writes it."""
    return Whole({"error": {"code": status, "message": message, "status": kind}}, status)


def models(_: Asked) -> Answered:
    """``GET /v1beta/models``."""
    methods = ["generateContent", "countTokens"]
    entries = [
        {"name": f"models/{name}", "displayName": f"Stand-in {name}", "supportedGenerationMethods": methods}
        for name in MODELS
    ]
    return Whole({"models": entries})


def operate(asked: Asked) -> Answered:
    """``POST /v1beta/models/{model}:{operation}``, or the same under ``/v1``."""
    model, _, operation = asked.path.rpartition("/")[2].partition(":")
    if model not in MODELS:
        return error(404, unknown_model(model), "NOT_FOUND")
    if operation == "countTokens":
        wrapped = asked.body.get("generateContentRequest")
        return Whole({"totalTokens": tokens_in(wrapped if isinstance(wrapped, dict) else asked.body, READ)})
    if operation == "generateContent":
        parts = _parts(model, asked.body)
        text = "".join(part["candidates"][0]["content"]["parts"][0]["text"] for part in parts)
        return Whole(parts[-1] | {"candidates": [_candidate(text, parts[-1]["candidates"][0]["finishReason"])]})
    if operation == "streamGenerateContent":
        return _streamed(_parts(model, asked.body), sse="alt=sse" in asked.query.split("&"))
    return error(404, f"The stand-in upstream has no operation {operation[:80]!r}.", "NOT_FOUND")


def _parts(model: str, body: dict[str, Any]) -> list[dict[str, Any]]:
    """The answer in parts; each carries the counts so far, the last one those of the whole."""
    tokens = tokens_in(body, READ)
    said = speech(model, tokens, _ceiling(body))
    finish = "MAX_TOKENS" if said.cut else "STOP"
    frame = {"modelVersion": model, "responseId": name_for("stand-in-", body)}
    last = len(said.pieces) - 1
    return [
        {
            "candidates": [_candidate(piece, finish if number == last else None)],
            "usageMetadata": _usage(tokens, said.tokens if number == last else None),
            **frame,
        }
        for number, piece in enumerate(said.pieces)
    ]


def _candidate(text: str, finish: str | None) -> dict[str, Any]:
    content = {"content": {"parts": [{"text": text}], "role": "model"}, "index": 0}
    return content if finish is None else content | {"finishReason": finish}


def _usage(asked: int, said: int | None) -> dict[str, Any]:
    usage: dict[str, Any] = {"promptTokenCount": asked, "totalTokenCount": asked + (said or 0)}
    if said is not None:
        usage["candidatesTokenCount"] = said
    return usage | {"promptTokensDetails": [{"modality": "TEXT", "tokenCount": asked}]}


def _streamed(parts: list[dict[str, Any]], *, sse: bool) -> Streamed:
    """Server-sent events when ``alt=sse`` was asked, else one JSON array that grows, as Google does."""
    texts = [json.dumps(part, ensure_ascii=False).encode() for part in parts]
    if sse:
        return Streamed([b"data: %b\r\n\r\n" % text for text in texts])
    return Streamed([b"[" + texts[0], *(b",\r\n" + text for text in texts[1:]), b"]"], "application/json")


def _ceiling(body: dict[str, Any]) -> int | None:
    settings = body.get("generationConfig") or body.get("generation_config")
    return ceiling_of(settings.get("maxOutputTokens")) if isinstance(settings, dict) else None
