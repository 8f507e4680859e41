"""Sound: what is asked, what is edited in a form, and what answers say of what they used."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from proxy.dialects import routes
from proxy.dialects.intake import Receiving
from proxy.dialects.openai_audio import OpenAIAudio
from proxy.dialects.openai_audio_form import AudioForm
from proxy.domain.ask import Ask
from proxy.domain.errors import BadRequest, Unavailable
from proxy.domain.upstream import Upstream
from proxy.domain.usage import Usage
from proxy.steps.upload_splice import Splice
from tests.support.forms import CONTENT_TYPE, Part, form, opus, wav

AUDIO = OpenAIAudio()
HEADERS = {"content-type": CONTENT_TYPE}
OPENAI = Upstream("openai", "openai", "https://api.example/v1")
AZURE = Upstream("azure", "openai", "https://acme.example", query=(("api-version", "2025-04-01"),))
AZURE_PATH = "/openai/deployments/hearing/audio/transcriptions"
MODEL, FILE = Part("model", b"whisper-1"), Part("file", wav(9.2), "a.wav")


def heard(*parts: Part, path: str = "/v1/audio/transcriptions") -> Ask:
    """The ask of a form that was read whole."""
    body = form(parts)
    match = routes.find("POST", path)
    assert match is not None
    intake = AUDIO.intake(match, HEADERS, len(body))
    intake.feed(body)
    intake.finish()
    return AUDIO.received(match, intake, "", {})


def spoken(path: str = "/v1/audio/speech", **members: Any) -> Ask:
    """The ask of a text to be spoken."""
    match = routes.find("POST", path)
    assert match is not None
    body = {"model": "tts-1", "input": "Hello there", "voice": "alloy"} | members
    return AUDIO.understand(match, json.dumps(body).encode(), "", {})


def told(ask: Ask, answer: Any, *, stream: bool = False, content_type: bytes = b"application/json") -> Usage:
    """What a tap makes of an answer."""
    data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    tap = AUDIO.tap(ask)
    tap.head([(b"content-type", content_type)])
    if stream:
        for start in range(0, len(data), 100):
            tap.feed(data[start : start + 100])
    else:
        tap.body(data)
    return tap.finish()


def events(*objects: dict[str, Any]) -> bytes:
    return b"".join(b"data: " + json.dumps(one).encode() + b"\n\n" for one in objects)


def test_the_dialect_takes_uploads() -> None:
    assert isinstance(AUDIO, Receiving)


@pytest.mark.parametrize("kind", ["transcriptions", "translations", "speech"])
def test_azures_paths_lead_to_the_same_operations(kind: str) -> None:
    for path in (f"/v1/audio/{kind}", f"/openai/deployments/m/audio/{kind}"):
        match = routes.find("POST", path)
        assert match is not None
        assert (match.dialect.name, match.endpoint.upstream_path) == ("openai_audio", f"/audio/{kind}")
        assert match.endpoint.upload == (kind != "speech")


# What is asked.


def test_a_form_says_its_model_whether_it_is_streamed_and_how_long_its_file_will_take() -> None:
    ask = heard(Part("stream", b"true"), Part("prompt", "Grüße".encode()), MODEL, FILE)
    assert (ask.model, ask.stream, ask.features.texts, ask.features.text_bytes) == ("whisper-1", True, ("Grüße",), 7)
    assert ask.features.media_bytes == 92 * 40  # at forty bytes a token, ten tokens a second
    assert ask.likely_output == 37
    assert heard(MODEL, Part("stream", b"false"), FILE).stream is False


def test_a_form_is_understood_as_soon_as_the_model_and_the_file_have_begun() -> None:
    match = routes.find("POST", "/v1/audio/transcriptions")
    assert match is not None
    sound = wav(100)
    body = form([Part("language", b"en"), MODEL, Part("file", sound, "a.wav")])
    at = body.index(b"RIFF")
    intake = AUDIO.intake(match, HEADERS, len(body))
    intake.feed(body[: at - 80])
    assert not intake.ready
    intake.feed(body[at - 80 : at + 100])
    assert intake.ready
    assert AUDIO.received(match, intake, "", {}).features.media_bytes == pytest.approx(100 * 400, rel=0.01)


def test_a_form_whose_file_comes_first_is_not_known_until_its_model_comes() -> None:
    intake = AudioForm(HEADERS, None)
    body = form([Part("file", b"\x00" * 80_000, "a.raw"), MODEL])
    at = body.index(b'name="model"')
    intake.feed(body[:at])
    assert not intake.known
    assert intake.expected_s() > 60  # nobody has said how much more will come
    intake.feed(body[at:])
    assert intake.known
    assert intake.expected_s() == 10


@pytest.mark.parametrize("parts", [[FILE], [FILE, Part("model", b"")]])
def test_a_form_without_a_model_is_refused(parts: list[Part]) -> None:
    with pytest.raises(BadRequest) as caught:
        heard(*parts)
    assert caught.value.param == "model"


def test_a_field_that_is_no_text_is_refused() -> None:
    with pytest.raises(BadRequest):
        heard(Part("model", b"\xff\xfe"), FILE)


@pytest.mark.parametrize(
    "members", [{"input": ""}, {"input": 5}, {"model": None}, {"response_format": 1}, {"instructions": []}]
)
def test_a_text_to_be_spoken_is_read_strictly(members: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        spoken(**members)


def test_a_text_to_be_spoken_passes_as_it_came_but_for_the_models_name() -> None:
    ask = spoken(instructions="cheerful")
    assert ask.features.texts == ("Hello there", "cheerful")
    assert AUDIO.outgoing(ask, OPENAI, "tts-1").body is ask.body
    assert json.loads(AUDIO.outgoing(ask, OPENAI, "loud").body)["model"] == "loud"
    at_azure = AUDIO.outgoing(spoken("/openai/deployments/voice/audio/speech"), AZURE, "voice")
    assert at_azure.target == "/openai/deployments/voice/audio/speech?api-version=2025-04-01"


# The edit of a form.


def edited(parts: list[Part], upstream: Upstream, model: str, path: str = "/v1/audio/transcriptions") -> bytes:
    """The form that the upstream gets."""
    out = AUDIO.outgoing(heard(*parts, path=path), upstream, model)
    body = form(parts)
    splice = Splice(out.cuts)
    sent = b"".join(splice.feed(body[start : start + 7]) for start in range(0, len(body), 7))
    assert len(sent) == len(body) + splice.grows
    assert out.edits == (("model",) if out.cuts else ())
    return sent


@pytest.mark.parametrize("parts", [[MODEL, FILE], [FILE, MODEL], [Part("a", b""), FILE, MODEL, Part("z", b"z")]])
def test_only_the_models_value_changes_in_a_form(parts: list[Part]) -> None:
    assert edited(parts, OPENAI, "whisper-1") == form(parts)
    other = [Part("model", b"a-longer-name") if part.name == "model" else part for part in parts]
    assert edited(parts, OPENAI, "a-longer-name") == form(other)


def test_a_model_of_the_path_is_written_into_a_form_that_lacks_it_only_where_that_is_needed() -> None:
    assert edited([FILE], AZURE, "hearing", AZURE_PATH) == form([FILE])
    assert edited([FILE], OPENAI, "hearing", AZURE_PATH) == form([Part("model", b"hearing"), FILE])
    assert edited([FILE, MODEL], OPENAI, "hearing", AZURE_PATH) == form([FILE, Part("model", b"hearing")])


# What answers used.


def test_an_answer_that_reports_tokens_or_seconds_is_taken_at_its_word() -> None:
    ask = heard(MODEL, FILE)
    tokens = told(ask, {"text": "hi", "usage": {"type": "tokens", "input_tokens": 14, "output_tokens": 45,
                                                "input_token_details": {"text_tokens": 0, "audio_tokens": 14}}})  # fmt: skip
    assert (tokens.input, tokens.output, tokens.audio_input, tokens.usage_source) == (14, 45, 14, "reported")
    seconds = told(ask, {"text": "hi", "duration": 36.7, "usage": {"type": "duration", "seconds": 37}})
    assert (seconds.seconds, seconds.input, seconds.output, seconds.usage_source) == (37, 0, 0, "reported")
    mistral = told(ask, {"text": "hi", "usage": {"prompt_audio_seconds": 203, "prompt_tokens": 4, "completion_tokens": 635, "total_tokens": 3264}})  # fmt: skip
    assert (mistral.seconds, mistral.input, mistral.output) == (203, 4, 635)


def test_a_verbose_answer_tells_how_long_the_sound_was() -> None:
    usage = told(heard(MODEL, FILE), {"task": "transcribe", "duration": 8.47, "text": "hi"})
    assert (usage.seconds, usage.usage_source, usage.complete) == (9, "reported", True)


def test_a_stream_tells_at_its_end() -> None:
    ask = heard(MODEL, FILE)
    deltas = [{"type": "transcript.text.delta", "delta": word} for word in ("Hello", " there")]
    done = {"type": "transcript.text.done", "text": "Hello there",
            "usage": {"type": "tokens", "input_tokens": 90, "output_tokens": 12, "total_tokens": 102}}  # fmt: skip
    usage = told(ask, events(*deltas, done), stream=True, content_type=b"text/event-stream")
    assert (usage.input, usage.output, usage.total_reported, usage.complete) == (90, 12, 102, True)
    cut = told(ask, events(*deltas), stream=True, content_type=b"text/event-stream")
    assert (cut.seconds, cut.input, cut.usage_source, cut.complete) == (10, 100, "estimated", False)
    tap = AUDIO.tap(ask)
    tap.feed(events(*deltas, done))
    assert tap.relayed_text() == "Hello there"


SRT = b"1\n00:00:00,000 --> 00:00:02,500\nHello\n\n2\n00:00:02,500 --> 00:01:07,040\nthere\n"
VTT = b"WEBVTT\n\n00:00.000 --> 00:02.500\nHello\n\n00:02.500 --> 01:07.040\nthere\n"


@pytest.mark.parametrize("answer", [b"Hello there\n", b"[Music] Hello there", SRT, VTT])
def test_an_answer_that_tells_nothing_is_as_long_as_its_file_says(answer: bytes) -> None:
    usage = told(heard(MODEL, FILE), answer, content_type=b"text/plain")
    assert (usage.seconds, usage.audio_input, usage.usage_source) == (10, 100, "estimated")


@pytest.mark.parametrize("answer", [SRT, VTT])
def test_the_last_subtitle_tells_where_the_file_does_not(answer: bytes) -> None:
    usage = told(heard(MODEL, Part("file", b"\x00" * 100, "a.raw")), answer, content_type=b"text/plain")
    assert (usage.seconds, usage.usage_source) == (68, "estimated")


def test_subtitles_are_counted_by_what_was_said() -> None:
    for answer in (SRT, VTT):
        tap = AUDIO.tap(heard(MODEL, FILE))
        tap.body(answer)
        assert tap.relayed_text().split() == ["Hello", "there"]


def test_a_file_of_no_known_kind_is_never_free() -> None:
    usage = told(heard(MODEL, Part("file", b"\x00" * 80_000, "a.raw")), b"Hello", content_type=b"text/plain")
    assert (usage.seconds, usage.usage_source) == (10, "estimated")


def test_spoken_sound_is_measured_and_its_characters_are_those_that_were_asked_for() -> None:
    usage = told(spoken(input="Grüße, Ann"), opus(48_000 * 7, middle=300_000), stream=True, content_type=b"audio/ogg")
    assert (usage.characters, usage.output, usage.audio_output, usage.input) == (10, 140, 140, None)
    assert (usage.usage_source, usage.complete) == ("estimated", True)
    pcm = told(spoken(response_format="pcm"), bytes(96_000), stream=True, content_type=b"audio/pcm")
    assert pcm.output == 40


def test_spoken_events_report_tokens() -> None:
    sound = {"type": "speech.audio.delta", "audio": "A" * 6400}
    done = {"type": "speech.audio.done", "usage": {"input_tokens": 14, "output_tokens": 101, "total_tokens": 115}}
    ask = spoken(stream_format="sse")
    assert ask.stream
    usage = told(ask, events(sound, sound, done), stream=True, content_type=b"text/event-stream; charset=utf-8")
    assert (usage.input, usage.output, usage.characters, usage.usage_source) == (14, 101, 11, "reported")
    cut = told(ask, events(sound, sound), stream=True, content_type=b"text/event-stream")
    assert (cut.output, cut.usage_source) == (13, "estimated")  # 9,600 bytes of mp3


@pytest.mark.parametrize("ask", [heard(MODEL, FILE), spoken()], ids=["heard", "spoken"])
@pytest.mark.parametrize("answer", [b'{"error":{"message":"no"}}', b"<html>Bad gateway", b"", b"\x00\xff"])
def test_an_error_reports_nothing(ask: Ask, answer: bytes) -> None:
    assert told(ask, answer).usage_source != "reported"


def test_bare_sound_is_broken_off_without_a_word_and_events_with_an_event() -> None:
    error = Unavailable("over")
    assert AUDIO.gap + AUDIO.error_event(error, "r", spoken()) == b""
    for ask in (spoken(stream_format="sse"), heard(MODEL, FILE)):
        assert AUDIO.error_event(error, "r", ask).startswith(b"\n\ndata: {")


def test_an_ask_does_not_show_what_it_holds() -> None:
    ask = spoken(input="secret plans")
    assert "secret" not in repr(ask)
    assert "secret" not in repr(heard(MODEL, Part("prompt", b"secret plans"), FILE))
    assert msgspec.structs.asdict(ask)["characters"] == 12
