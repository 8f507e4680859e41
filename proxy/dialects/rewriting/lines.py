"""Units of a stream with one JSON object a line, as Ollama sends it."""

from __future__ import annotations

from typing import Any, Final

from proxy.dialects.rewriting.values import MAX_UNIT, read, unreadable, write

_BLANK: Final = b" \t\r\n"
_JSON: Final = (b"{", b"[")


class JsonLines:
    """See ``framing.Framing``."""

    is_whole = False

    def __init__(self) -> None:
        """Nothing has come yet."""
        self._held = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Return the lines that a piece completed."""
        cut = data.rfind(b"\n") + 1
        ended = data[:cut]
        if self._held and cut:
            ended = bytes(self._held) + ended
            self._held.clear()
        self._held += data[cut:]
        if len(self._held) > MAX_UNIT and not ended:
            raise unreadable()
        return [line + b"\n" for line in ended.split(b"\n")[:-1]]

    def rest(self) -> bytes:
        """Return the line that was not ended."""
        rest = bytes(self._held)
        self._held.clear()
        return rest

    def open(self, unit: bytes) -> Any:
        """Return the value of a line."""
        line = unit.strip(_BLANK)
        return read(line) if line.startswith(_JSON) else None

    def write(self, unit: bytes, value: Any) -> bytes:
        """Return the line with another value."""
        return write(value) + unit[len(unit.rstrip(_BLANK)) :]

    def again(self, unit: bytes, value: Any) -> bytes:
        """Return a line of its own."""
        return self.write(unit, value)

    def joined(self, before: list[bytes], unit: bytes) -> bytes:
        """Return all lines."""
        return b"".join((*before, unit))
