"""How long a sound lasts, from its first and last bytes: what is billed where an answer does not say.

Nothing is decoded. A header that tells is believed, as the provider's decoder will; a sound without one is as long as
its bytes at the rate of speech. Sources: the formats' own specifications, named at each reader.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Callable

from proxy.dialects.openai_audio_frames import adts_s, mp3_s

HEAD = 64 << 10  # bytes kept from the beginning
TAIL = 64 << 10  # and, at least, from the end
BYTES_PER_S = 8_000  # of speech at 64 kbit/s, for what tells nothing
LONGEST_S = 7 * 86_400.0  # a header that claims more is not believed
_UNKNOWN_SIZES = (0, 0xFFFFFFFF)  # of a WAV that was streamed


class SoundLength:
    """Feed a sound in any split, then ask; constant memory."""

    def __init__(self) -> None:
        self.size = 0
        self._head = bytearray()
        self._tail: deque[bytes] = deque()
        self._tail_size = 0

    def feed(self, data: bytes | memoryview) -> None:
        """Take a piece."""
        self.size += len(data)
        if (room := HEAD - len(self._head)) > 0:
            self._head += data[:room]
            data = data[room:]
        if data:
            self._tail.append(bytes(data[-TAIL:]))
            self._tail_size += len(self._tail[-1])
        while self._tail and self._tail_size - len(self._tail[0]) >= TAIL:
            self._tail_size -= len(self._tail.popleft())

    def told_s(self, size: int | None = None) -> float | None:
        """Seconds as its header tells, None where it does not; ``size`` of the whole, while not all of it was fed."""
        head, tail = bytes(self._head), b"".join(self._tail)
        reader = next((read for starts, read in _READERS if starts(head)), None)
        if reader is None or (size is not None and reader is _ogg_s):  # only its end tells
            return None
        try:
            seconds = reader(head, tail, self.size if size is None else size)
        except (struct.error, IndexError, ZeroDivisionError):  # cut short, or lying
            return None
        return seconds if seconds is not None and 0 < seconds <= LONGEST_S else None

    def seconds(self) -> float:
        """Seconds as its header tells, or else as its size suggests."""
        told = self.told_s()
        return self.size / BYTES_PER_S if told is None else told


def _wav_s(head: bytes, _tail: bytes, size: int) -> float | None:
    """RIFF WAVE: the size of `data` over the bytes of a second, which are frames times bytes of a frame."""
    at, per_s = 12, 0
    while at + 8 <= len(head):
        kind, length = struct.unpack_from("<4sI", head, at)
        at += 8
        if kind == b"fmt ":
            _, _, rate, _, block = struct.unpack_from("<HHIIH", head, at)
            per_s = rate * block
        elif kind == b"data":
            there = size - at
            return (there if length in _UNKNOWN_SIZES or length > there else length) / per_s
        at += length + (length & 1)
    return None


def _flac_s(head: bytes, _tail: bytes, _size: int) -> float | None:
    """RFC 9639, 8.2: STREAMINFO comes first; 20 bits of sample rate, 36 of samples, 0 when unknown."""
    packed = int.from_bytes(head[18:26], "big")
    rate, samples = packed >> 44, packed & ((1 << 36) - 1)
    return samples / rate if samples else None


def _ogg_s(head: bytes, tail: bytes, _size: int) -> float | None:
    """RFC 3533, 6: the last page's granule position; Opus (RFC 7845, 4) counts 48,000 a second and skips a few."""
    if (at := head.find(b"OpusHead")) >= 0:
        rate, skip = 48_000, int(struct.unpack_from("<H", head, at + 10)[0])
    elif (at := head.find(b"\x01vorbis")) >= 0:
        rate, skip = int(struct.unpack_from("<I", head, at + 12)[0]), 0
    else:
        return None
    data = head + tail
    end = len(data)
    while (end := data.rfind(b"OggS", 0, end)) >= 0:
        granule = int(struct.unpack_from("<q", data, end + 6)[0]) if end + 14 <= len(data) else -1
        if granule > skip:
            return (granule - skip) / rate
    return None


def _mp4_s(head: bytes, tail: bytes, _size: int) -> float | None:
    """ISO 14496-12, 8.2.2: `mvhd` has time scale and duration; it may stand at either end of the file."""
    data = head + tail
    at = data.find(b"mvhd") + 4
    if at < 4:  # noqa: PLR2004 - not found
        return None
    form = ">QQIQ" if data[at] == 1 else ">IIII"
    _, _, scale, duration = map(int, struct.unpack_from(form, data, at + 4))
    return duration / scale


def _webm_s(head: bytes, _tail: bytes, _size: int) -> float | None:
    """RFC 9559, 5.1.2: Duration in units of TimestampScale nanoseconds, a million by default."""
    scale = 1_000_000
    if (at := head.find(b"\x2a\xd7\xb1\x83")) >= 0:
        scale = int.from_bytes(head[at + 4 : at + 7], "big")
    for mark, form in ((b"\x44\x89\x88", ">d"), (b"\x44\x89\x84", ">f")):
        if (at := head.find(mark)) >= 0:
            return float(struct.unpack_from(form, head, at + 3)[0]) * scale / 1e9
    return None


def _is_mp3(head: bytes) -> bool:
    return head.startswith(b"ID3") or (len(head) > 1 and head[0] == 0xFF and head[1] & 0xE6 == 0xE2)  # noqa: PLR2004 - sync and layer III


def _is_adts(head: bytes) -> bool:
    return len(head) > 1 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0  # noqa: PLR2004 - sync and layer 0


_READERS: tuple[tuple[Callable[[bytes], bool], Callable[[bytes, bytes, int], float | None]], ...] = (
    (lambda head: head[:4] in (b"RIFF", b"RF64") and head[8:12] == b"WAVE", _wav_s),
    (lambda head: head.startswith(b"fLaC"), _flac_s),
    (lambda head: head.startswith(b"OggS"), _ogg_s),
    (lambda head: head[4:8] == b"ftyp", _mp4_s),
    (lambda head: head.startswith(b"\x1a\x45\xdf\xa3"), _webm_s),
    (_is_adts, adts_s),
    (_is_mp3, mp3_s),
)
