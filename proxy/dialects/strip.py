"""Drops the usage chunk that we asked for on a caller's behalf; every other byte of the stream passes as it came.

What is dropped is exactly an event with ``"choices": []`` and a ``usage`` object. Azure opens streams with empty
choices and no usage, others put usage on a chunk with choices: those belong to the caller.
"""

from __future__ import annotations

from proxy.dialects.lines import unified
from proxy.dialects.stream_tap import parsed

MAX_HELD = 1 << 20  # bytes of one event; a longer one is relayed unseen
_NO_CHOICES = (b'"choices":[]', b'"choices": []')  # the two ways in which serializers write it
_LF_END = b"\n\n"
_NEWLINES = b"\r\n"
_CR_ENDS = (b"\n\r\n", b"\r\r")  # the first ends CRLF CRLF as well


class UsageStrip:
    """Relays up to the last complete event and holds the rest back; see ``base.Strip``."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, data: bytes) -> bytes:
        """The bytes that may go on to the caller now."""
        if not self._held and data.endswith(_LF_END):
            return _without_usage(data)
        new = max(0, len(self._held) - 2)  # an end is three bytes at most, and its last one is new
        self._held += data
        end = _end_before(self._held, new, len(self._held))
        if end < 0:
            return self.finish() if len(self._held) > MAX_HELD else b""
        ready = bytes(self._held[:end])
        del self._held[:end]
        return _without_usage(ready)

    def finish(self) -> bytes:
        """What was held: an event that was never ended, unless it is the one to be dropped."""
        rest = bytes(self._held)
        self._held.clear()
        return _without_usage(rest)


def _without_usage(events: bytes) -> bytes:
    kept: list[bytes] = []
    done = 0
    for at in _suspects(events):
        if at < done:
            continue  # twice in one event
        begin, end = max(done, _end_before(events, done, at)), _end_after(events, at)
        while events[begin] in _NEWLINES:  # more blank lines than one are no part of the event
            begin += 1
        if _usage_only(events[begin:end]):
            kept.append(events[done:begin])
            done = end
    return b"".join((*kept, events[done:])) if done else events


def _suspects(events: bytes) -> list[int]:
    """Where ``choices`` is empty; found by two searches in C, because most pieces have no such place."""
    places: list[int] = []
    for mark in _NO_CHOICES:
        at = events.find(mark)
        while at >= 0:
            places.append(at)
            at = events.find(mark, at + len(mark))
    places.sort()
    return places


def _end_before(data: bytes | bytearray, start: int, stop: int) -> int:
    """Where the last event of ``data[start:stop]`` ends that a blank line ends; -1 when there is none."""
    at = data.rfind(_LF_END, start, stop)
    end = at + len(_LF_END) if at >= 0 else -1
    if data.find(b"\r", start, stop) >= 0:
        for mark in _CR_ENDS:
            at = data.rfind(mark, start, stop)
            end = max(end, at + len(mark) if at >= 0 else -1)
    return end


def _end_after(data: bytes, start: int) -> int:
    """Where the event ends that ``start`` lies in."""
    marks = (_LF_END, *_CR_ENDS) if b"\r" in data else (_LF_END,)
    ends = [at + len(mark) for mark in marks if (at := data.find(mark, start)) >= 0]
    return min(ends, default=len(data))


def _usage_only(event: bytes) -> bool:
    for line in unified(event).split(b"\n"):
        if line.startswith(b"data:"):
            chunk = parsed(line[5:])
            if type(chunk) is dict and chunk.get("choices") == [] and type(chunk.get("usage")) is dict:
                return True
    return False
