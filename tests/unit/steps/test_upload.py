"""A body on its way: as little is read as the call needs, and what arrives is what was sent."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxy.dialects.openai_audio_form import AudioForm
from proxy.domain.errors import BadRequest, SlowBody
from proxy.steps.upload import WINDOW, Upload
from proxy.steps.upload_aside import Shelf
from proxy.steps.upload_splice import Cut
from tests.support.forms import CONTENT_TYPE, Part, form
from tests.support.plans import FixedRequest

MODEL = Part("model", b"whisper-1")


class Pieces(FixedRequest):
    """A caller who sends these pieces; ``asked`` counts those that were asked for."""

    def __init__(self, pieces: Sequence[bytes], *, length: bool = True, then: Exception | None = None) -> None:
        super().__init__("/v1/audio/transcriptions", {"content-type": CONTENT_TYPE})
        self.length = sum(map(len, pieces)) if length else None
        self.asked = 0
        self._pieces, self._then = pieces, then

    async def piece(self) -> bytes:
        self.asked += 1
        if self.asked <= len(self._pieces):
            return self._pieces[self.asked - 1]
        if self._then is not None:
            raise self._then
        return b""


def cut(body: bytes, size: int) -> list[bytes]:
    return [body[start : start + size] for start in range(0, len(body), size)]


def upload_of(request: Pieces) -> tuple[Upload, AudioForm]:
    intake = AudioForm(request.headers, request.length)
    return Upload(request, intake), intake


async def sent(upload: Upload, cuts: tuple[Cut, ...] = (), into: list[bytes] | None = None) -> bytes:
    """All that an upstream would get; ``into`` also has it when it breaks off."""
    passage = upload.body(cuts)
    pieces = [] if into is None else into
    while piece := await passage.piece():
        pieces.append(piece)
    whole = b"".join(pieces)
    assert passage.length in (None, len(whole))
    return whole


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(size=st.integers(0, 3 * WINDOW), step=st.integers(1000, WINDOW), first=st.booleans(), length=st.booleans())
def test_what_arrives_is_what_was_sent_but_for_the_edit_wherever_the_model_stands(
    size: int,
    step: int,
    *,
    first: bool,
    length: bool,
    tmp_path: Path,
) -> None:
    async def pass_it() -> None:
        parts = [MODEL, Part("file", os.urandom(size), "a.mp3")]
        other = [Part("model", b"another"), parts[1]]
        if not first:
            parts.reverse()
            other.reverse()
        upload, intake = upload_of(Pieces(cut(form(parts), step), length=length))
        await upload.begin(Shelf(tmp_path, 0))
        assert intake.model(None) == "whisper-1"
        assert await sent(upload, intake.named("another", needed=True)) == form(other)
        upload.close()

    asyncio.run(pass_it())


async def test_a_file_behind_its_model_stays_with_the_caller_until_it_is_sent() -> None:
    request = Pieces(cut(form([MODEL, Part("file", bytes(4 * WINDOW), "a.mp3")]), 10_000))
    upload, _ = upload_of(request)
    await upload.begin(Shelf(Path("/nonexistent")))
    assert request.asked == 1
    passage = upload.body(())
    assert not upload.is_spent
    await passage.piece()
    assert request.asked == 2
    assert upload.is_spent


async def test_a_file_before_its_model_can_be_sent_as_often_as_there_are_upstreams(tmp_path: Path) -> None:
    body = form([Part("file", os.urandom(4 * WINDOW), "a.mp3"), MODEL])
    upload, _ = upload_of(Pieces(cut(body, 60_000)))
    await upload.begin(Shelf(tmp_path, 0))
    await upload.body(()).piece()
    assert not upload.is_spent
    assert [await sent(upload), await sent(upload)] == [body, body]
    upload.close()


async def test_a_small_form_can_be_sent_again_and_needs_no_disk() -> None:
    body = form([Part("file", os.urandom(1000), "a.mp3"), MODEL])
    upload, _ = upload_of(Pieces([body]))
    await upload.begin(Shelf(Path("/nonexistent")))
    assert [await sent(upload), await sent(upload)] == [body, body]
    assert not upload.is_spent


async def test_a_form_that_turns_out_broken_never_arrives_whole() -> None:
    body = form([MODEL, Part("file", bytes(2 * WINDOW), "a.mp3"), MODEL])
    for broken in (body, body[:-10]):
        upload, _ = upload_of(Pieces(cut(broken, 50_000)))
        await upload.begin(Shelf(Path("/nonexistent")))
        arrived: list[bytes] = []
        with pytest.raises(BadRequest):
            await sent(upload, into=arrived)
        assert sum(map(len, arrived)) < len(broken) - 20


async def test_a_caller_who_is_too_slow_fails_the_sending(tmp_path: Path) -> None:
    whole = cut(form([MODEL, Part("file", bytes(2 * WINDOW), "a.mp3")]), 50_000)
    upload, _ = upload_of(Pieces(whole[:8], then=SlowBody("slow")))
    await upload.begin(Shelf(tmp_path))
    with pytest.raises(SlowBody):
        await sent(upload)


async def test_a_broken_form_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    body = form([Part("file", bytes(2 * WINDOW), "a.mp3"), MODEL, MODEL])
    upload, _ = upload_of(Pieces(cut(body, 50_000)))
    with pytest.raises(BadRequest):
        await upload.begin(Shelf(tmp_path, 0))
    upload.close()
