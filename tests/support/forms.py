"""Forms as clients write them, and sounds small enough for a test."""

from __future__ import annotations

import io
import struct
import wave
from collections.abc import Iterable
from typing import NamedTuple

BOUNDARY = "----WebKitFormBoundary7MA4YWxkTrZu0gW"
CONTENT_TYPE = f"multipart/form-data; boundary={BOUNDARY}"


class Part(NamedTuple):
    """One part; ``filename`` makes it a file."""

    name: str
    value: bytes
    filename: str | None = None
    headers: tuple[str, ...] = ()


def form(parts: Iterable[Part], boundary: str = BOUNDARY) -> bytes:
    """The body."""
    out = b""
    for part in parts:
        named = f'Content-Disposition: form-data; name="{part.name}"'
        named += f'; filename="{part.filename}"' if part.filename is not None else ""
        head = "\r\n".join([f"--{boundary}", named, *part.headers])
        out += head.encode() + b"\r\n\r\n" + part.value + b"\r\n"
    return out + f"--{boundary}--\r\n".encode()


def wav(seconds: float, rate: int = 16_000) -> bytes:
    """Silence."""
    held = io.BytesIO()
    with wave.open(held, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(bytes(2 * int(seconds * rate)))
    return held.getvalue()


def mp3(frames: int, *, xing: int | None = None, tag: int = 0) -> bytes:
    """MPEG 1 layer III at 128 kbit/s and 44.1 kHz: 417 bytes a frame; ``xing`` frames are claimed, behind a tag of so many bytes."""
    frame = bytearray(b"\xff\xfb\x90\x00" + bytes(413))
    first = bytearray(frame)
    if xing is not None:
        first[36:44] = b"Xing" + struct.pack(">I", 1)
        first[44:48] = struct.pack(">I", xing)
    size = bytes((tag >> shift) & 127 for shift in (21, 14, 7, 0))
    id3 = b"ID3\x04\x00\x00" + size + bytes(tag) if tag else b""
    return id3 + bytes(first) + bytes(frame) * (frames - 1)


def flac(samples: int, rate: int) -> bytes:
    """A STREAMINFO and nothing else."""
    packed = rate << 44 | 1 << 41 | 15 << 36 | samples
    return b"fLaC\x80\x00\x00\x22" + bytes(10) + packed.to_bytes(8, "big") + bytes(16) + bytes(1000)


def opus(samples: int, *, skip: int = 312, middle: int = 0) -> bytes:
    """Two Ogg pages, the last with its granule position, ``middle`` bytes apart."""
    first = b"OggS\x00\x02" + bytes(8) + bytes(14) + b"OpusHead\x01\x01" + struct.pack("<HIHB", skip, 24_000, 0, 0)
    return first + bytes(middle) + b"OggS\x00\x04" + struct.pack("<q", samples + skip) + bytes(200)


def mp4(seconds: int, *, before: int = 0) -> bytes:
    """``ftyp``, so many bytes of media, and ``moov`` with its ``mvhd``."""
    mvhd = struct.pack(">I4sIIIII", 108, b"mvhd", 0, 0, 0, 1000, seconds * 1000) + bytes(80)
    return b"\x00\x00\x00\x18ftypM4A " + bytes(12) + bytes(before) + struct.pack(">I4s", 8 + len(mvhd), b"moov") + mvhd


def adts(frames: int, length: int = 200) -> bytes:
    """AAC at 24 kHz in frames of one length."""
    head = bytes([0xFF, 0xF1, 6 << 2 | 0x40, 0x40 | length >> 11, (length >> 3) & 0xFF, (length & 7) << 5 | 0x1F, 0xFC])
    return (head + bytes(length - 7)) * frames


def webm(seconds: float) -> bytes:
    """An EBML head with a duration in milliseconds."""
    return (
        b"\x1a\x45\xdf\xa3"
        + bytes(40)
        + b"\x2a\xd7\xb1\x83\x0f\x42\x40"
        + b"\x44\x89\x88"
        + struct.pack(">d", seconds * 1000)
    )
