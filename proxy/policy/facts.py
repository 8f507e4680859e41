"""What ``decide()`` sees of a call. Stored with the row as canonical JSON, so that yesterday can be replayed."""

from __future__ import annotations

import msgspec


class Facts(msgspec.Struct, frozen=True, omit_defaults=True):
    """Everything a rule may look at, and nothing it may not: no prompt, no key, no person."""

    team: str
    model: str
    dialect: str
    endpoint: str
    upstream: str
    project: str | None = None
    service: str | None = None
    groups: tuple[str, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()
    stream: bool = False
    tools: int = 0
    images: int = 0
    messages: int = 0
    input_tokens: int = 0  # estimated
    input_ceiling: int = 0  # what it can be at most
    max_output: int | None = None  # as asked
    choices: int = 1
    clock: int = 0  # unix seconds, the store's

    def canonical(self) -> bytes:
        """The facts as JSON with members in the order above, defaults left out."""
        return msgspec.json.encode(self)
