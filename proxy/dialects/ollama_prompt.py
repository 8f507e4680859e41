"""What a model will read of an Ollama request: messages or a prompt, pictures, tools, and the context of an earlier answer."""

from __future__ import annotations

from typing import Any

from proxy.dialects.openai_features import Reading
from proxy.dialects.strict_json import exactly_spelled
from proxy.domain.ask import Features
from proxy.domain.errors import BadRequest

_TEXTS = ("prompt", "system", "template", "suffix")
_SPOKEN = ("content", "thinking", "tool_name")
_PICTURE = "image"  # raw base64 without a type; its format is seen by the server alone
_REQUEST = frozenset(
    (*_TEXTS, "model", "name", "messages", "stream", "options", "images", "tools", "format", "think", "raw", "context", "input")
)  # fmt: skip
_MESSAGE = frozenset((*_SPOKEN, "role", "images", "tool_calls"))


class OllamaReading(Reading):
    """Gathers the features of one request; ``names`` are those of the tools offered."""

    __slots__ = ()

    def request(self, members: dict[str, Any]) -> Features:
        """Read a request of any endpoint. Raises ``BadRequest``."""
        exactly_spelled(members, _REQUEST)
        self.strings(members, _TEXTS)
        messages = members.get("messages")
        if messages is not None and type(messages) is not list:
            raise _no_messages()
        for message in messages or ():
            self._message(message)
        self._pictures(members.get("images"))
        if inputs := members.get("input"):
            self.messages += self.prompts(members, "input") if type(inputs) in (str, list) else 0
        if members.get("context"):
            self.prompts(members, "context")
        self.offers(members.get("tools"))
        if type(shape := members.get("format")) is dict:
            self.tools(shape)
        return self.features()

    def _message(self, message: Any) -> None:
        if type(message) is not dict:
            raise _no_messages()
        exactly_spelled(message, _MESSAGE)
        self.messages += 1
        self.strings(message, _SPOKEN)
        self._pictures(message.get("images"))
        self.json(message.get("tool_calls"))

    def _pictures(self, pictures: Any) -> None:
        for picture in pictures if type(pictures) is list else ():
            self.media(_PICTURE, picture)


def _no_messages() -> BadRequest:
    return BadRequest("'messages' must be an array of objects.", param="messages", code="invalid_type")
