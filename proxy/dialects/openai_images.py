"""Pictures by OpenAI's API: made from a text, or from other pictures that come in a form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import msgspec

from proxy.dialects import openai_errors, openai_request
from proxy.dialects.base import Match
from proxy.dialects.delivery import credential, target
from proxy.dialects.endpoints import Endpoints
from proxy.dialects.intake import Intake
from proxy.dialects.openai_images_tap import ImagesTap
from proxy.dialects.openai_picture_form import PictureForm
from proxy.dialects.openai_pictures import expected_tokens, lane_of
from proxy.dialects.prompt import Prompt
from proxy.dialects.strict_json import boolean, integer, parse, string, text
from proxy.dialects.strip import UsageStrip
from proxy.domain.ask import Ask, Endpoint, Outgoing
from proxy.domain.errors import BadRequest, CallError
from proxy.domain.upstream import Upstream

_API = "openai.images"
_AZURE = "/openai/deployments/{model}"
_MADE, _EDITED = "/images/generations", "/images/edits"
_MOST = {"n": 64, "partial_images": 16}  # OpenAI makes ten at most, and shows three states of one


class EditAsk(Ask, frozen=True):
    """Pictures to be changed, in a form that is passed on as it came."""

    form: PictureForm | None = None


class OpenAIImages:
    """``/v1/images/generations``, ``/v1/images/edits`` and Azure's paths of them. Satisfies ``intake.Receiving``."""

    name: ClassVar[str] = "openai_images"
    family: ClassVar[str] = "openai"
    gap: ClassVar[bytes] = b"\n\n"
    endpoints: ClassVar[tuple[Endpoint, ...]] = (
        *(Endpoint(_API, prefix + _MADE, _MADE, clamps=False) for prefix in ("/v1", _AZURE)),
        *(Endpoint(_API, prefix + _EDITED, _EDITED, clamps=False, upload=True) for prefix in ("/v1", _AZURE)),
    )

    def __init__(self) -> None:
        self._paths = Endpoints((self, endpoint) for endpoint in self.endpoints)

    def match(self, method: str, path: str) -> Match | None:
        """The endpoint for a client path, or None."""
        return self._paths.match(method, path)

    def understand(self, match: Match, body: bytes, query: str, headers: Mapping[str, str]) -> Ask:  # noqa: ARG002 - Azure's api-version is the upstream's to set
        """Read a request strictly. Raises ``BadRequest``."""
        members = parse(body)
        asked = Ask(match.endpoint, openai_request.model_of(match, members), body, stream=boolean(members, "stream"))
        return _sized(
            asked,
            prompt=text(members, "prompt"),
            look=(string(members, "quality") or "", string(members, "size") or ""),
            number=integer(members, "n") or 1,
            partial=integer(members, "partial_images", least=0) or 0,
        )

    def intake(self, match: Match, headers: Mapping[str, str], length: int | None) -> PictureForm:  # noqa: ARG002 - its length tells nothing
        """Begin to read a form. Raises ``BadRequest``."""
        return PictureForm(headers)

    def received(self, match: Match, intake: Intake, query: str, headers: Mapping[str, str]) -> Ask:  # noqa: ARG002 - no query means anything here
        """Understand a form that has passed. Raises ``BadRequest``."""
        if not isinstance(intake, PictureForm):
            raise TypeError("a form is read by the intake of its dialect")
        asked = EditAsk(match.endpoint, intake.model(match.model), b"", stream=intake.flag("stream"), form=intake)
        return _sized(
            asked,
            prompt=intake.text("prompt"),
            look=(intake.text("quality"), intake.text("size")),
            number=intake.number("n") or 1,
            partial=intake.number("partial_images"),
            pictures=intake.pictures,
        )

    def outgoing(self, ask: Ask, upstream: Upstream, model: str, max_output: int | None = None) -> Outgoing:  # noqa: ARG002 - no ceiling can be written
        """The request for this upstream; the model's name is the only edit."""
        if not isinstance(ask, EditAsk) or ask.form is None:
            return openai_request.edited(ask, upstream, model, {})
        goal = target(openai_request.path_at(ask.endpoint, upstream), ask.query, upstream, model)
        cuts = ask.form.named(model, needed=not openai_request.wants_deployments(upstream))
        return Outgoing(goal, b"", ("model",) if cuts else (), cuts=cuts)

    def tap(self, ask: Ask) -> ImagesTap:
        """The tap for one answer."""
        return ImagesTap(ask)

    def strip(self, ask: Ask) -> UsageStrip:  # noqa: ARG002 - never needed: usage is always in the stream
        """A filter, as every dialect has one."""
        return UsageStrip()

    def credential(self, upstream: Upstream) -> tuple[bytes, bytes] | None:
        """The header that carries the upstream's key."""
        return credential(upstream, "authorization")

    def error_body(self, error: CallError, request_id: str) -> bytes:
        """A refusal in OpenAI's words."""
        return openai_errors.body(error, request_id)

    def error_event(self, error: CallError, request_id: str, ask: Ask | None = None) -> bytes:  # noqa: ARG002 - one form of stream
        """The event that ends a broken stream."""
        return openai_errors.chat_event(error, request_id)


def _sized(asked: Ask, *, prompt: str, look: tuple[str, str], number: int, partial: int, pictures: int = 0) -> Ask:
    """``asked`` with all that tells how much it will cost. Raises ``BadRequest``.

    Where the pictures' size is a ceiling by itself, none needs to be written into the request.
    """
    for name, said in (("n", number), ("partial_images", partial)):
        if said > _MOST[name]:  # a hold for a million pictures would refuse itself, less clearly
            raise BadRequest(f"'{name}' is at most {_MOST[name]}.", param=name, code="invalid_value")
    quality, size = (word.strip().lower() for word in look)
    expected = expected_tokens(asked.model, quality, size, partial)
    read = Prompt()
    read.text(prompt)
    read.messages, read.images = 1, pictures
    return msgspec.structs.replace(
        asked,
        endpoint=asked.endpoint if expected.most is None else msgspec.structs.replace(asked.endpoint, clamps=True),
        max_output=expected.most,
        choices=number,
        likely_output=expected.likely,
        features=read.features(),
        service_tier=lane_of(quality, size),
    )
