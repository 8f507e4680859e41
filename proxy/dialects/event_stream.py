"""Frames of ``application/vnd.amazon.eventstream``, cut out of bytes that come in any split, and written.

A frame is a prelude (its length, the length of its headers, a checksum of both), headers, a payload, and a checksum of
all that (https://docs.aws.amazon.com/transcribe/latest/dg/event-stream.html). What an upstream sends never raises here.
Bytes that are no frames are not lost from sight: they are passed on as they came, since somebody may have to pay them.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any, NamedTuple
from zlib import crc32

import jiter

MAX_KEPT = 1 << 20  # bytes; a longer frame is dropped
MAX_FRAME = 25 << 20  # bytes; AWS ends at 24 MB of payload and 128 KB of headers, so a longer one is no frame
_PRELUDE = struct.Struct(">III")
_LENGTHS = 8  # bytes of the prelude that its checksum covers
_CHECKSUM = 4  # bytes at the end
_LEAST = _PRELUDE.size + _CHECKSUM
_BYTES, _TEXT = 6, 7  # types of headers whose value has a length before it
_SIZES = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}  # of the other types


class Frame(NamedTuple):
    """One event. ``headers`` are those with text for a value: the API's own have no others."""

    headers: dict[str, str]
    payload: bytes

    @property
    def kind(self) -> str:
        """Type of the event; empty for an exception or an error."""
        return self.headers.get(":event-type", "") if self.headers.get(":message-type") == "event" else ""

    def object(self) -> dict[str, Any]:
        """Return the payload's JSON object; empty when it is none."""
        try:
            value = jiter.from_json(self.payload)
        except ValueError:
            return {}
        return value if type(value) is dict else {}


class Frames:
    """Feed pieces, take whole frames as bytes, for ``read``; once the lengths lie, all else as it comes."""

    def __init__(self) -> None:
        self._held = bytearray()  # of an unfinished frame, MAX_KEPT at most
        self._skip = 0  # bytes still to come of a frame that is dropped
        self._is_lost = False

    def feed(self, data: bytes) -> list[bytes]:
        """Return the frames that ``data`` completed."""
        if self._is_lost:
            return [data] if data else []
        if self._skip:
            dropped = min(self._skip, len(data))
            self._skip -= dropped
            data = data[dropped:]
        self._held += data
        frames: list[bytes] = []
        at = 0
        while (size := self._size(at)) and size <= len(self._held) - at:
            if size <= MAX_KEPT:
                frames.append(bytes(self._held[at : at + size]))
            at += size
        if self._is_lost:
            frames.append(bytes(self._held[at:]))
            self._held.clear()
        elif size > MAX_KEPT:
            self._skip = size - (len(self._held) - at)
            self._held.clear()
        else:
            del self._held[:at]
        return frames

    def _size(self, at: int) -> int:
        """Length of the frame that begins there, 0 while its prelude is not complete, or is none."""
        size = frame_size(self._held, at)
        self._is_lost = size is None
        return size or 0


def frame_size(data: bytes | bytearray, at: int) -> int | None:
    """Length of the frame that begins there, 0 while its prelude is not complete, None when it is none."""
    if len(data) - at < _PRELUDE.size:
        return 0
    size, headers, checksum = _PRELUDE.unpack_from(data, at)
    if headers + _LEAST <= size <= MAX_FRAME and crc32(data[at : at + _LENGTHS]) == checksum:
        return int(size)
    return None


def read(frame: bytes) -> Frame | None:
    """Take one frame apart; None when it is none, or damaged."""
    if len(frame) < _LEAST:
        return None
    size, length, checksum = _PRELUDE.unpack_from(frame)
    end = _PRELUDE.size + length
    if size != len(frame) or end > size - _CHECKSUM or crc32(frame[:_LENGTHS]) != checksum:
        return None
    if crc32(memoryview(frame)[:-_CHECKSUM]) != int.from_bytes(frame[-_CHECKSUM:]):
        return None
    headers = _headers(frame[_PRELUDE.size : end])
    return None if headers is None else Frame(headers, frame[end:-_CHECKSUM])


def write(headers: Mapping[str, str], payload: bytes) -> bytes:
    """Return a frame with text headers, of at most 255 bytes a name."""
    block = b"".join(
        bytes([len(name.encode())]) + name.encode() + bytes([_TEXT]) + len(text.encode()).to_bytes(2) + text.encode()
        for name, text in headers.items()
    )
    lengths = (_LEAST + len(block) + len(payload)).to_bytes(4) + len(block).to_bytes(4)
    frame = lengths + crc32(lengths).to_bytes(4) + block + payload
    return frame + crc32(frame).to_bytes(4)


def with_payload(frame: bytes, payload: bytes) -> bytes:
    """Return a frame with the headers of ``frame``, byte for byte, and another payload."""
    length = int.from_bytes(frame[4:_LENGTHS])
    lengths = (_LEAST + length + len(payload)).to_bytes(4) + frame[4:_LENGTHS]
    changed = lengths + crc32(lengths).to_bytes(4) + frame[_PRELUDE.size : _PRELUDE.size + length] + payload
    return changed + crc32(changed).to_bytes(4)


def _headers(block: bytes) -> dict[str, str] | None:
    """Return the headers with text, None for a block that is none."""
    found: dict[str, str] = {}
    at = 0
    try:
        while at < len(block):
            name = at + 1 + block[at]
            kind = block[name]
            begin = name + 1
            if kind in (_BYTES, _TEXT):
                size = int.from_bytes(block[begin : begin + 2])
                begin += 2
            else:
                size = _SIZES[kind]
            if kind == _TEXT:
                found[block[at + 1 : name].decode()] = block[begin : begin + size].decode()
            at = begin + size
    except (IndexError, KeyError, UnicodeDecodeError):
        return None
    return found if at == len(block) else None
