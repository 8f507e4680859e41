"""Whether bytes are a picture, a sound or a film: by how their formats begin, not by what their sender says they are.

Documents such as PDF are none: what they say is text, which nobody here can read.
"""

from __future__ import annotations

from typing import Final

MEDIA: Final = ("image/", "audio/", "video/")  # what types of it begin with
_BEGINNINGS: Final = (
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff",  # JPEG
    b"GIF87a",
    b"GIF89a",
    b"II*\0",  # TIFF
    b"MM\0*",
    b"ID3",  # MP3 with a title
    b"OggS",
    b"fLaC",
    b"\x1aE\xdf\xa3",  # Matroska and WebM
    b"\0\0\x01\xba",  # MPEG
    b"\0\0\x01\xb3",
)
_RIFF: Final = (b"WEBP", b"WAVE", b"AVI ")
_BOXES: Final = (b"ftyp", b"moov")  # MP4 and its kin, HEIC and AVIF among them (ISO/IEC 14496-12)
_BITMAP_HEADS: Final = (12, 40, 52, 56, 64, 108, 124)  # bytes of a BMP's second header
_SYNCS: Final = (0xE2, 0xF2, 0xFA, 0xF0, 0xF8)  # second byte of a frame, but its last bit: MP3 of each version, and AAC


def begins_as_media(body: bytes) -> bool:
    """Whether a body begins as one of the formats that models take."""
    return body.startswith(_BEGINNINGS) or _is_boxed(body) or _is_bitmap(body) or _is_frame(body)


def _is_boxed(body: bytes) -> bool:
    return (body.startswith(b"RIFF") and body[8:12] in _RIFF) or body[4:8] in _BOXES


def _is_bitmap(body: bytes) -> bool:
    """Two letters alone begin many a file."""
    return body.startswith(b"BM") and int.from_bytes(body[14:18], "little") in _BITMAP_HEADS


def _is_frame(body: bytes) -> bool:
    """Whether it begins with a frame of sound. Layer I, which begins as UTF-16 does, is of no use to anybody."""
    return body[:1] == b"\xff" and len(body) > 1 and body[1] & 0xFE in _SYNCS
