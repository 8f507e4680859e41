"""Units of an answer that is JSON: elements of an array, as Gemini streams them, or the only value there is.

What stands between elements is passed as it is. Only brackets and quotes are looked at, once.
"""

from __future__ import annotations

import re
from typing import Any, Final

from proxy.dialects.rewriting.framing import END
from proxy.dialects.rewriting.values import MAX_UNIT, read, unreadable, write

_TOKEN: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|["{}\[\]]', re.DOTALL)  # a whole string is one
_IN_STRING: Final = re.compile(rb'["\\]')
_BEGINS: Final = (b"{", b"[")
_OPENING: Final = b"{["
_CLOSE: Final = b"]"
_COMMA: Final = b",\n"


class Elements:
    """See ``framing.Framing``."""

    def __init__(self) -> None:
        """Nothing has come yet."""
        self._held = bytearray()
        self._units: list[bytes] = []
        self._done = 0  # all before is in a unit
        self._at = 0  # all before has been looked at
        self._depth = 0
        self._outer = 0  # depth at which units stand: 1 in an array
        self._quoted = self._begun = self._in_array = False
        self._separated = True  # a comma, or the array's bracket, is the last thing that was passed

    @property
    def is_whole(self) -> bool:
        """Whether there is no array around it."""
        return not self._in_array

    def feed(self, data: bytes) -> list[bytes]:
        """Return the elements that a piece completed, and what stands between them."""
        self._held += data
        self._units = []
        while (place := self._next()) is not None:
            if self._held[place] in _OPENING:
                self._opens(place)
            else:
                self._closes(place)
        if self._depth == self._outer and not self._quoted:
            self._cut(len(self._held))
        del self._held[: self._done]
        self._at -= self._done
        self._done = 0
        if len(self._held) > MAX_UNIT and not self._units:
            raise unreadable()
        return self._units

    def rest(self) -> bytes:
        """Return the element that was not ended."""
        rest = bytes(self._held)
        self._held.clear()
        return rest

    def open(self, unit: bytes) -> Any:
        """Return the value of an element."""
        if unit == _CLOSE:
            return END
        if unit.startswith(_BEGINS) and len(unit) > 1:
            value = read(unit)
            self._separated = False
            return value
        self._separated = self._separated or b"," in unit
        return None

    def write(self, unit: bytes, value: Any) -> bytes:  # noqa: ARG002 - an element is its value
        """Return the value."""
        return write(value)

    def again(self, unit: bytes, value: Any) -> bytes:  # noqa: ARG002 - the same
        """Return the value."""
        return write(value)

    def joined(self, before: list[bytes], unit: bytes) -> bytes:
        """Return elements, with what separates them; a value that follows has that before it already."""
        comma = _COMMA if self._in_array else b"\n"
        if unit.startswith(_BEGINS):
            return comma.join((*before, unit))
        return (b"" if self._separated else comma) + comma.join(before) + unit

    def _opens(self, place: int) -> None:
        if self._depth == self._outer:
            self._cut(place)
        self._depth += 1
        if not self._begun:
            self._begun = True
            self._in_array = self._held[place] == ord("[")
            self._outer = int(self._in_array)
        if self._depth == self._outer:  # the array itself
            self._cut(place + 1)

    def _closes(self, place: int) -> None:
        self._depth -= 1
        if self._depth < self._outer:  # the array, or a bracket too many
            self._cut(place)
            self._outer = self._depth = 0
        if self._depth == self._outer:
            self._cut(place + 1)

    def _cut(self, end: int) -> None:
        """End a unit, if it has begun."""
        if self._done < end:
            self._units.append(bytes(self._held[self._done : end]))
            self._done = end

    def _next(self) -> int | None:
        """Where the next bracket outside of strings stands; None when there is no more."""
        while True:
            found = (_IN_STRING if self._quoted else _TOKEN).search(self._held, self._at)
            if found is None:
                self._at = len(self._held)
                return None
            place = found.start()
            token = self._held[place]
            if token == ord("\\"):
                if place + 1 == len(self._held):
                    self._at = place
                    return None
                self._at = place + 2
            elif token == ord('"'):
                self._at = found.end()
                self._quoted = not self._quoted if self._at == place + 1 else self._quoted
            else:
                self._at = place + 1
                return place
