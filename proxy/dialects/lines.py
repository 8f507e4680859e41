"""Lines out of bytes that come in any split: LF, CRLF or a lone CR ends one (the event stream format of WHATWG HTML).

What an upstream sends never raises here; a line longer than ``MAX_LINE`` is dropped.
"""

from __future__ import annotations

MAX_LINE = 1 << 20  # bytes


class Lines:
    """Feed pieces, take complete lines without their ends; ``flush`` gives the unfinished last one."""

    def __init__(self) -> None:
        self._rest: list[bytes] = []  # pieces of the unfinished line; emptied once it is too long
        self._size = 0  # of the unfinished line, dropped pieces included
        self._after_cr = False  # a LF that comes next belongs to the CR before it

    def feed(self, data: bytes) -> list[bytes]:
        """Lines that ``data`` completed."""
        if self._after_cr and data:
            data = data.removeprefix(b"\n")
            self._after_cr = False
        if not data:
            return []
        self._after_cr = data.endswith(b"\r")
        *ended, rest = unified(data).split(b"\n")
        lines: list[bytes] = []
        for part in ended:
            self._grow(part)
            lines += self.flush()
        self._grow(rest)
        return lines

    def flush(self) -> list[bytes]:
        """The unfinished line, if there is one that was not too long; the next piece begins a new one."""
        lines = [b"".join(self._rest)] if self._size <= MAX_LINE else []
        self._rest.clear()
        self._size = 0
        return lines

    def _grow(self, part: bytes) -> None:
        self._size += len(part)
        if self._size > MAX_LINE:
            self._rest.clear()
        elif part:
            self._rest.append(part)


def unified(data: bytes) -> bytes:
    """``data`` with every line end written as LF."""
    return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in data else data
