"""What the stand-in says and how it counts: the same request gets the same words and the same figures, always.

A token is four bytes of UTF-8, rounded up per text; that is no tokenizer, and the text says so.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

MODELS = ("demo-small", "demo-large")
BYTES_PER_TOKEN = 4
WORDS_PER_PIECE = 3
CREATED = 1_767_225_600  # 2026-01-01: the stand-in has no clock, so that its answers can be compared
LABELS = frozenset({"role", "type", "id", "name", "media_type", "mimeType", "data", "url", "cache_control"})

SMALL = (
    "Hello, I am Tallygate's stand-in. No provider key is configured, so no model has read your prompt: these words "
    "are fixed, and they come a few at a time so that you can watch them stream. Your request counts as {input} "
    "tokens by my simple rule, four bytes to a token, and this answer is counted the same way. The call has left a "
    "row with its usage and its price; `tallygate report spend --by model` shows it."
)
LARGE = (
    " Since you asked the larger of us two, here is what comes next. Set OPENAI_API_KEY, ANTHROPIC_API_KEY or "
    "GEMINI_API_KEY and start again: the same base URL and the same Tallygate key then reach a real model, and nothing "
    "changes in your code. Budgets are lines in tallygate.yaml, teams and keys are lines in directory.yaml."
)


class Speech(NamedTuple):
    """An answer: its pieces in order, its size in tokens, and whether the asked ceiling cut it."""

    pieces: tuple[str, ...]
    tokens: int
    cut: bool

    @property
    def text(self) -> str:
        """All of it."""
        return "".join(self.pieces)


def speech(model: str, input_tokens: int, ceiling: int | None) -> Speech:
    """What ``model`` says to a request of this size; ``ceiling`` is the most output tokens that were asked for."""
    text = SMALL.format(input=input_tokens) + (LARGE if model == "demo-large" else "")
    kept = text if ceiling is None else text[: max(ceiling, 0) * BYTES_PER_TOKEN]  # ASCII: a character is a byte
    words = kept.split(" ")
    groups = [" ".join(words[at : at + WORDS_PER_PIECE]) for at in range(0, len(words), WORDS_PER_PIECE)]
    pieces = tuple(group if not at else f" {group}" for at, group in enumerate(groups))
    return Speech(pieces, tokens_of(kept), len(kept) < len(text))


def tokens_of(text: str) -> int:
    """Tokens of one text by the rule above."""
    return -(-len(text.encode("utf-8", "surrogatepass")) // BYTES_PER_TOKEN)


def tokens_in(body: Mapping[str, Any], members: tuple[str, ...]) -> int:
    """Tokens of every text in these members of a request."""
    return sum(tokens_of(text) for member in members for text in _texts(body.get(member)))


def ceiling_of(*asked: Any) -> int | None:
    """The first of several members that names a ceiling."""
    return next((value for value in asked if isinstance(value, int) and not isinstance(value, bool)), None)


def name_for(prefix: str, body: Mapping[str, Any]) -> str:
    """An id that is the same for the same request."""
    digest = hashlib.blake2b(json.dumps(body, sort_keys=True).encode(), digest_size=12)
    return f"{prefix}{digest.hexdigest()}"


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key not in LABELS:
                yield from _texts(item)
