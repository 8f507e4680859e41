"""What OpenAI-like requests give a model to read: texts in reading order, tools, pictures and other media.

Only sizes and strings are gathered; what a member means beyond that is the upstream's business, so an unknown part is
passed over, never refused.
"""

from __future__ import annotations

from typing import Any

import msgspec

from proxy.dialects.prompt import Prompt
from proxy.dialects.reported import part, parts
from proxy.domain.ask import Features
from proxy.domain.errors import BadRequest

_WORD = " the"  # in every vocabulary: a prompt of token ids is counted as that many of this word
_MOST_WORDS = 1 << 14  # beyond, only the bytes are counted
_IMAGES = frozenset(("image_url", "input_image", "image", "computer_screenshot"))
_STORED = ("file_id", "file_url")
_LINKED = ("image_url", "video_url", "audio_url", "document_url")
_THOUGHT = ("reasoning_content", "reasoning", "refusal")
_CALLED = ("name", "arguments")


class Reading(Prompt):
    """Gathers the features of one request; ``names`` are those of the tools offered."""

    __slots__ = ("_unseen", "names")

    def __init__(self) -> None:
        super().__init__()
        self.names: tuple[str, ...] = ()
        self._unseen = 0  # bytes of input that is no text here, such as encrypted reasoning

    def features(self) -> Features:
        """All that was gathered; what is unseen counts as bytes of text."""
        seen = super().features()
        return msgspec.structs.replace(seen, text_bytes=seen.text_bytes + self._unseen) if self._unseen else seen

    def chat(self, messages: Any) -> None:
        """Read chat messages. Raises ``BadRequest`` when they are no array of objects."""
        if messages is None:
            return
        if type(messages) is not list:
            raise _no_messages()
        self.messages = len(messages)
        texts = self._texts
        for message in messages:
            if type(message) is not dict:
                raise _no_messages()
            content = message.get("content")
            if type(content) is str:
                texts.append(content)
            elif content is not None:
                self.content(content)
            if message.get("role") == "assistant":
                self._spoken(message)

    def _spoken(self, message: dict[str, Any]) -> None:
        self.strings(message, _THOUGHT)
        self.refers(message, ("audio",))  # an earlier answer, by its id
        calls = message.get("tool_calls")
        if type(calls) is list:
            for call in calls:
                self.strings(part(call, "function") if type(call) is dict else {}, _CALLED)
        if "function_call" in message:
            self.strings(part(message, "function_call"), _CALLED)

    def content(self, content: Any) -> None:
        """Read content: a string, or a list of parts."""
        texts = self._texts
        for piece in content if type(content) is list else (content,):
            if type(piece) is dict:
                if type(text := piece.get("text")) is str or type(text := piece.get("refusal")) is str:
                    texts.append(text)
                elif type(kind := piece.get("type")) is str and kind in _IMAGES:
                    self.images += 1
                    self._linked(piece)
                else:
                    self._inline(piece)
            elif type(piece) is str:
                texts.append(piece)

    def _inline(self, piece: dict[str, Any]) -> None:
        for data in (
            part(piece, "input_audio").get("data"),
            _data_url(part(piece, "file").get("file_data")),
            _data_url(piece.get("file_data")),
            _data_url(part(piece, "video_url").get("url")),
            _data_url(part(piece, "audio_url").get("url")),
        ):
            self.media(None, data)
        self._linked(piece)
        self.content(parts(piece, "thinking"))  # Mistral nests the parts of its reasoning

    def _linked(self, piece: dict[str, Any]) -> None:
        """Note what is only named or linked: a picture too, since what lies behind a link need not be one."""
        self.refers(piece, _STORED)
        self.refers(part(piece, "file"), _STORED)
        for name in _LINKED:
            linked = piece.get(name)
            url = linked.get("url") if type(linked) is dict else linked
            if type(url) is str and not url.startswith("data:"):
                self.unbounded = self.unbounded or name

    def strings(self, members: dict[str, Any], names: tuple[str, ...]) -> None:
        """Read those members that are strings."""
        for name in names:
            if type(text := members.get(name)) is str:
                self._texts.append(text)

    def prompts(self, members: dict[str, Any], name: str) -> int:
        """Read a member that is a string, strings, token ids or lists of those, and say how many prompts it holds.

        Raises ``BadRequest``.
        """
        value = members.get(name)
        if type(value) is not list:
            if value is not None and type(value) is not str:
                raise BadRequest(f"'{name}' must be a string or an array.", param=name, code="invalid_type")
            self.text(value)
            return 1
        if value and type(value[0]) is int:
            self._token_ids(len(value))
            return 1
        for prompt in value:
            if type(prompt) is list:
                self._token_ids(len(prompt))
            else:
                self.content(prompt)
        return max(1, len(value))

    def _token_ids(self, number: int) -> None:
        words = min(number, _MOST_WORDS)
        self._texts.append(_WORD * words)
        self._unseen += len(_WORD) * (number - words)

    def encrypted(self, text: Any) -> None:
        """Count base64 that only the provider can read, such as reasoning handed back to it."""
        if type(text) is str:
            self._unseen += len(text) * 3 // 4

    def offers(self, tools: Any, *schemas: Any) -> None:
        """Read the definitions of tools, and other schemas that the model is shown. Raises ``BadRequest``."""
        if tools is not None and type(tools) is not list:
            raise BadRequest("'tools' must be an array of objects.", param="tools", code="invalid_type")
        if tools:
            self.names = tuple([name for tool in tools if type(tool) is dict and (name := _name(tool))])
        for definition in (tools, *schemas):
            self.tools(definition)


def _no_messages() -> BadRequest:
    return BadRequest("'messages' must be an array of objects.", param="messages", code="invalid_type")


def _name(tool: dict[str, Any]) -> str | None:
    name = part(tool, "function").get("name") or tool.get("name") or tool.get("type")
    return name if type(name) is str else None


def _data_url(url: Any) -> str | None:
    """The base64 of a data URL; what is only named or linked is not carried inline."""
    if type(url) is not str or not url.startswith("data:"):
        return None
    return url[url.find(",") + 1 :]
