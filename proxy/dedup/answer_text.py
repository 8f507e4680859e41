"""What a model said in an answer: its text alone, in the four forms whose answers are reused.

Thoughts are left out: a model thinks differently each time, and they are no part of what a caller asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

import jiter


def text_of(api: str, answer: bytes) -> str | None:
    """The text of a whole answer, its parts joined; None where there is none, or the answer is not understood."""
    reads = _READERS.get(api)
    if reads is None:
        return None
    try:
        found = "".join(reads(jiter.from_json(answer)))
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):  # it is not of the form that its API says
        return None
    return found if found.strip() else None


def _chat(answer: Any) -> Iterator[str]:
    yield answer["choices"][0]["message"]["content"]


def _responses(answer: Any) -> Iterator[str]:
    for item in answer["output"]:
        if item["type"] == "message":
            yield from (part["text"] for part in item["content"] if part["type"] == "output_text")


def _messages(answer: Any) -> Iterator[str]:
    yield from (block["text"] for block in answer["content"] if block["type"] == "text")


def _gemini(answer: Any) -> Iterator[str]:
    yield from (part["text"] for part in answer["candidates"][0]["content"]["parts"] if not part.get("thought"))


_READERS: Final[Mapping[str, Callable[[Any], Iterator[str]]]] = MappingProxyType(
    {
        "openai.chat": _chat,
        "openai.responses": _responses,
        "anthropic.messages": _messages,
        "gemini.generate": _gemini,
    }
)
