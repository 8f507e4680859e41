"""The wire formats whose answers can be replayed: a file for each, and a line below."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from proxy.dedup.requests import anthropic_messages, gemini_generate, openai_chat, openai_responses
from proxy.dedup.requests.base import Format

FORMATS: Final[Mapping[str, Format]] = MappingProxyType(
    {
        module.FORMAT.api: module.FORMAT
        for module in (openai_chat, openai_responses, anthropic_messages, gemini_generate)
    }
)
