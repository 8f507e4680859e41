"""Units of an event stream: events, with their blank line (WHATWG HTML, "Interpreting an event stream").

Lines end with LF, CRLF or CR. A line that is bare JSON counts as data, because some clients read it.
"""

from __future__ import annotations

import re
from typing import Any, Final

from proxy.dialects.rewriting.framing import END
from proxy.dialects.rewriting.values import MAX_UNIT, read, unreadable, write

_BLANK_LINE: Final = re.compile(rb"(?>\r\n|\r|\n)(?>\r\n|\r|\n)")
_LF_END: Final = b"\n\n"
_CRLF_END: Final = b"\r\n\r\n"
_PLAIN: Final = b"data: {"  # of an event with nothing else, as OpenAI writes them
_DATA: Final = b"data:"
_DONE: Final = b"[DONE]"
_JSON: Final = (b"{", b"[")
_NAMES: Final = ("type", "event_type")  # members that repeat the event's name


class Events:
    """See ``framing.Framing``."""

    is_whole = False

    def __init__(self) -> None:
        """Nothing has come yet."""
        self._held = bytearray()
        self._after_cr = False  # a LF that comes next belongs to the CR before it

    def feed(self, data: bytes) -> list[bytes]:
        """Return the events that a piece completed."""
        if not self._held and not self._after_cr:
            if _end_of_line(data):
                return [data]  # as most events are
            if data.endswith(_LF_END) and b"\r" not in data:
                *events, rest = data.split(_LF_END)
                ended = [event + _LF_END for event in events]
                return [*ended, rest] if rest else ended  # more blank lines than one
        return self._cut(data)

    def rest(self) -> bytes:
        """Return the event that was not ended."""
        rest = bytes(self._held)
        self._held.clear()
        return rest

    def open(self, unit: bytes) -> Any:
        """Return the value of its data."""
        if unit.startswith(_PLAIN) and (end := _end_of_line(unit)):
            return read(unit[6 : -len(end)])
        lines = [line for line in map(_data, unit.splitlines()) if line]
        if lines == [_DONE]:
            return END
        return read(b"\n".join(lines)) if any(line.startswith(_JSON) for line in lines) else None

    def write(self, unit: bytes, value: Any) -> bytes:
        """Return the event with other data, all else as it was."""
        data = write(value)
        if unit.startswith(_PLAIN) and (end := _end_of_line(unit)):
            return b"data: " + data + end
        return _written(unit, data, None)

    def again(self, unit: bytes, value: Any) -> bytes:
        """Return an event with the same fields; its name is that of the value."""
        name = next((value[name] for name in _NAMES if type(value.get(name)) is str), None)
        made = _written(unit, write(value), None if name is None else name.encode())
        return made + b"\n" if made.endswith(b"\r\n\r") else made  # its LF came with the next piece

    def joined(self, before: list[bytes], unit: bytes) -> bytes:
        """Return all of them, one after the other."""
        return b"".join((*before, unit))

    def _cut(self, data: bytes) -> list[bytes]:
        events: list[bytes] = []
        if self._after_cr and data:
            self._after_cr = False
            if data.startswith(b"\n"):
                events, data = [b"\n"], data[1:]
        held = self._held
        start = max(0, len(held) - 3)  # an end is four bytes at most, and its last one is new
        held += data
        done = 0
        for end in [found.end() for found in _BLANK_LINE.finditer(held, start)]:
            events.append(bytes(held[done:end]))
            done = end
        del held[:done]
        if len(held) > MAX_UNIT and not events:
            raise unreadable()
        self._after_cr = bool(events) and not held and events[-1].endswith(b"\r")
        return events


def _end_of_line(event: bytes) -> bytes:
    """How an event ends that is one line; empty for others. Single bytes are found many times faster than two."""
    if event.endswith(_LF_END) and event.find(b"\n") == len(event) - len(_LF_END) and b"\r" not in event:
        return _LF_END
    is_crlf = event.endswith(_CRLF_END) and event.find(b"\n") == len(event) - 3
    return _CRLF_END if is_crlf and event.find(b"\r") == len(event) - len(_CRLF_END) else b""


def _data(line: bytes) -> bytes:
    """The data of a line; empty where it has none."""
    if line.startswith(_DATA):
        return line[len(_DATA) :].strip()
    return line if line.startswith(_JSON) else b""


def _written(unit: bytes, data: bytes, name: bytes | None) -> bytes:
    kept: list[bytes] = []
    end = b"\n"
    for line in unit.splitlines(keepends=True):
        text = line.rstrip(b"\r\n")
        end = line[len(text) :] or end
        if name is not None and text.startswith(b"event:"):
            line = b"event: " + name + end  # noqa: PLW2901 - the line as it will be
        elif _data(text):
            if not data:
                continue  # all lines of data are one value
            at = text.find(_data(text))
            line, data = text[:at] + data + line[len(text) :], b""  # noqa: PLW2901 - the same
        kept.append(line)
    return b"".join(kept)
