"""A body on its way from a caller to an upstream, never whole in memory.

What is needed to understand the call is read first. Where that stands behind a file, the body is put aside on disk; else
the rest is taken from the caller's socket only while the upstream takes it.
"""

from __future__ import annotations

from proxy.dialects.intake import Intake
from proxy.ports import Request
from proxy.steps.upload_aside import Aside, Shelf
from proxy.steps.upload_splice import Cut, Splice

WINDOW = 256 << 10  # bytes that are read, and kept, before a body is put aside
_BATCH = 128 << 10  # bytes of one write to disk


class Upload:
    """One caller's body. ``close`` it when the call has ended."""

    def __init__(self, request: Request, intake: Intake) -> None:
        """Nothing is read yet."""
        self.length = request.length
        self.is_spent = False  # something went upstream that is kept nowhere: it cannot be sent to another one
        self.intake = intake
        self._request = request
        self._window: list[bytes] = []
        self._is_whole = False
        self._aside: Aside | None = None

    @property
    def is_here(self) -> bool:
        """Whether all of it was read, and is kept."""
        return self._aside is not None or (self._is_whole and not self.is_spent)

    async def begin(self, shelf: Shelf) -> None:
        """Read until the call can be understood; a small body whole, so that it can be sent to somebody else as well.

        Raises what ``Request.piece`` and the intake do, and ``Unavailable``.
        """
        read, is_small = 0, self.length is not None and self.length <= WINDOW
        while (is_small or not self.intake.ready) and read <= WINDOW and (piece := await self.read()):
            self._window.append(piece)
            read += len(piece)
        if not self.intake.known and not self._is_whole:
            await self._put_aside(shelf)

    def body(self, cuts: tuple[Cut, ...]) -> Passage:
        """The body for one attempt, from its beginning, edited."""
        return Passage(self, cuts)

    async def read(self) -> bytes:
        """The next piece from the caller, ``b""`` at the end; it has passed the intake."""
        piece = await self._request.piece()
        if piece:
            self.intake.feed(piece)
        elif not self._is_whole:
            self._is_whole = True
            self.intake.finish()
        return piece

    async def at(self, number: int, offset: int) -> bytes:
        """Piece ``number`` of the body, which begins at ``offset``."""
        if self._aside is not None:
            return await self._aside.read(offset)
        if number < len(self._window):
            return self._window[number]
        if self._is_whole:
            return b""
        if not self.is_spent:
            self.is_spent = True
            self._window = [b""] * len(self._window)  # nobody will ask for it again
        return await self.read()

    async def gather(self, shelf: Shelf) -> None:
        """Read the rest of it, before anything is sent. Raises as ``begin`` does."""
        if not self._is_whole and self._aside is None:
            await self._put_aside(shelf)

    async def kept(self, most: int) -> bytes:
        """What was gathered, at most so many bytes and a piece."""
        pieces: list[bytes] = []
        size = 0
        while size < most and (piece := await self.at(len(pieces), size)):
            pieces.append(piece)
            size += len(piece)
        return b"".join(pieces)

    def close(self) -> None:
        """Let go of what was kept."""
        if self._aside is not None:
            self._aside.close()

    async def _put_aside(self, shelf: Shelf) -> None:
        self._aside = aside = await shelf.take(self.length)
        batch, self._window = self._window, []
        size = sum(map(len, batch))
        while not self._is_whole:
            piece = await self.read()
            batch.append(piece)
            size += len(piece)
            if size >= _BATCH or not piece:
                await aside.write(b"".join(batch))
                batch.clear()
                size = 0


class Passage:
    """Satisfies ``ports.Body``. The last piece waits until the end is known to be right: no broken form arrives whole."""

    def __init__(self, upload: Upload, cuts: tuple[Cut, ...]) -> None:
        """``cuts`` are edits, as ``Splice`` takes them."""
        self._upload = upload
        self._splice = Splice(cuts)
        self.length = None if upload.length is None else upload.length + self._splice.grows
        self._number = self._offset = 0
        self._held = b""

    async def piece(self) -> bytes:
        """The next piece, ``b""`` at the end."""
        while raw := await self._upload.at(self._number, self._offset):
            self._number += 1
            self._offset += len(raw)
            piece, self._held = self._held, self._splice.feed(raw)
            if piece:
                return piece
        piece, self._held = self._held, b""
        return piece
