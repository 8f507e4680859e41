"""Watching a stream under a `max` hold: it is cut where it has written more than was held for it.

A token is at least a byte of text, and the text is part of what is relayed: until as many bytes have passed as tokens
are paid for, nothing can be amiss and nothing is looked at. Then the text since the last look is counted, and the next
look is due after as many bytes as tokens are still paid for. So a stream is read once, in growing haste.
"""

from __future__ import annotations

from collections.abc import Callable

from proxy.dialects.base import Tap
from proxy.dialects.event_stream import Frames
from proxy.dialects.lines import Lines

MOST = 65_536  # bytes between two looks: what a provider says of tokens that nobody sees is heard that soon
LEAST = 1_024  # bytes between two looks: so much may pass beyond the hold, a dozen tokens of an event stream
LONGEST_WORD = 128  # characters; a longer one is counted in parts
_MANY = 1_000_000  # tokens, to learn what one costs
_EVENTS = b"\n\n"  # the gap of an event stream
_ARRAY = (b"{", b"[")  # how a stream begins that should be one, and is a single JSON value


class Ceiling:
    """The watch over one stream."""

    def __init__(
        self,
        held_nusd: int,
        cost: Callable[[int], int],
        count: Callable[[str], int],
        tap: Callable[[], Tap],
        gap: bytes = _EVENTS,
    ) -> None:
        """``cost`` of the call with so many output tokens, in nano-dollars; ``tap`` makes one that has read nothing.

        ``gap`` is the dialect's: it says how the stream is cut into what a tap can read.
        """
        self._held = held_nusd
        self._cost = cost
        self._count = count
        self._tap = tap
        self._each = (cost(_MANY) - cost(0)) / _MANY
        self._may_be_array = gap == _EVENTS
        self._whole = _lines() if gap else _frames()
        self._array: Tap | None = None  # reads all of a stream that is no lines, from its beginning
        self._pieces: list[bytes] = []  # since the last look
        self._size = 0  # of the pieces
        self._passed = 0  # before the pieces
        self._counted = 0  # tokens of the text
        self._word = ""  # that ends the text and may go on: not yet counted
        self._due = self._safe(0)

    def feed(self, piece: bytes) -> bool:
        """Take one piece. True: the hold is spent, and nothing more may pass."""
        self._pieces.append(piece)
        self._size += len(piece)
        return self._size >= self._due and self._look()

    def _look(self) -> bool:
        data = b"".join(self._pieces)
        if self._passed == 0 and self._may_be_array and data.startswith(_ARRAY):
            self._array = self._tap()
        self._pieces.clear()
        self._passed += self._size
        self._size = 0
        output = self._output_of_array(self._array, data) if self._array else self._output_of_events(data)
        self._due = self._safe(output)
        return self._cost(output) > self._held

    def _output_of_events(self, data: bytes) -> int:
        """Tokens so far: as the provider says, which it says of all that passed; else as counted."""
        tap = self._tap()
        tap.feed(self._whole(data))
        text = self._word + tap.relayed_text()
        end = max(text.rfind(" "), text.rfind("\n"), 0)  # hardly a token reaches across: the parts count as the whole
        if len(text) - end > LONGEST_WORD:
            end = len(text)
        self._counted += self._count(text[:end])
        self._word = text[end:]
        said = tap.output_so_far()
        return self._counted + self._count(self._word) if said is None else said

    def _output_of_array(self, tap: Tap, data: bytes) -> int:
        tap.feed(data)
        said = tap.output_so_far()
        return self._count(tap.relayed_text()) if said is None else said

    def _safe(self, output: int) -> int:
        """Bytes until the next look."""
        left = self._held - self._cost(output)
        if not self._each or left >= self._each * MOST:
            return MOST
        least = LEAST if self._array is None else max(LEAST, self._passed // 8)  # an array is read from its beginning
        return min(MOST, max(least, int(left / self._each)))


def _lines() -> Callable[[bytes], bytes]:
    """Return what gives the whole lines in what has come."""
    lines = Lines()
    return lambda data: b"\n".join(lines.feed(data))


def _frames() -> Callable[[bytes], bytes]:
    """Return what gives the whole frames of a binary stream."""
    frames = Frames()
    return lambda data: b"".join(frames.feed(data))
