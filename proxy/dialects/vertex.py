"""Google's models on Vertex AI: Gemini's bodies under Vertex's paths, and ``predict`` of embeddings and pictures.

A caller's path names a project and a place, which are ignored: whose they are, and in which version of the API, is said
by the upstream's base URL, ``https://REGION-aiplatform.googleapis.com/v1/projects/P/locations/REGION``.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar

import msgspec

from proxy.dialects import strict_json, vertex_paths
from proxy.dialects.base import Match, Tap
from proxy.dialects.delivery import credential, target
from proxy.dialects.edit import replace_members
from proxy.dialects.gemini import MODEL, Gemini
from proxy.dialects.prompt import Prompt
from proxy.dialects.reported import part, parts
from proxy.dialects.vertex_tap import PredictTap
from proxy.domain.ask import Ask, Endpoint, Features, Outgoing
from proxy.domain.errors import BadRequest
from proxy.domain.upstream import Upstream

_PREDICT = "vertex.predict"
_ENDPOINTS = vertex_paths.endpoints(
    "google",
    {  # operation -> api, generates, metered
        "generateContent": ("gemini.generate", True, True),
        "streamGenerateContent": ("gemini.generate", True, True),
        "countTokens": ("gemini.generate", False, False),
        "embedContent": ("gemini.embed", False, True),
        "predict": (_PREDICT, False, True),
    },
)
_FILES = ("image", "video", "audio")


class Vertex(Gemini):
    """See ``base.Dialect``."""

    name: ClassVar[str] = "vertex"
    family: ClassVar[str] = "vertex"
    endpoints: ClassVar[tuple[Endpoint, ...]] = tuple(_ENDPOINTS.values())

    def match(self, method: str, path: str) -> Match | None:
        """Return the endpoint for a client path."""
        found = vertex_paths.find(method, path, _ENDPOINTS)
        return Match(self, *found) if found else None

    def understand(self, match: Match, body: bytes, query: str, headers: Mapping[str, str]) -> Ask:
        """Read a request strictly. Raises ``BadRequest``."""
        if match.endpoint.api != _PREDICT:
            return super().understand(match, body, query, headers)
        model = match.model or ""
        if not MODEL.fullmatch(model):
            raise BadRequest(
                "The path must name a model of letters, digits, '.', '-', '_' or '@'.", code="invalid_model"
            )
        members = strict_json.parse(body)
        if type(members.get("instances")) is not list:
            raise BadRequest("'instances' must be a list.", param="instances", code="invalid_type")
        asked = strict_json.integer(strict_json.mapping(members, "parameters"), "sampleCount")
        return Ask(match.endpoint, model, body, choices=asked or 1, features=_features(members))

    def outgoing(self, ask: Ask, upstream: Upstream, model: str, max_output: int | None = None) -> Outgoing:
        """Return the request for this upstream; a body that repeats the model gets it without the caller's project."""
        if ask.endpoint.api == _PREDICT:
            return Outgoing(target(ask.endpoint.upstream_path, "", upstream, model), ask.body)
        sent = super().outgoing(ask, upstream, model, max_output)
        if b'"model"' not in sent.body:
            return sent
        body = replace_members(sent.body, {"model": partial(_published, model)})
        edits = sent.edits if body is ask.body or "model" in sent.edits else (*sent.edits, "model")
        return msgspec.structs.replace(sent, body=body, edits=edits)

    def tap(self, ask: Ask) -> Tap:
        """Return a fresh tap."""
        return PredictTap() if ask.endpoint.api == _PREDICT else super().tap(ask)

    def credential(self, upstream: Upstream) -> tuple[bytes, bytes] | None:
        """Return the header that carries the upstream's key: an access token."""
        return credential(upstream, "authorization")


def _published(model: str, old: bytes | None) -> bytes | None:
    """Write the model where a body names it (``countTokens``)."""
    return None if old is None else msgspec.json.encode(f"publishers/google/models/{model}")


def _features(members: dict[str, Any]) -> Features:
    """Walk the instances: texts to embed, prompts of pictures, and the files beside them."""
    prompt = Prompt()
    for instance in parts(members, "instances"):
        prompt.messages += 1
        for name in ("title", "content", "prompt", "text"):
            prompt.text(instance.get(name))
        for name in _FILES:
            file = part(instance, name)
            prompt.refers(file, ("gcsUri",))
            if file:
                prompt.media(name, file.get("bytesBase64Encoded"))
        references = instance.get("referenceImages")
        for reference in references if type(references) is list else ():
            if type(reference) is dict:
                prompt.media("image", part(reference, "referenceImage").get("bytesBase64Encoded"))
    return prompt.features()
