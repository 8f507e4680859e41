"""Sound in OpenAI's API: speech from text, and text from files that are passed on without being kept.

``/v1/audio/speech``, ``/v1/audio/transcriptions``, ``/v1/audio/translations`` and Azure's paths of them. A file may
stand before the field that names the model: then it waits on disk until the form has been read.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

from proxy.dialects import openai_errors, openai_request
from proxy.dialects.base import Match, Tap
from proxy.dialects.delivery import credential, target
from proxy.dialects.endpoints import Endpoints
from proxy.dialects.intake import Intake
from proxy.dialects.openai_audio_form import AudioForm
from proxy.dialects.openai_audio_taps import HEARD_TOKENS_PER_S, SpeechTap, TranscriptTap
from proxy.dialects.strict_json import parse, string, text
from proxy.dialects.strip import UsageStrip
from proxy.domain.ask import Ask, Endpoint, Features, Outgoing
from proxy.domain.errors import CallError
from proxy.domain.upstream import Upstream

_HEARD, _SPOKEN = "openai.audio", "openai.speech"
_FILES = ("transcriptions", "translations")
_AZURE = "/openai/deployments/{model}"
_BYTES_PER_TOKEN = 40  # as ``metering.media`` takes sound of an unknown kind
_TOKENS_SAID_PER_S = 4  # of text: a fast speaker
_TOKENS_PER_CHARACTER = 1.5  # of sound: fifteen characters a second, spoken slowly
_TRUE = frozenset({"true", "1"})


class HeardAsk(Ask, frozen=True):
    """A file to be written down. ``form`` goes on being read while the file passes."""

    form: AudioForm | None = None


class SpokenAsk(Ask, frozen=True):
    """A text to be spoken: so many characters, as ``form`` (mp3, wav…), which a ``stream`` carries in events."""

    characters: int = 0
    form: str = "mp3"


class OpenAIAudio:
    """Satisfies ``intake.Receiving``; see ``base.Dialect``."""

    name: ClassVar[str] = "openai_audio"
    family: ClassVar[str] = "openai"
    gap: ClassVar[bytes] = b""  # sound has no events; those that carry it are closed by ``error_event``
    endpoints: ClassVar[tuple[Endpoint, ...]] = (
        *(
            Endpoint(_HEARD, f"{prefix}/audio/{kind}", f"/audio/{kind}", clamps=False, upload=True)
            for prefix in ("/v1", _AZURE)
            for kind in _FILES
        ),
        *(
            Endpoint(_SPOKEN, f"{prefix}/audio/speech", "/audio/speech", clamps=False, piecewise=True)
            for prefix in ("/v1", _AZURE)
        ),
    )  # fmt: skip

    def __init__(self) -> None:
        self._paths = Endpoints((self, endpoint) for endpoint in self.endpoints)

    def match(self, method: str, path: str) -> Match | None:
        """The endpoint for a client path, or None."""
        return self._paths.match(method, path)

    def intake(self, match: Match, headers: Mapping[str, str], length: int | None) -> AudioForm:  # noqa: ARG002 - one form for both paths
        """Begin to read a form. Raises ``BadRequest``."""
        return AudioForm(headers, length)

    def received(self, match: Match, intake: Intake, query: str, headers: Mapping[str, str]) -> Ask:  # noqa: ARG002 - no query means anything here
        """Understand a form as far as it has been read. Raises ``BadRequest``."""
        if not isinstance(intake, AudioForm):
            raise TypeError("a form is read by the intake of its dialect")
        prompt, seconds = intake.text("prompt"), intake.expected_s()
        return HeardAsk(
            endpoint=match.endpoint,
            model=intake.model(match.model),
            body=b"",
            stream=intake.text("stream").lower() in _TRUE,
            features=Features(
                texts=(prompt,) if prompt else (),
                text_bytes=len(prompt.encode()),
                media_bytes=max(1, int(seconds * HEARD_TOKENS_PER_S * _BYTES_PER_TOKEN)),
            ),
            likely_output=math.ceil(seconds * _TOKENS_SAID_PER_S),
            session=openai_request.session_of({}, headers),
            form=intake,
        )

    def understand(self, match: Match, body: bytes, query: str, headers: Mapping[str, str]) -> Ask:  # noqa: ARG002 - no query means anything here
        """Read a text to be spoken strictly. Raises ``BadRequest``."""
        members = parse(body)
        spoken, told = text(members, "input"), string(members, "instructions") or ""
        form, events = string(members, "response_format") or "mp3", string(members, "stream_format") == "sse"
        return SpokenAsk(
            endpoint=match.endpoint,
            model=openai_request.model_of(match, members),
            body=body,
            stream=events,
            likely_output=math.ceil(len(spoken) * _TOKENS_PER_CHARACTER),
            features=Features(texts=(spoken, told), text_bytes=len(spoken.encode()) + len(told.encode())),
            session=openai_request.session_of(members, headers),
            characters=len(spoken),
            form=form,
        )

    def outgoing(self, ask: Ask, upstream: Upstream, model: str, max_output: int | None = None) -> Outgoing:  # noqa: ARG002 - no ceiling can be written
        """The request for this upstream; in a form, the model's name is the only edit."""
        if not isinstance(ask, HeardAsk) or ask.form is None:
            return openai_request.edited(ask, upstream, model, {})
        goal = target(openai_request.path_at(ask.endpoint, upstream), ask.query, upstream, model)
        cuts = ask.form.named(model, needed=not openai_request.wants_deployments(upstream))
        return Outgoing(goal, b"", ("model",) if cuts else (), cuts=cuts)

    def tap(self, ask: Ask) -> Tap:
        """The tap for one answer."""
        if isinstance(ask, SpokenAsk):
            return SpeechTap(ask.characters, ask.form)
        if isinstance(ask, HeardAsk) and ask.form is not None:
            return TranscriptTap(ask.form.sound)
        raise TypeError("an ask is tapped by the dialect that understood it")

    def strip(self, ask: Ask) -> UsageStrip:  # noqa: ARG002 - never needed: no usage is asked for
        """A filter that finds nothing to drop."""
        return UsageStrip()

    def credential(self, upstream: Upstream) -> tuple[bytes, bytes] | None:
        """The header that carries the upstream's key."""
        return credential(upstream, "authorization")

    def error_body(self, error: CallError, request_id: str) -> bytes:
        """A refusal in OpenAI's words."""
        return openai_errors.body(error, request_id)

    def error_event(self, error: CallError, request_id: str, ask: Ask | None = None) -> bytes:
        """The event that ends a broken stream of events; bare sound is only broken off."""
        if isinstance(ask, SpokenAsk) and not ask.stream:
            return b""
        return b"\n\n" + openai_errors.chat_event(error, request_id)
