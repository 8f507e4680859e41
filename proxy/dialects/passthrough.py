"""Requests that are passed on as they are, by an entry of ``passthrough:`` that says how they are metered.

Nothing is read but what the entry names: the model in a JSON request, and figures in a JSON answer, both within bounds.
Files of any size pass in both directions without being kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import unquote, urlsplit

import msgspec

from proxy.config.passthrough import Entry
from proxy.dialects import openai_errors
from proxy.dialects.base import Match, Tap
from proxy.dialects.delivery import credential, target
from proxy.dialects.edit import replace_members
from proxy.dialects.intake import Intake
from proxy.dialects.passthrough_tap import CallTap, FigureTap
from proxy.dialects.strict_json import parse
from proxy.dialects.strip import UsageStrip
from proxy.domain.ask import Ask, Endpoint, Features, Outgoing
from proxy.domain.errors import BadRequest, CallError
from proxy.domain.upstream import Upstream

API = "passthrough"
_MEMBER = ("model",)
HEADERS = frozenset({"openai-beta"})  # OpenAI's switch for paths that are not final
_KEYS = frozenset({"key", "api_key", "api-key", "apikey", "x-api-key", "access_token", "authorization"})
_KEY_HEADERS = {"anthropic": "x-api-key", "gemini": "x-goog-api-key"}  # by family of the upstream


class PassThrough:
    """One entry. Satisfies ``intake.Receiving``; see ``base.Dialect``."""

    name: ClassVar[str] = "passthrough"
    family: ClassVar[str] = "passthrough"
    gap: ClassVar[bytes] = b""
    endpoints: ClassVar[tuple[Endpoint, ...]] = ()  # the configuration's, not ours

    def __init__(self, entry: Entry) -> None:
        self.entry = entry

    def match(self, method: str, path: str) -> Match | None:
        """The endpoint for a client path, labelled with the entry's pattern, or None."""
        pattern = self.entry.pattern_for(method, path)
        if pattern is None:
            return None
        return Match(
            self,
            Endpoint(
                API,
                pattern,
                upstream_path=path,
                method=method,
                generates=False,
                upload=method != "GET" and not self.entry.model,
                piecewise=True,
                headers=HEADERS,
            ),
        )

    def intake(self, match: Match, headers: Mapping[str, str], length: int | None) -> AnyBody:  # noqa: ARG002 - whatever comes passes
        """Begin to pass a body."""
        return AnyBody(length)

    def received(self, match: Match, intake: Intake, query: str, headers: Mapping[str, str]) -> Ask:  # noqa: ARG002 - nothing in them is read
        """The ask for a body that nobody reads."""
        size = intake.length if isinstance(intake, AnyBody) else None
        return self._ask(match, b"", query, Features(media_bytes=size or 0) if self.entry.usage else Features())

    def understand(self, match: Match, body: bytes, query: str, headers: Mapping[str, str]) -> Ask:  # noqa: ARG002 - nothing in them is read
        """Find the model where the entry says. Raises ``BadRequest``."""
        if not self.entry.model:
            return self._ask(match, body, query, Features())
        value: Any = parse(body)
        for step in self.entry.model:
            value = value.get(step) if type(value) is dict else None
        if type(value) is not str or not value:
            where = ".".join(self.entry.model)
            raise BadRequest(f"'{where}' must be a non-empty string.", param=where, code="invalid_type")
        text = body.decode()
        return self._ask(match, body, query, Features(texts=(text,), text_bytes=len(body)), value)

    def _ask(self, match: Match, body: bytes, query: str, features: Features, model: str = "") -> Ask:
        if self.entry.usage:  # what is counted is the provider's, and no bytes of ours bound it
            features = msgspec.structs.replace(features, unbounded="usage")
        return Ask(match.endpoint, model or self.entry.name, body, features=features, query=_kept(query))

    def outgoing(self, ask: Ask, upstream: Upstream, model: str, max_output: int | None = None) -> Outgoing:  # noqa: ARG002 - nothing is edited
        """The request as it came, but for a model with another name there, where that is a member of its own.

        Of a base URL that ends in the path's first segment, that is not said twice.
        """
        path, own = ask.endpoint.upstream_path, {name for name, _ in upstream.query}
        last = urlsplit(upstream.base_url).path.rstrip("/").rpartition("/")[2]
        if last and path.startswith(f"/{last}/"):
            path = path[len(last) + 1 :]
        query = "&".join([part for part in ask.query.split("&") if part and unquote(part.partition("=")[0]) not in own])
        goal = target(path, query, upstream)
        if self.entry.model != _MEMBER or model == ask.model:
            return Outgoing(goal, ask.body)
        return Outgoing(goal, replace_members(ask.body, {"model": msgspec.json.encode(model)}), _MEMBER)

    def tap(self, ask: Ask) -> Tap:  # noqa: ARG002 - the entry says what to look for
        """The tap for one answer."""
        return FigureTap(self.entry.usage) if self.entry.usage else CallTap()

    def strip(self, ask: Ask) -> UsageStrip:  # noqa: ARG002 - never needed: nothing was asked for
        """A filter that finds nothing to drop."""
        return UsageStrip()

    def credential(self, upstream: Upstream) -> tuple[bytes, bytes] | None:
        """The header that carries the upstream's key, as its family has it."""
        return credential(upstream, _KEY_HEADERS.get(upstream.dialect, "authorization"))

    def error_body(self, error: CallError, request_id: str) -> bytes:
        """A refusal in OpenAI's words."""
        return openai_errors.body(error, request_id)

    def error_event(self, error: CallError, request_id: str, ask: Ask | None = None) -> bytes:  # noqa: ARG002 - nobody knows what was being sent
        """Nothing: a file that breaks off must not gain words."""
        return b""


class AnyBody:
    """Satisfies ``intake.Intake``: reads nothing."""

    known = ready = True

    def __init__(self, length: int | None) -> None:
        self.length = length

    def feed(self, data: bytes) -> None:
        """Let it pass."""

    def finish(self) -> None:
        """It was right, whatever it was."""


def _kept(query: str) -> str:
    """The caller's query without keys, however they are spelled."""
    return "&".join([part for part in query.split("&") if unquote(part.partition("=")[0]).lower() not in _KEYS])
