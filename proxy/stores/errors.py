"""The ways a store can fail us. All are ``StoreAway`` to the rest of the house: degrade, do not break.

No text of Redis or of its client libraries crosses the room's door in another type.
"""

from __future__ import annotations

from proxy.domain.errors import StoreAway


class Unsent(StoreAway):
    """The command never left this process: nothing happened in the store."""


class Unanswered(StoreAway):
    """The command was sent and its outcome is unknown."""


class Refused(StoreAway):
    """The engine answered with an error; nothing was done. ``code`` is its first word (``NOSCRIPT``, ``OOM``, ``ERR``)."""

    def __init__(self, reply: str) -> None:
        """Split the engine's reply."""
        super().__init__(reply)
        self.code = reply.partition(" ")[0]


class Unfit(StoreAway):
    """The server can be reached but must not be used: it evicts, is too old, or is misconfigured."""


class EngineFailed(Exception):
    """An embedded engine did not start; the message ends with the last lines of its log."""
