"""How many output tokens a stream has had so far, near enough to know when to look again, at next to no cost.

Until the next look is due a piece costs one comparison. Then a few kilobytes are read, and what they say of tokens a byte
is taken to hold since the look before, unless the provider tells more. So nobody's stream is read twice because it might
become dear; forms that cannot be read from their middle (frames, arrays) are, a few times, from their beginning.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from math import isinf
from typing import Final

from proxy.dialects.base import Tap
from proxy.dialects.lines import Lines
from proxy.dialects.stream_tap import HEAD

WINDOW: Final = 8_192  # bytes that are read at a look: thirty events
LEAST: Final = 8_192  # bytes between two looks
BYTES_PER_TOKEN_STREAMED: Final = 16  # rough, until the first look
_FARTHER: Final = 3  # times what has passed may pass until the next look: a stream may become denser
_WHOLE_AGAIN: Final = 8  # of what is read from its beginning an eighth more must have come
_ARRAY: Final = (b"{", b"[")  # how a stream begins that should be lines, and is a single JSON value
_NEVER: Final = sys.maxsize

Left = Callable[[int], float]  # of the output tokens so far: how many more until somebody must look, at least 1


class Pace:
    """Of one stream. Whoever feeds it adds to ``passed``, and calls ``take`` once that has reached ``due``."""

    def __init__(
        self, read: Tap, fresh: Callable[[], Tap], count: Callable[[str], int], gap: bytes, left: Left
    ) -> None:
        """``read`` has all that passed, ``fresh`` makes taps that have read nothing; ``gap`` is the dialect's."""
        self._read = read
        self._fresh = fresh
        self._count = count
        self._left = left
        self._is_whole = not gap  # it can be read from its beginning only
        self._each = 1 / BYTES_PER_TOKEN_STREAMED  # tokens a byte
        self._at = 0  # bytes, at the last look
        self._output = 0.0  # tokens, at the last look
        self._window: list[bytes] = []
        self._size = 0  # of the window
        self.is_known = False  # it was looked at
        self.passed = 0  # bytes
        self.due = 0  # bytes

    @property
    def output(self) -> int:
        """Output tokens so far."""
        return int(self._output + (self.passed - self._at) * self._each)

    @property
    def text(self) -> str | None:
        """All text so far; None where the stream is longer than is kept. Costly."""
        return self._read.relayed_text() if self.passed <= HEAD else None

    def hurry(self) -> None:
        """Look at what comes next."""
        self.due = min(self.due, self.passed)

    def take(self, piece: bytes) -> None:
        """Take a piece, which is among those that passed."""
        if self.passed == len(piece):
            self._is_whole = self._is_whole or piece.startswith(_ARRAY)
            self.due = max(0, self._bytes_until(self._left(0)) - WINDOW)
            if self.due > self.passed:
                return
        self._window.append(piece)
        self._size += len(piece)
        if self._is_whole or self._size >= WINDOW:
            self._look()

    def correct(self, tokens: int, at: int) -> None:
        """Somebody has counted the text that had passed after so many bytes."""
        output = max(tokens, self._read.output_so_far() or 0)
        self._output, self._at, self._each = float(output), at, output / max(1, at)
        self._plan()

    def _look(self) -> None:
        data = b"".join(self._window)
        is_beginning = self.passed == len(data)
        self._window.clear()
        self._size = 0
        each = None if self._is_whole else self._tokens_a_byte(data[:WINDOW], is_beginning)
        if each is not None:
            output = self._output + (self.passed - self._at) * ((self._each + each) / 2 if self.is_known else each)
        elif (text := self.text) is not None:
            output = float(self._count(text))
            each = output / max(1, self.passed)
        else:
            output, each = float(self.output), self._each
        said = self._read.output_so_far() or 0
        if said > output:
            output, each = float(said), said / max(1, self.passed)
        self._output, self._at, self._each, self.is_known = output, self.passed, each, True
        self._plan()

    def _tokens_a_byte(self, data: bytes, is_beginning: bool) -> float | None:  # noqa: FBT001 - both are plain at the call
        """What the whole lines in some data say; None where there are none."""
        lines = Lines().feed(data)
        if not is_beginning:
            del lines[:1]  # the end of one, perhaps
        size = sum([len(line) + 1 for line in lines])
        if not size:
            return None
        tap = self._fresh()
        tap.feed(b"\n".join([*lines, b""]))
        return self._count(tap.relayed_text()) / size

    def _plan(self) -> None:
        ahead = min(self._bytes_until(self._left(self.output)), _FARTHER * self.passed)
        if self._is_whole:
            self.due = self.passed + max(LEAST, self.passed // _WHOLE_AGAIN, ahead)
        else:
            self.due = self.passed + max(LEAST, ahead) - WINDOW  # a window later it is read

    def _bytes_until(self, tokens: float) -> int:
        return _NEVER if isinf(tokens) or not self._each else int(tokens / self._each)
