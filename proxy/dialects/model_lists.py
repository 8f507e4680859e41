"""Lists of models, as each family's API writes them: read one of an upstream, write the merged one for a caller.

An entry is kept as its upstream wrote it, so that whatever a client looks for in it is there. Shapes: OpenAI's "List
models", Anthropic's "List Models", Gemini's ``models.list``, Ollama's ``/api/tags``. Families that have no such list
beside their models (Bedrock keeps it at another host) are known by what the configuration names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jiter
import msgspec

from proxy.dialects.reported import named, parts

Entry = dict[str, Any]
_NEVER = "1970-01-01T00:00:00Z"  # of a model that only the configuration names
_MOST = 10_000  # entries of one list


class ListShape(msgspec.Struct, frozen=True):
    """How one family writes lists of models."""

    target: str  # of an upstream's list, below its base URL; one page holds them all
    headers: tuple[tuple[bytes, bytes], ...]
    member: str  # that holds the entries
    name: Callable[[Entry], str | None]
    rename: Callable[[Entry, str], Entry]  # a copy under another name
    made: Callable[[str, str], Entry]  # an entry for (model, upstream) of which nothing else is known
    whole: Callable[[list[Entry]], dict[str, Any]]

    def read(self, body: bytes) -> dict[str, Entry] | None:
        """The entries of an upstream's answer by name; None when it is no such list. Never raises."""
        try:
            told: Any = jiter.from_json(body)
        except ValueError:
            return None
        if type(told) is list:  # Together
            told = {self.member: told}
        if type(told) is not dict or type(told.get(self.member)) is not list:
            return None
        entries = parts(told, self.member)[:_MOST]
        return {name: entry for entry in entries if (name := self.name(entry)) is not None}


def _openai(model: str, upstream: str) -> Entry:
    return {"id": model, "object": "model", "created": 0, "owned_by": upstream}


def _anthropic(model: str, upstream: str) -> Entry:  # noqa: ARG001 - it names nobody
    return {"type": "model", "id": model, "display_name": model, "created_at": _NEVER}


def _gemini(model: str, upstream: str) -> Entry:  # noqa: ARG001
    actions = ["generateContent", "countTokens"]
    return {"name": f"models/{model}", "displayName": model, "supportedGenerationMethods": actions}


def _ollama(model: str, upstream: str) -> Entry:  # noqa: ARG001
    return {"name": model, "model": model, "modified_at": _NEVER, "size": 0, "digest": "", "details": {}}


def _gemini_name(entry: Entry) -> str | None:
    name = named(entry, "name")
    return name.removeprefix("models/") if name else None


def _anthropic_page(entries: list[Entry]) -> dict[str, Any]:
    ends = (entries[0]["id"], entries[-1]["id"]) if entries else (None, None)
    return {"data": entries, "has_more": False, "first_id": ends[0], "last_id": ends[1]}


SHAPES: Mapping[str, ListShape] = {
    "openai": ListShape(
        target="/models",
        headers=(),
        member="data",
        name=lambda entry: named(entry, "id"),
        rename=lambda entry, name: {**entry, "id": name},
        made=_openai,
        whole=lambda entries: {"object": "list", "data": entries},
    ),
    "anthropic": ListShape(
        target="/v1/models?limit=1000",
        headers=((b"anthropic-version", b"2023-06-01"),),
        member="data",
        name=lambda entry: named(entry, "id"),
        rename=lambda entry, name: {**entry, "id": name},
        made=_anthropic,
        whole=_anthropic_page,
    ),
    "gemini": ListShape(
        target="/v1beta/models?pageSize=1000",
        headers=(),
        member="models",
        name=_gemini_name,
        rename=lambda entry, name: {**entry, "name": f"models/{name}"},
        made=_gemini,
        whole=lambda entries: {"models": entries},
    ),
    "ollama": ListShape(
        target="/api/tags",
        headers=(),
        member="models",
        name=lambda entry: named(entry, "model") or named(entry, "name"),
        rename=lambda entry, name: {**entry, "name": name, "model": name},
        made=_ollama,
        whole=lambda entries: {"models": entries},
    ),
}
