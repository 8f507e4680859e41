"""An upload is read to its end where rules must look through it; what cannot be read is said, not passed over."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from proxy.dialects.multipart import MAX_TEXTS
from proxy.dialects.openai_audio_form import AudioForm
from proxy.dialects.openai_picture_form import PictureForm
from proxy.dialects.passthrough import AnyBody
from proxy.domain.ask import Ask, Endpoint, Features
from proxy.steps.upload import WINDOW, Upload
from proxy.steps.upload_aside import Shelf
from proxy.steps.upload_heard import MOST, Heard, hear
from tests.support.forms import Part, form
from tests.unit.steps.test_upload import Pieces, cut, sent

MODEL = Part("model", b"whisper-1")
FILE = Part("file", bytes(range(256)) * (WINDOW >> 6), "a.mp3")  # four windows
PROMPT, NOTE = Part("prompt", b"the prompt"), Part("note", b"\xff a note", headers=("Content-Type: text/x-odd",))
ASK = Ask(Endpoint("openai.audio", "", ""), "whisper-1", b"", features=Features(texts=("the prompt", "else")))


async def heard_of(upload: Upload, shelf: Path, content_type: str = "") -> Heard:
    await upload.begin(Shelf(shelf, 0))
    return await hear(upload, Shelf(shelf, 0), content_type)


def loose(body: bytes, size: int = 60_000) -> Upload:
    request = Pieces(cut(body, size))
    return Upload(request, AnyBody(request.length))


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("form_of", [AudioForm, lambda headers, _: PictureForm(headers)])
async def test_all_fields_of_a_form_are_heard_and_each_can_be_changed(
    tmp_path: Path, order: int, form_of: type[AudioForm]
) -> None:
    parts = [MODEL, PROMPT, FILE, NOTE][::order]
    request = Pieces(cut(form(parts), 50_000))
    upload = Upload(request, form_of(request.headers, request.length))
    heard = await heard_of(upload, tmp_path)
    assert sorted(filter(None, heard.texts)) == ["the prompt", "\udcff a note"]
    changes = {number: f"{text}!" for number, text in enumerate(heard.texts)}
    edited = heard.edited(ASK, changes)
    assert edited.ask.features.texts == ("the prompt!", "else")
    wanted = [
        Part(one.name, one.value + b"!", one.filename, one.headers) if one in (PROMPT, NOTE) else one for one in parts
    ]
    assert await sent(upload, edited.cuts) == form(wanted)
    assert not upload.is_spent  # it can be sent to another upstream as well
    upload.close()


async def test_a_form_with_more_text_than_is_kept_is_not_read(tmp_path: Path) -> None:
    request = Pieces(cut(form([MODEL, Part("note", b"x" * (MAX_TEXTS + 1)), FILE]), 50_000))
    upload = Upload(request, AudioForm(request.headers, request.length))
    heard = await heard_of(upload, tmp_path)
    assert heard.unread == "its fields are too large to be kept"
    upload.close()


async def test_json_that_passes_is_changed_in_its_strings_alone(tmp_path: Path) -> None:
    body = json.dumps({"a": ["one", {"b": "two"}], "c": "x" * 4 * WINDOW}, indent=2).encode()
    upload = loose(body)
    heard = await heard_of(upload, tmp_path)
    changes = {number: "ONE" for number, text in enumerate(heard.texts) if text == "one"}
    edited = heard.edited(ASK, changes)
    assert await sent(upload, edited.cuts) == body.replace(b'"one"', b'"ONE"')
    upload.close()


@pytest.mark.parametrize(
    ("body", "content_type", "unread"),
    [
        (b"\x89PNG\r\n\x1a\n\0\xff", "image/png", ""),
        (b"RIFF\0\0\0\0WAVEfmt \xff", "audio/wav", ""),
        ("{}".encode("utf-16"), "image/png", "it is not the media that its Content-Type says"),
        (gzip.compress(b"{}", mtime=0), "audio/mpeg", "it is not the media that its Content-Type says"),
        (b"\x89PNG\0\xff", "application/octet-stream", "it is neither JSON nor text"),
        (b"%PDF\xff\0", "application/pdf", "it is neither JSON nor text"),
        (b"a=b%40c.example", "application/x-www-form-urlencoded; charset=utf-8", "its text is percent-encoded"),
    ],
)
async def test_what_cannot_be_read_is_told_and_media_are_passed_over(
    tmp_path: Path, body: bytes, content_type: str, unread: str
) -> None:
    heard = await heard_of(loose(body), tmp_path, content_type)
    assert (heard.texts, heard.unread) == ((), unread)


async def test_a_text_that_is_called_a_picture_is_heard_all_the_same(tmp_path: Path) -> None:
    heard = await heard_of(loose(b"plain text"), tmp_path, "image/png")
    assert heard.texts == ["plain text"]
    assert heard.edited(ASK, {0: "another"}).cuts == ((0, 10, b"another"),)


async def test_a_body_that_is_larger_than_any_that_is_kept_is_not_read(tmp_path: Path) -> None:
    upload = loose(b"x" * (MOST + 1), 1 << 20)
    assert (await heard_of(upload, tmp_path)).unread == "it is larger than 16 MiB"
    upload.close()


def test_what_was_heard_does_not_show_itself() -> None:
    assert "hush" not in repr(Heard(["hush"]))


async def test_where_nobody_may_wait_an_upload_is_not_put_aside_for_being_looked_through(tmp_path: Path) -> None:
    request = Pieces(cut(form([MODEL, PROMPT, FILE]), 50_000))
    upload = Upload(request, AudioForm(request.headers, request.length))
    full = Shelf(tmp_path / "nowhere", 0)
    await upload.begin(full)
    heard = await hear(upload, full, "", may_wait=False)
    assert heard.is_left
    assert heard.unread
    assert await sent(upload, ()) == form([MODEL, PROMPT, FILE])


async def test_a_small_upload_that_is_here_already_is_heard_though_nobody_may_wait(tmp_path: Path) -> None:
    request = Pieces(cut(form([MODEL, PROMPT]), 50_000))
    upload = Upload(request, AudioForm(request.headers, request.length))
    await upload.begin(Shelf(tmp_path, 0))
    assert "the prompt" in (await hear(upload, Shelf(tmp_path, 0), "", may_wait=False)).texts
