"""How long a sound lasts that is nothing but frames: MP3 and AAC as they are streamed. See ``openai_audio_length``."""

from __future__ import annotations

import struct

# Bits per second / 1000 of layer III by index (ISO 11172-3, 2.4.2.3; ISO 13818-3, 2.4.2.3), MPEG 1 and then 2 and 2.5.
_KBITS = (
    (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0),
    (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0),
)
_RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}  # by version bits
_AAC_RATES = (96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350)
_AAC_SAMPLES = 1024  # of a frame
_MONO = 3
_ID3 = 10  # bytes of its head
_LOOK = 4096  # bytes in which the first frame must begin


def mp3_s(head: bytes, _tail: bytes, size: int) -> float | None:
    """Seconds of an MP3: as many frames as its Xing or VBRI header counts, else its size at the first frame's rate."""
    start = _behind_id3(head)
    for at in range(start, min(start + _LOOK, len(head) - 4)):
        frame = _frame(head[at : at + 4])
        if frame is not None:
            kbits, rate, samples, side = frame
            if (counted := _counted(head, at, side)) is not None:
                return counted * samples / rate
            return (size - at) * 8 / (kbits * 1000)
    return None


def adts_s(head: bytes, _tail: bytes, size: int) -> float | None:
    """Seconds of AAC in ADTS (ISO 13818-7, 6.2): the mean of the frames at its beginning is taken for all."""
    rate = _AAC_RATES[head[2] >> 2 & 15]
    at = frames = 0
    while at + 6 <= len(head) and head[at] == 0xFF and head[at + 1] & 0xF6 == 0xF0:  # noqa: PLR2004 - sync, layer 0
        length = (head[at + 3] & 3) << 11 | head[at + 4] << 3 | head[at + 5] >> 5
        if length < 7:  # noqa: PLR2004 - shorter than its own header
            return None
        at += length
        frames += 1
    return size * frames / at * _AAC_SAMPLES / rate if at else None


def _behind_id3(head: bytes) -> int:
    """Where an ID3v2 tag ends; its size has seven bits a byte."""
    if not head.startswith(b"ID3"):
        return 0
    length = 0
    for byte in head[6:_ID3]:
        length = length << 7 | byte & 127
    return _ID3 + length


def _frame(head: bytes) -> tuple[int, int, int, int] | None:
    """Kilobits and samples a second, samples of a frame, and bytes of its side information; None: no frame begins here."""
    word = int.from_bytes(head, "big")
    version, layer, bits, rate = word >> 19 & 3, word >> 17 & 3, word >> 12 & 15, word >> 10 & 3
    if word >> 21 != 0x7FF or version == 1 or layer != 1 or bits in (0, 15) or rate == 3:  # noqa: PLR2004 - reserved
        return None
    first, mono = version == 3, word >> 6 & 3 == _MONO  # noqa: PLR2004 - MPEG 1
    side = (17 if mono else 32) if first else (9 if mono else 17)
    return _KBITS[0 if first else 1][bits], _RATES[version][rate], 1152 if first else 576, side


def _counted(head: bytes, at: int, side: int) -> int | None:
    """Frames as the encoder counted them: Xing/Info behind the side information, VBRI 32 bytes behind the frame's head."""
    xing = at + 4 + side
    if head[xing : xing + 4] in (b"Xing", b"Info") and head[xing + 7] & 1:
        return int(struct.unpack_from(">I", head, xing + 8)[0]) or None
    if head[at + 36 : at + 40] == b"VBRI":
        return int(struct.unpack_from(">I", head, at + 50)[0]) or None
    return None
