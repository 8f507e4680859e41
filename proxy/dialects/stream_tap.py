"""The tap that all event streams share: while an answer passes it only keeps what passed, and reads it once at the end.

Usage stands on the first or the last events of every known format, so that parsing each event on the way would be work
for nothing. Pieces are kept by reference: the first ``HEAD`` bytes, which also serve to count a stream that was cut,
and the last ``TAIL`` bytes of longer ones. Nothing an upstream sent raises: what is not understood was not reported.

A dialect subclasses ``StreamTap`` and says, in ``markers``, which byte strings its telling lines carry. They are given
to ``event`` in their order; a format whose figures are cumulative rather walks ``last_lines`` by overriding ``harvest``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, ClassVar

import jiter

from proxy.dialects.lines import MAX_LINE, Lines, unified
from proxy.domain.usage import Usage

HEAD = 1 << 20
TAIL = 1 << 18
RECENT = 1 << 15
_DATA = b"data:"
_BOM = b"\xef\xbb\xbf"
_WHOLE = (b"{", b"[")  # how an answer begins that is a body; no line of an event stream does
DONE = b"[DONE]"


class StreamTap:
    """Reads usage out of an answer; see ``base.Tap``.

    State that ``event`` gathers is set in ``start``, because the same stream is read again at every ``output_so_far``.
    """

    markers: ClassVar[tuple[bytes, ...]] = ()
    whole: bool  # the answer is one body, not a stream
    ended: bool  # `data: [DONE]` was seen

    def __init__(self) -> None:
        self._head: list[bytes] = []
        self._tail: deque[bytes] = deque()
        self._head_size = self._tail_size = 0
        self.whole = self.ended = False

    def head(self, headers: Sequence[tuple[bytes, bytes]]) -> None:
        """Nothing: figures stand in the answer."""

    def feed(self, data: bytes) -> None:
        """Keep one piece of a stream."""
        if self._head_size < HEAD:
            self._head.append(data)
            self._head_size += len(data)
            return
        self._tail.append(data)
        self._tail_size += len(data)
        while self._tail_size - len(self._tail[0]) >= TAIL:
            self._tail_size -= len(self._tail.popleft())

    def body(self, data: bytes) -> None:
        """Take a whole answer."""
        self._head, self._head_size = [data], len(data)
        self._tail.clear()

    def finish(self) -> Usage:
        """What was reported, in a stream or a body."""
        return self._read(self._kept())

    def output_so_far(self) -> int | None:
        """Output tokens reported until now, if the last ``RECENT`` bytes tell."""
        return self._read(self._recent()).output

    def _read(self, data: bytes) -> Usage:
        self.start()
        self.whole = self.ended = False
        if data[:1] in _WHOLE:
            value = parsed(data)
            self.whole = value is not None
            for event in objects(value if self.whole else _finished(data)):
                self.event(event)
        else:
            self.harvest(data)
        return self.result()

    def relayed_text(self) -> str:
        """Text, reasoning and tool arguments of the first ``HEAD`` bytes."""
        data = self._kept()
        if data[:1] in _WHOLE:
            return "".join(text for event in objects(_so_far(data)) for text in self.texts(event))
        lines = Lines()
        told: list[str] = []
        for piece in self._head:
            for line in lines.feed(piece):
                told += self._line_texts(line)
        for line in lines.flush():
            told += self._line_texts(line)
        return "".join(told)

    # What a dialect says.

    def start(self) -> None:
        """Forget what earlier readings gathered."""

    def wanted(self, line: bytes) -> bool:  # noqa: ARG002 - for dialects whose markers are not enough
        """Whether the data of a line with a marker is worth parsing."""
        return True

    def event(self, obj: dict[str, Any]) -> None:
        """Gather from one event of a stream, or from a whole body."""

    def result(self) -> Usage:
        """What the events gathered amount to."""
        return Usage()

    def texts(self, obj: dict[str, Any]) -> Iterator[str]:  # noqa: ARG002 - a format without text tells none
        """What the model wrote in one event, or in a whole body."""
        return iter(())

    # How lines are found.

    def harvest(self, data: bytes) -> None:
        """Give ``event`` every line that carries a marker and is wanted, in order."""
        for line in marked_lines(data, self.markers):
            if line == DONE:
                self.ended = True
            elif self.wanted(line):
                for obj in objects(parsed(line)):
                    self.event(obj)

    def _kept(self) -> bytes:
        """All that was kept, with line ends as LF; the gap of a long stream ends a line, which then is no JSON."""
        data = b"".join(self._head)
        if self._tail:
            data = b"\n".join((data, b"".join(self._tail)))
        return unified(data).lstrip(_BOM + b" \n")

    def _recent(self) -> bytes:
        """The end of what was kept; its first line may be broken, and then is no JSON."""
        pieces: list[bytes] = []
        size = 0
        for piece in chain(reversed(self._tail), reversed(self._head)):
            pieces.append(piece)
            size += len(piece)
            if size >= RECENT:
                break
        return unified(b"".join(reversed(pieces)))

    def _line_texts(self, line: bytes) -> Iterator[str]:
        if line.startswith(_DATA):
            for obj in objects(parsed(line[len(_DATA) :])):
                yield from self.texts(obj)


def first_line(data: bytes) -> bytes:
    """The payload of the first ``data:`` line; empty when there is none. ``data`` has LF line ends."""
    start = 0 if data.startswith(_DATA) else data.find(b"\n" + _DATA) + 1
    end = data.find(b"\n", start)
    line = data[start : end if end >= 0 else len(data)]
    return line[len(_DATA) :].strip() if line.startswith(_DATA) else b""


def last_lines(data: bytes) -> Iterator[bytes]:
    """Payloads of ``data:`` lines from the last to the first; ``data`` has LF line ends."""
    end = len(data)
    while end > 0:
        start = data.rfind(b"\n", 0, end) + 1
        if data.startswith(_DATA, start, end) and end - start <= MAX_LINE:
            yield data[start + len(_DATA) : end].strip()
        end = start - 1


def marked_lines(data: bytes, markers: tuple[bytes, ...]) -> Iterator[bytes]:
    """Payloads of ``data:`` lines that carry one of ``markers``, in order; ``data`` has LF line ends."""
    starts: dict[int, int] = {}
    for marker in markers:
        at = data.find(marker)
        while at >= 0:
            start = data.rfind(b"\n", 0, at) + 1
            end = data.find(b"\n", at)
            end = len(data) if end < 0 else end
            starts[start] = end
            at = data.find(marker, end)
    for start in sorted(starts):
        end = starts[start]
        if data.startswith(_DATA, start, end) and end - start <= MAX_LINE:
            yield data[start + len(_DATA) : end].strip()


def parsed(data: bytes) -> Any:
    """The JSON value of ``data``; None when it is none."""
    try:
        return jiter.from_json(data)
    except ValueError:
        return None


def objects(value: Any) -> Iterator[dict[str, Any]]:
    """``value`` where it is an object, its objects where it is an array, nothing otherwise."""
    if type(value) is dict:
        yield value
    elif type(value) is list:
        yield from (part for part in value if type(part) is dict)


def _so_far(data: bytes) -> Any:
    """What a body that was cut says; good for text, not for figures, whose last digits may be missing."""
    try:
        return jiter.from_json(data, partial_mode="trailing-strings")
    except ValueError:
        return None


def _finished(data: bytes) -> list[Any]:
    """The elements of an array that was cut (Gemini streams arrays) but for the last, which may be cut itself."""
    value = _so_far(data)
    return value[:-1] if type(value) is list else []
