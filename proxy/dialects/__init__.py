"""Wire formats, one file each. To add one: write its file and put it into ``DIALECTS``."""

from __future__ import annotations

from proxy.dialects.anthropic_messages import AnthropicMessages
from proxy.dialects.base import Dialect
from proxy.dialects.bedrock import Bedrock
from proxy.dialects.cohere import Cohere
from proxy.dialects.gemini import Gemini
from proxy.dialects.ollama import Ollama
from proxy.dialects.openai_audio import OpenAIAudio
from proxy.dialects.openai_chat import OpenAIChat
from proxy.dialects.openai_images import OpenAIImages
from proxy.dialects.openai_responses import OpenAIResponses
from proxy.dialects.openai_simple import OpenAISimple
from proxy.dialects.vertex import Vertex
from proxy.dialects.vertex_anthropic import VertexAnthropic

DIALECTS: tuple[Dialect, ...] = (
    OpenAIChat(),
    OpenAIResponses(),
    OpenAISimple(),
    OpenAIImages(),
    OpenAIAudio(),
    AnthropicMessages(),
    Gemini(),
    Ollama(),
    Cohere(),
    Bedrock(),
    Vertex(),
    VertexAnthropic(),
)
