"""What answers about sound used: transcripts in five forms, and speech as events or as bare sound.

Sources: OpenAI's API reference, "Audio", and the types of openai-python (``Transcription``, ``TranscriptionVerbose``,
``TranscriptionTextDoneEvent``, ``SpeechAudioDoneEvent``). Where nothing is reported, the sound's own length is taken.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import msgspec

from proxy.dialects.openai_audio_length import SoundLength
from proxy.dialects.reported import count, named, part
from proxy.dialects.stream_tap import StreamTap, parsed
from proxy.domain.usage import Usage, UsageSource

# OpenAI, "Managing costs" of the Realtime API: a token is 100 ms of a user's sound and 50 ms of a model's.
HEARD_TOKENS_PER_S, SPOKEN_TOKENS_PER_S = 10, 20
# OpenAI, "Text to speech": pcm is 24 kHz, 16 bits, one channel, and has no header; the packed forms are typical.
_BYTES_PER_S = {"pcm": 48_000, "wav": 48_000, "flac": 24_000, "mp3": 16_000, "aac": 16_000, "opus": 8_000}
_LONGEST_S = 10**7
_CUE = re.compile(r"-->\s*(?:(\d{1,4}):)?([0-5]?\d):([0-5]?\d)[.,](\d{1,3})")  # SubRip's comma, WebVTT's point
_DRESS = re.compile(r"(?m)^(?:\d+|.*-->.*|WEBVTT.*)$")  # of subtitles, around what was said
_EVENTS = (b"data:", b"event:", b":", b"{")
_WORDS = (b"text/", b"application/json")


class TranscriptTap(StreamTap):
    """Reads a transcription or translation. ``heard`` is the length of the file, known when it has passed."""

    markers: ClassVar[tuple[bytes, ...]] = (b"transcript.text.done", b'"usage"', b"[DONE]")

    def __init__(self, heard: SoundLength) -> None:
        """Nothing was answered yet."""
        super().__init__()
        self._heard = heard

    def start(self) -> None:
        """Forget what earlier readings gathered."""
        self._told: dict[str, Any] = {}

    def event(self, obj: dict[str, Any]) -> None:
        """Take a body, or an event of a stream: the last with usage is the whole one."""
        if obj.get("type") in (None, "transcript.text.done") or "usage" in obj:
            self._told = obj

    def result(self) -> Usage:
        """What was reported; else how long the sound was, with tokens left to be estimated."""
        told = self._told
        complete = not told.get("error") and (self.whole or told.get("type") == "transcript.text.done")
        usage, model = part(told, "usage"), named(told, "model")
        fields = _figures(usage)
        if not fields and (lasted := _seconds(told, "duration")) is not None:  # `verbose_json`
            fields = {"input": 0, "output": 0, "seconds": math.ceil(lasted)}
        if fields:
            source = UsageSource.REPORTED if complete else UsageSource.PARTIAL
            return Usage(**fields, model=model, complete=complete, usage_source=source)
        seconds = math.ceil(self._estimated())
        tokens = seconds * HEARD_TOKENS_PER_S
        source = UsageSource.ESTIMATED
        return Usage(
            input=tokens, audio_input=tokens, seconds=seconds, model=model, complete=complete, usage_source=source
        )

    def relayed_text(self) -> str:
        """The transcript, however it is dressed."""
        return _DRESS.sub("", self._plain()) if self._is_plain() else super().relayed_text()

    def texts(self, obj: dict[str, Any]) -> Iterator[str]:
        """A delta of a stream, or the text of a body; the last event says all of it again."""
        text = obj.get("delta") if "delta" in obj else obj.get("text") if "type" not in obj else None
        if type(text) is str:
            yield text

    def _plain(self) -> str:
        return self._kept().decode("utf-8", "replace")

    def _is_plain(self) -> bool:
        """Whether the answer is text or subtitles: neither JSON nor events."""
        data = self._kept()
        return parsed(data) is None and not data.startswith(_EVENTS)

    def _estimated(self) -> float:
        """Seconds: the file's header knows, else the last subtitle, else the file's size."""
        told = self._heard.told_s()
        if told is None and self._is_plain() and (cues := _CUE.findall(self._plain())):
            hours, minutes, seconds, rest = cues[-1]
            told = int(hours or 0) * 3600 + int(minutes) * 60 + int(seconds) + int(rest.ljust(3, "0")) / 1000
        return self._heard.seconds() if told is None else told


class SpeechTap:
    """Reads spoken text; see ``base.Tap``. Bare sound is measured and dropped, events are read like any stream."""

    def __init__(self, characters: int, form: str) -> None:
        """``characters`` were asked to be spoken, as ``form`` (``mp3``, ``pcm``…)."""
        self._characters = characters
        self._form = form
        self._sound = SoundLength()
        self._events: _SpeechEvents | None = None

    def head(self, headers: Sequence[tuple[bytes, bytes]]) -> None:
        """Learn whether sound comes, or events that carry it; an error is read like those."""
        kind = next((value for name, value in headers if name == b"content-type"), b"")
        if kind.startswith(_WORDS):
            self._events = _SpeechEvents()

    def feed(self, data: bytes) -> None:
        """Take a piece."""
        if self._events is None:
            self._sound.feed(data)
        else:
            self._events.feed(data)

    def body(self, data: bytes) -> None:
        """Take a whole answer: an error, or a short sound."""
        self.feed(data)

    def finish(self) -> Usage:
        """What was reported; else the characters, which are the request's, and the tokens of so many seconds."""
        told = self._events.finish() if self._events else Usage()
        if told.usage_source is not UsageSource.NONE:
            return msgspec.structs.replace(told, characters=self._characters)
        tokens = self._tokens()
        return Usage(
            output=tokens,
            audio_output=tokens,
            characters=self._characters,
            complete=self._events is None,
            usage_source=UsageSource.ESTIMATED,
        )

    def output_so_far(self) -> int | None:
        """Tokens of the sound that has passed."""
        return self._tokens()

    def relayed_text(self) -> str:
        """Nothing: sound is not text."""
        return ""

    def _tokens(self) -> int:
        per_s = _BYTES_PER_S.get(self._form, _BYTES_PER_S["mp3"])
        if self._events is not None:
            seconds = self._events.size * 3 / 4 / per_s  # base64
        else:
            told = None if self._form == "pcm" else self._sound.told_s()
            seconds = self._sound.size / per_s if told is None else told
        return math.ceil(seconds * SPOKEN_TOKENS_PER_S)


class _SpeechEvents(StreamTap):
    """Speech as ``speech.audio.delta`` events and a last one with usage."""

    markers: ClassVar[tuple[bytes, ...]] = (b"speech.audio.done", b'"usage"')

    def __init__(self) -> None:
        super().__init__()
        self.size = 0

    def feed(self, data: bytes) -> None:
        """Keep one piece."""
        super().feed(data)
        self.size += len(data)

    def start(self) -> None:
        """Forget what earlier readings gathered."""
        self._told: dict[str, Any] = {}

    def event(self, obj: dict[str, Any]) -> None:
        """Take an event."""
        if "usage" in obj:
            self._told = obj

    def result(self) -> Usage:
        """What the last event reported."""
        fields = _figures(part(self._told, "usage"))
        if not fields:
            return Usage()
        return Usage(**fields, complete=True, usage_source=UsageSource.REPORTED)


def _figures(usage: dict[str, Any]) -> dict[str, Any]:
    """``Usage`` fields of tokens or of a duration; empty when neither is told.

    A transcript's details are ``input_token_details``, without the plural of everything else; Mistral has chat's names.
    """
    given, made = _count(usage, "input_tokens", "prompt_tokens"), _count(usage, "output_tokens", "completion_tokens")
    seconds = _seconds(usage, "seconds")
    seconds = _seconds(usage, "prompt_audio_seconds") if seconds is None else seconds
    if given is None and made is None and seconds is None:
        return {}
    fields: dict[str, Any] = {"input": given or 0, "output": made or 0}
    if seconds is not None:
        fields["seconds"] = seconds
    if (total := count(usage, "total_tokens")) is not None:
        fields["total_reported"] = total
    details = part(usage, "input_token_details") or part(usage, "input_tokens_details")
    if (audio := count(details, "audio_tokens")) is not None:
        fields["audio_input"] = audio
    return fields


def _count(usage: dict[str, Any], *names: str) -> int | None:
    return next((found for name in names if (found := count(usage, name)) is not None), None)


def _seconds(members: dict[str, Any], name: str) -> float | None:
    value = members.get(name)
    usable = isinstance(value, int | float) and type(value) is not bool and 0 <= value <= _LONGEST_S
    return value if usable else None
