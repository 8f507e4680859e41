"""Edits to a body that is not kept: bytes at named places are replaced while it passes. Pure."""

from __future__ import annotations

from collections import deque

Cut = tuple[int, int, bytes]  # start and end in the whole body, and what stands there instead


class Splice:
    """Feed every piece in order; what comes back is the edited body, in as many pieces."""

    def __init__(self, cuts: tuple[Cut, ...]) -> None:
        """``cuts`` are in order and do not overlap; one without width puts something in."""
        self.grows = sum([len(new) - (end - start) for start, end, new in cuts])  # bytes that the edited body is longer
        self._cuts = deque(cuts)
        self._at = 0  # of the next piece in the body
        self._drop = 0  # bytes of a cut that are still to come

    def feed(self, piece: bytes) -> bytes:
        """The piece as edited; the same object where nothing in it changes."""
        begun, self._at = self._at, self._at + len(piece)
        if not self._drop and not (self._cuts and self._cuts[0][0] < self._at):
            return piece
        parts: list[bytes | memoryview] = []
        view, at = memoryview(piece), 0
        while at < len(piece):
            if self._drop:
                dropped = min(self._drop, len(piece) - at)
                self._drop -= dropped
                at += dropped
            elif self._cuts and self._cuts[0][0] < self._at:
                start, end, new = self._cuts.popleft()
                parts += (view[at : start - begun], new)
                at, self._drop = start - begun, end - start
                if at == len(piece):
                    break
            else:
                parts.append(view[at:])
                break
        return b"".join(parts)
