"""Answers of each API that may be told again, as their providers write them, and the shapes of telling one."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from proxy.dedup.replay import Retold, retold

Answer = dict[str, Any]
NEW_ID, CREATED = "0199f3a2b7c0", 1_790_000_123


def chat(text: str) -> Answer:
    """A completion of OpenAI."""
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_780_000_000,
        "model": "gpt-5.1-2026-08-01",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text, "refusal": None, "annotations": []},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": 12,
            "completion_tokens": 3,
            "total_tokens": 15,
            "prompt_tokens_details": {"cached_tokens": 4},
        },
        "service_tier": "default",
        "system_fingerprint": "fp_1",
    }


def reasoned(text: str) -> Answer:
    """A completion with its reasoning, as DeepSeek writes it."""
    answer = chat(text)
    answer["choices"][0]["message"] = {"role": "assistant", "content": text, "reasoning_content": f"So: {text}"}
    return answer


def azure(text: str) -> Answer:
    """A completion with the verdicts of Azure's filters."""
    answer = chat(text)
    verdict = {"hate": {"filtered": False, "severity": "safe"}, "jailbreak": {"detected": False, "filtered": False}}
    answer["prompt_filter_results"] = [{"prompt_index": 0, "content_filter_results": verdict}]
    answer["choices"][0]["content_filter_results"] = verdict
    return answer


def response(text: str) -> Answer:
    """An answer of the Responses API, with a thought before it."""
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1_780_000_000,
        "completed_at": 1_780_000_002,
        "status": "completed",
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": "Be brief.",
        "model": "gpt-5.1-2026-08-01",
        "output": [
            {
                "id": "rs_1",
                "type": "reasoning",
                "encrypted_content": "gAAAAABo",
                "summary": [{"type": "summary_text", "text": f"So: {text}"}],
            },
            {
                "id": "msg_1",
                "type": "message",
                "status": "completed",
                "role": "assistant",
                "content": [{"type": "output_text", "text": text, "annotations": [], "logprobs": []}],
            },
        ],
        "parallel_tool_calls": True,
        "store": False,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "usage": {
            "input_tokens": 12,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": 3,
            "output_tokens_details": {"reasoning_tokens": 1},
            "total_tokens": 15,
        },
        "user": None,
        "metadata": {},
    }


def message(text: str) -> Answer:
    """A message of Anthropic, with thinking before it."""
    return {
        "model": "claude-sonnet-5",
        "id": "msg_01",
        "type": "message",
        "role": "assistant",
        "content": [
            {"type": "thinking", "thinking": f"So: {text}", "signature": "EqQBCg=="},
            {"type": "redacted_thinking", "data": "EmwKAhg="},
            {"type": "text", "text": text},
        ],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 12,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 4,
            "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
            "output_tokens": 3,
            "service_tier": "standard",
        },
    }


def gemini(text: str) -> Answer:
    """Generated content, with a thought before it and a signature after it, as a stream gives it."""
    return {
        "candidates": [
            {
                "content": {
                    "parts": [
                        {"text": f"So: {text}", "thought": True},
                        {"text": text},
                        {"text": "", "thoughtSignature": "CiQB"},
                    ],
                    "role": "model",
                },
                "finishReason": "STOP",
                "index": 0,
            }
        ],
        "usageMetadata": {
            "promptTokenCount": 12,
            "candidatesTokenCount": 3,
            "totalTokenCount": 15,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 12}],
        },
        "modelVersion": "gemini-2.5-flash",
        "responseId": "mAA1",
    }


SAMPLES: dict[str, tuple[str, Callable[[str], Answer]]] = {
    "chat": ("openai.chat", chat),
    "reasoned": ("openai.chat", reasoned),
    "azure": ("openai.chat", azure),
    "response": ("openai.responses", response),
    "message": ("anthropic.messages", message),
    "gemini": ("gemini.generate", gemini),
}


def stored(answer: Answer) -> bytes:
    """Its bytes, as a provider might send them."""
    return json.dumps(answer, ensure_ascii=False).encode()


def told(api: str, answer: Answer, *, stream: bool, usage: bool = True, query: str = "alt=sse") -> Retold:
    """The answer, told again."""
    return retold(api, stored(answer), stream=stream, usage_asked=usage, new_id=NEW_ID, created=CREATED, query=query)
