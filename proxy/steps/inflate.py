"""Reading a compressed answer for its figures: some upstreams compress although identity was asked for.

Only the tap reads what comes out; the caller gets the bytes as they came. What cannot be read (another coding, broken
data, more than ``ROOM``) is told, so that its usage is estimated and never taken for nothing.
"""

from __future__ import annotations

import zlib

ROOM = 16 << 20  # bytes that are inflated of one answer: what a bomb may cost us, 50 ms
GZIP_OR_ZLIB = zlib.MAX_WBITS | 32
RAW = -zlib.MAX_WBITS
ZLIB_METHOD = 8  # the low half of zlib's first byte; some servers send bare deflate instead (RFC 9110, 8.4.1.2)
HALF_BYTE = 0x0F


class Inflater:
    """Takes one answer in any split. ``is_lost``: the rest of it will not be read."""

    def __init__(self, coding: bytes) -> None:
        """``coding`` as ``ports.Answer`` has it."""
        self.is_lost = coding not in (b"gzip", b"x-gzip", b"deflate")
        self._bare = coding == b"deflate"
        self._member: zlib._Decompress | None = None
        self._room = ROOM

    def feed(self, data: bytes) -> bytes:
        """What these bytes add; empty once it is lost."""
        plain: list[bytes] = []
        while data and not self.is_lost:
            if self._member is None or self._member.eof:  # gzip may be several members in a row (RFC 1952, 2.2)
                self._member = self._begin(data)
            try:
                plain.append(self._member.decompress(data, self._room))
            except zlib.error:
                self.is_lost = True
                break
            self._room -= len(plain[-1])
            self.is_lost = self._room <= 0
            data = self._member.unused_data
        return b"".join(plain)

    def _begin(self, data: bytes) -> zlib._Decompress:
        is_raw = self._bare and data[0] & HALF_BYTE != ZLIB_METHOD
        return zlib.decompressobj(RAW if is_raw else GZIP_OR_ZLIB)
