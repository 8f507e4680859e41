"""Which framing and which format each dialect has. To stream another one: a format, and its line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from proxy.dialects.rewriting.channels import Make
from proxy.dialects.rewriting.elements import Elements
from proxy.dialects.rewriting.events import Events
from proxy.dialects.rewriting.formats.anthropic import Anthropic
from proxy.dialects.rewriting.formats.bedrock import Bedrock
from proxy.dialects.rewriting.formats.cohere import Cohere
from proxy.dialects.rewriting.formats.gemini import Gemini
from proxy.dialects.rewriting.formats.gemini_interactions import Interactions
from proxy.dialects.rewriting.formats.ollama import Ollama
from proxy.dialects.rewriting.formats.openai_chat import Chat
from proxy.dialects.rewriting.formats.openai_responses import Responses
from proxy.dialects.rewriting.frames import ChunkFrames, ConverseFrames
from proxy.dialects.rewriting.framing import Framing
from proxy.dialects.rewriting.lines import JsonLines
from proxy.dialects.rewriting.rewriter import Format, Rewriter
from proxy.domain.ask import Ask


class _Way(msgspec.Struct, frozen=True):
    form: Format
    streams: Callable[[], Framing] = Events
    whole: Callable[[], Framing] = Elements


_WAYS: Final[Mapping[str, _Way]] = {
    "openai_chat": _Way(Chat()),
    "openai_responses": _Way(Responses()),
    "openai_audio": _Way(Responses()),
    "anthropic_messages": _Way(Anthropic()),
    "vertex_anthropic": _Way(Anthropic()),
    "gemini": _Way(Gemini()),
    "vertex": _Way(Gemini()),
    "gemini_interactions": _Way(Interactions()),
    "ollama": _Way(Ollama(), JsonLines, JsonLines),
    "cohere": _Way(Cohere()),
    "bedrock": _Way(Bedrock(), ChunkFrames),
}
_CONVERSATION: Final = _Way(Bedrock(), ConverseFrames)
_SILENT: Final = ("speech", "embed", "image", "count", "rerank", "models", "show", "predict")  # write no text


def rewriter(dialect_name: str, ask: Ask, make: Make, *, strict: bool = True) -> Rewriter | None:
    """Return what changes the text of one answer, streamed or whole; None for answers that have none.

    ``make`` gives a fresh filter for each running text, and for each string that stands for itself. Not ``strict``: what
    cannot be read passes as it is, which is right where values are only put back.
    """
    api = ask.endpoint.api
    if api.rpartition(".")[2].startswith(_SILENT):
        return None
    way = _CONVERSATION if api.startswith("bedrock.converse") else _WAYS.get(dialect_name)
    return None if way is None else Rewriter(way.streams(), way.whole(), way.form, make, strict=strict)
