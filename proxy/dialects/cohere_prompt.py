"""What a model will read of a Cohere request: messages with parts, documents, texts to embed and texts to rank."""

from __future__ import annotations

from typing import Any

from proxy.dialects.openai_features import Reading
from proxy.dialects.reported import part
from proxy.domain.ask import Features

_SPOKEN = ("tool_plan",)


class CohereReading(Reading):
    """Gathers the features of one request; ``names`` are those of the tools offered."""

    __slots__ = ()

    def conversation(self, members: dict[str, Any]) -> Features:
        """Read a chat. Raises ``BadRequest``."""
        messages = members.get("messages")
        self.chat(messages)
        for message in messages or ():
            self.strings(message, _SPOKEN)
            self._documents(message.get("content"))
        self.json(members.get("documents"))
        self.offers(members.get("tools"), members.get("response_format"))
        return self.features()

    def inputs(self, members: dict[str, Any]) -> Features:
        """Read what is to be embedded: texts, pictures, or a mixture of both."""
        for name in ("texts", "images"):
            given = members.get(name)
            for one in given if type(given) is list else ():
                self.messages += 1
                if name == "texts":
                    self.text(one)
                else:
                    self.content({"type": "image_url", "image_url": one})
        mixed = members.get("inputs")
        for one in mixed if type(mixed) is list else ():
            self.messages += 1
            self.content(one.get("content") if type(one) is dict else one)
        return self.features()

    def ranking(self, members: dict[str, Any]) -> tuple[Features, int]:
        """Read what is to be ranked, and say how many documents there are. Long ones are billed as several."""
        self.text(members.get("query"))
        documents = members.get("documents")
        self.json(documents)
        self.refers(members, ("documents",))
        return self.features(), len(documents) if type(documents) is list else 0

    def _documents(self, content: Any) -> None:
        for piece in content if type(content) is list else ():
            if type(piece) is dict:
                self.json(part(piece, "document"))
                self.text(piece.get("thinking"))
