"""Wire formats, one file each. To add one: write its file and put it into ``DIALECTS``."""

from __future__ import annotations

from proxy.dialects.anthropic_messages import AnthropicMessages
from proxy.dialects.base import Dialect
from proxy.dialects.gemini import Gemini
from proxy.dialects.openai_chat import OpenAIChat
from proxy.dialects.openai_responses import OpenAIResponses
from proxy.dialects.openai_simple import OpenAISimple

DIALECTS: tuple[Dialect, ...] = (
    OpenAIChat(),
    OpenAIResponses(),
    OpenAISimple(),
    AnthropicMessages(),
    Gemini(),
)
