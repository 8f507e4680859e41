"""How an answer is cut into units, and how a unit is written again."""

from __future__ import annotations

from typing import Any, Final, Protocol


class End:
    """Stands for a unit that ends the answer and carries no text: ``[DONE]``, a closing bracket, an exception."""


END: Final = End()


class Framing(Protocol):
    """One per answer. All units and what ``rest`` returns, joined, are the bytes that came."""

    @property
    def is_whole(self) -> bool:
        """Whether a unit is a whole answer."""
        ...

    def feed(self, data: bytes) -> list[bytes]:
        """Return the units that a piece completed. Raises ``UpstreamFailed`` when one is too long, or none."""
        ...

    def rest(self) -> bytes:
        """Return the unit that was not ended."""
        ...

    def open(self, unit: bytes) -> Any:
        """Return its JSON value, ``END``, or None when there is no text to look for. Raises ``UpstreamFailed``."""
        ...

    def write(self, unit: bytes, value: Any) -> bytes:
        """Return the unit with another value."""
        ...

    def again(self, unit: bytes, value: Any) -> bytes:
        """Return a unit of its own, made like ``unit``."""
        ...

    def joined(self, before: list[bytes], unit: bytes) -> bytes:
        """Return units of our own and the unit they precede; an empty one when nothing follows."""
        ...
