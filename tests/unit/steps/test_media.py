"""A type is believed where the bytes say so too."""

from __future__ import annotations

import gzip
import json
import zlib

import pytest

from proxy.steps.media import begins_as_media

MEDIA = {
    "png": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
    "jpeg": b"\xff\xd8\xff\xe0\0\x10JFIF",
    "gif": b"GIF89a\x01\0\x01\0",
    "webp": b"RIFF\x24\0\0\0WEBPVP8 ",
    "bmp": b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0",
    "tiff": b"II*\0\x08\0\0\0",
    "heic": b"\0\0\0\x18ftypheic",
    "avif": b"\0\0\0\x1cftypavif",
    "wav": b"RIFF\x24\0\0\0WAVEfmt ",
    "mp3": b"\xff\xfb\x90\x64",
    "tagged mp3": b"ID3\x04\0",
    "aac": b"\xff\xf1\x50\x80",
    "ogg": b"OggS\0\x02",
    "flac": b"fLaC\0",
    "mp4": b"\0\0\0\x20ftypisom",
    "webm": b"\x1aE\xdf\xa3\x9f",
}
TOLD = json.dumps({"prompt": "bob@example.com"})
OTHERS = {
    "nothing": b"",
    "UTF-16": TOLD.encode("utf-16"),
    "UTF-16, little": b"\xff\xfe" + TOLD.encode("utf-16-le"),
    "UTF-16, big": b"\xfe\xff" + TOLD.encode("utf-16-be"),
    "UTF-32": TOLD.encode("utf-32"),
    "Latin-1": "BMé bob@example.com and more".encode("latin-1"),
    "gzip": gzip.compress(TOLD.encode()),
    "zlib": zlib.compress(TOLD.encode()),
    "zip": b"PK\x03\x04\x14\0",
    "pdf": b"%PDF-1.7\n\xff\0",
    "text with a NUL": b"\0" + TOLD.encode(),
    "RIFF of nothing": b"RIFF\0\0\0\0TEXT\xff",
}


@pytest.mark.parametrize("kind", MEDIA)
def test_what_begins_as_media_is_media(kind: str) -> None:
    assert begins_as_media(MEDIA[kind])


@pytest.mark.parametrize("kind", OTHERS)
def test_what_may_hold_text_is_none(kind: str) -> None:
    assert not begins_as_media(OTHERS[kind])
