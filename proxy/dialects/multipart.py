"""Reads multipart/form-data (RFC 7578) while it passes: fields are kept, files only counted and shown to a watcher.

Pure and incremental: bytes in any split, the same reading. Strict where readers differ, see ``multipart_head``; an
error names the rule and nothing of the form.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from proxy.dialects.multipart_head import PartHead, bad_form, part_head

MAX_PARTS = 256  # OpenAI's transcriptions have a dozen; some of their lists come as one part each
MAX_HEAD = 8 << 10  # bytes of one part's headers
MAX_VALUE = 64 << 10  # bytes of a field that is kept
MAX_TEXTS = 256 << 10  # bytes of all fields together that are no files
MAX_END = 64  # bytes of blanks behind the form
_LINE, _CLOSE, _GAP = b"\r\n", b"--", b"\r\n\r\n"

Watch = Callable[[memoryview], None]


class Field(msgspec.Struct, frozen=True):
    """A part that is complete. ``start`` and ``end`` are where its content stands in the whole body."""

    head: PartHead
    start: int
    end: int
    value: bytes = b""  # of those that are kept

    def __repr__(self) -> str:
        """Name and size: the value is the caller's."""
        return f"Field({self.head.name!r}, {self.end - self.start} bytes)"


class FormScanner:
    """Feed pieces; then ``finish`` once. ``fields`` holds the kept parts, each at most once, by name."""

    def __init__(self, boundary: bytes, keep: frozenset[str], watched: str = "", watch: Watch | None = None) -> None:
        """``keep`` names the fields that are kept; the content of the part named ``watched`` is shown to ``watch``."""
        self.fields: dict[str, Field] = {}
        self.files = 0  # parts with a file name that have begun
        self.ended = False  # the last boundary was seen
        self.dashes = b"--" + boundary
        self.opening = 0  # where the first boundary stands
        self._keep, self._watched, self._watch = keep, watched, watch
        self._rest = b""  # not yet understood
        self._at = 0  # where the rest begins in the body
        self._parts = 0
        self._texts: list[Field] = []
        self._texts_size = 0
        self._head: PartHead | None = None
        self._start = 0
        self._value = bytearray()
        self._step: Callable[[], bool] = self._first

    @property
    def texts(self) -> tuple[Field, ...] | None:
        """All parts that are no files and have passed, kept or not; None where they are too large together."""
        return tuple(self._texts) if self._texts_size <= MAX_TEXTS else None

    def feed(self, data: bytes) -> None:
        """Take a piece. Raises ``BadRequest``."""
        self._rest = self._rest + data if self._rest else data
        while self._step():
            pass

    def finish(self) -> None:
        """Tell that nothing more comes. Raises ``BadRequest`` when the form is not complete."""
        if not self.ended:
            raise bad_form("is not complete: its last boundary is missing")

    # Each step takes what it can from the rest; True: another step may follow.

    def _first(self) -> bool:
        """Find the first boundary: nothing but a line break may stand before it."""
        openings = (self.dashes, _LINE + self.dashes)
        for opening in openings:
            if self._rest.startswith(opening):
                self.opening = len(opening) - len(self.dashes)
                self._skip(len(opening))
                self._step = self._after
                return True
        if not any(opening.startswith(self._rest) for opening in openings):
            raise bad_form("does not begin with its boundary")
        return False

    def _after(self) -> bool:
        """Behind a boundary comes a part or the end."""
        if len(self._rest) < len(_LINE):
            return False
        mark = self._rest[: len(_LINE)]
        self._skip(len(_LINE))
        if mark == _LINE:
            self._parts += 1
            if self._parts > MAX_PARTS:
                raise bad_form(f"has more than {MAX_PARTS} parts")
            self._step = self._headers
        elif mark == _CLOSE:
            self.ended = True
            self._step = self._behind
        else:
            raise bad_form("holds its boundary where no part begins")
        return True

    def _headers(self) -> bool:
        end = self._rest.find(_GAP, 0, MAX_HEAD + len(_GAP))
        if end < 0:
            if len(self._rest) > MAX_HEAD:
                raise bad_form(f"has a part with more than {MAX_HEAD} bytes of headers")
            return False
        head = self._head = part_head(self._rest[:end])
        if head.name in self._keep and (head.name in self.fields or head.is_file or not head.is_text):
            raise bad_form(f"must have {head.name!r} at most once, as plain text", head.name)
        self.files += head.is_file
        self._skip(end + len(_GAP))
        self._start = self._at
        self._value.clear()
        self._step = self._content
        return True

    def _content(self) -> bool:
        """Pass over content up to the next boundary; what may be the beginning of one stays."""
        at = self._rest.find(self.dashes)
        if at < 0:
            sure = len(self._rest) - len(self.dashes) - len(_LINE) + 1
            if sure > 0:
                self._pass_over(sure)
            return False
        if not self._rest.startswith(_LINE, max(0, at - len(_LINE))) or at < len(_LINE):
            raise bad_form("holds its boundary inside a part")
        self._pass_over(at - len(_LINE))
        head = self._head
        if head is not None and not head.is_file:
            field = Field(head, self._start, self._at, bytes(self._value))
            self._texts.append(field)
            if head.name in self._keep:
                self.fields[head.name] = field
        self._head = None
        self._skip(len(_LINE) + len(self.dashes))
        self._step = self._after
        return True

    def _behind(self) -> bool:
        """Nothing but blanks may follow the end."""
        if len(self._rest) > MAX_END or self._rest.strip(b" \t\r\n"):
            raise bad_form("goes on behind its last boundary")
        return False

    def _pass_over(self, size: int) -> None:
        head = self._head
        if head is not None and not head.is_file:
            self._take(head, size)
        if head is not None and self._watch is not None and head.name == self._watched:
            self._watch(memoryview(self._rest)[:size])
        self._skip(size)

    def _take(self, head: PartHead, size: int) -> None:
        """Keep the value of a field: always of those that decide something, of others as long as there is room."""
        self._texts_size += size
        if head.name in self._keep:
            self._value += self._rest[:size]
            if len(self._value) > MAX_VALUE:
                raise bad_form(f"has more than {MAX_VALUE} bytes in {head.name!r}", head.name)
        elif self._texts_size <= MAX_TEXTS:
            self._value += self._rest[:size]

    def _skip(self, size: int) -> None:
        self._rest = self._rest[size:]
        self._at += size
