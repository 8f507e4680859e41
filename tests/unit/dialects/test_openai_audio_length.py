"""How long a sound is, as its own bytes tell."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.dialects.openai_audio_length import BYTES_PER_S, HEAD, SoundLength
from tests.support.forms import adts, flac, mp3, mp4, opus, wav, webm


def length_of(sound: bytes, step: int = 10_000) -> SoundLength:
    """Fed in pieces."""
    length = SoundLength()
    for start in range(0, len(sound), step):
        length.feed(sound[start : start + step])
    return length


SOUNDS = {
    "wav": (wav(12.5), 12.5),
    "wav of another rate": (wav(3, 44_100), 3),
    "wav that was streamed": (wav(2)[:40] + b"\xff\xff\xff\xff" + bytes(64_000), 2),
    "wav that claims more than there is": (wav(2)[:40] + struct.pack("<I", 10**9) + bytes(64_000), 2),
    "wav with a chunk before": (wav(1)[:12] + b"LIST" + struct.pack("<I", 5) + bytes(6) + wav(1)[12:], 1),
    "flac": (flac(48_000 * 61, 48_000), 61),
    "mp3": (mp3(1000), 417_000 * 8 / 128_000),
    "mp3 that counts its frames": (mp3(10, xing=383), 383 * 1152 / 44_100),
    "mp3 behind a tag": (mp3(1000, tag=30_000), 417_000 * 8 / 128_000),
    "opus": (opus(48_000 * 7), 7),
    "opus of many pages": (opus(48_000 * 90, middle=400_000), 90),
    "mp4": (mp4(33), 33),
    "mp4 with its index behind": (mp4(600, before=900_000), 600),
    "adts": (adts(100), 100 * 1024 / 24_000),
    "adts, long": (adts(2000), 2000 * 1024 / 24_000),
    "webm": (webm(4.25), 4.25),
}


@pytest.mark.parametrize(("sound", "seconds"), SOUNDS.values(), ids=SOUNDS)
@pytest.mark.parametrize("step", [1 << 20, 777])
def test_a_header_that_tells_is_believed(sound: bytes, seconds: float, step: int) -> None:
    assert length_of(sound, step).seconds() == pytest.approx(seconds, rel=0.001)


@pytest.mark.parametrize("name", ["wav", "flac", "mp3", "adts, long"])
def test_the_beginning_of_a_sound_tells_how_long_the_whole_of_it_is(name: str) -> None:
    sound, seconds = SOUNDS[name]
    assert length_of(sound[:5000]).told_s(len(sound)) == pytest.approx(seconds, rel=0.01)


def test_the_beginning_of_an_ogg_tells_nothing_of_its_length() -> None:
    assert length_of(opus(48_000)[:60]).told_s(100_000) is None


LYING = {
    "nothing": b"",
    "text": b"hello" * 1000,
    "a wav of no channels": wav(1)[:22] + b"\0\0" + wav(1)[24:32] + b"\0\0" + wav(1)[34:],
    "a wav without data": wav(1)[:36],
    "a flac of unknown length": flac(0, 48_000),
    "a flac without a rate": flac(1000, 0),
    "a flac longer than any": flac(2**36 - 1, 8),
    "an ogg of neither kind": b"OggS" + bytes(1000),
    "an mp4 without an index": mp4(10)[:30] + bytes(100),
    "an mp4 of scale 0": mp4(10)[:-84] + bytes(84),
    "an adts frame of no length": b"\xff\xf1" + bytes(100),
    "an mp3 without frames": b"ID3\x04\x00\x00\x00\x00\x00\x00" + bytes(5000),
    "a tag longer than what is kept": mp3(10, tag=HEAD * 2),
    "a webm that was recorded live": b"\x1a\x45\xdf\xa3" + bytes(500),
}


@pytest.mark.parametrize("sound", LYING.values(), ids=LYING)
def test_what_does_not_tell_is_measured_by_its_size(sound: bytes) -> None:
    assert length_of(sound).told_s() is None
    assert length_of(sound).seconds() == len(sound) / BYTES_PER_S


STARTS = [
    b"RIFF\0\0\0\0WAVE",
    b"fLaC",
    b"OggS",
    b"\0\0\0\0ftyp",
    b"\x1a\x45\xdf\xa3",
    b"\xff\xf1",
    b"ID3",
    b"\xff\xfb",
    b"",
]


@given(start=st.sampled_from(STARTS), data=st.binary(max_size=500), step=st.integers(1, 100))
def test_no_sound_is_too_broken_to_be_measured(start: bytes, data: bytes, step: int) -> None:
    assert length_of(start + data, step).seconds() >= 0


def test_an_hour_is_measured_in_constant_memory() -> None:
    length = SoundLength()
    length.feed(wav(1)[:40] + b"\xff\xff\xff\xff")
    for _ in range(1000):
        length.feed(memoryview(bytes(115_200)))
    assert length.seconds() == pytest.approx(3600, rel=0.001)
    assert len(length._head) + length._tail_size <= HEAD + 2 * 115_200
