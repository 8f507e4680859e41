"""Chat completions and completions in OpenAI's format, as OpenAI, Azure, vLLM, llama.cpp and many others speak it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import jiter
import msgspec

from proxy.dialects import openai_errors, openai_request
from proxy.dialects.base import Match
from proxy.dialects.delivery import credential
from proxy.dialects.edit import Edit
from proxy.dialects.endpoints import Endpoints
from proxy.dialects.openai_chat_tap import ChatTap
from proxy.dialects.openai_features import Reading
from proxy.dialects.strict_json import boolean, integer, mapping, parse, string
from proxy.dialects.strip import UsageStrip
from proxy.domain.ask import Ask, Endpoint, Outgoing
from proxy.domain.errors import CallError
from proxy.domain.upstream import Upstream

_CHAT = "/chat/completions"
_CEILINGS = ("max_completion_tokens", "max_tokens")
_OLD_CEILING_ONLY = frozenset(("mistral", "deepseek", "perplexity"))  # providers that do not know the newer name
_SEARCHES = ("web_search_options", "search_parameters", "plugins")  # OpenAI, xAI, OpenRouter
_AT_CALLER = ("function", "custom")  # tools that the caller runs
_ASKED = b'{"include_usage":true}'


class OpenAIChat:
    """``/v1/chat/completions``, ``/v1/completions`` and Azure's paths of both; see ``base.Dialect``."""

    name: ClassVar[str] = "openai_chat"
    family: ClassVar[str] = "openai"
    gap: ClassVar[bytes] = b"\n\n"
    endpoints: ClassVar[tuple[Endpoint, ...]] = (
        Endpoint("openai.chat", "/v1/chat/completions", _CHAT),
        Endpoint("openai.chat", "/v1/completions", "/completions"),
        Endpoint("openai.chat", "/openai/deployments/{model}/chat/completions", _CHAT),
        Endpoint("openai.chat", "/openai/deployments/{model}/completions", "/completions"),
    )

    def __init__(self) -> None:
        self._paths = Endpoints((self, endpoint) for endpoint in self.endpoints)

    def match(self, method: str, path: str) -> Match | None:
        """The endpoint for a client path, or None."""
        return self._paths.match(method, path)

    def understand(self, match: Match, body: bytes, query: str, headers: Mapping[str, str]) -> Ask:  # noqa: ARG002 - Azure's api-version is the upstream's to set
        """Read a request strictly. Raises ``BadRequest``."""
        members = parse(body)
        reading = Reading()
        chat = match.endpoint.upstream_path == _CHAT
        prompts = _chat(reading, members) if chat else _completion(reading, members)
        ceilings = [integer(members, name, least=0) for name in _CEILINGS]
        best_of = None if chat else integer(members, "best_of")
        stream = boolean(members, "stream")
        usage_asked = boolean(mapping(members, "stream_options"), "include_usage")
        return Ask(
            endpoint=match.endpoint,
            model=openai_request.model_of(match, members),
            body=body,
            stream=stream,
            max_output=min((ceiling for ceiling in ceilings if ceiling is not None), default=None),
            choices=max(integer(members, "n") or 1, best_of or 1) * prompts,
            features=reading.features(),
            usage_asked=usage_asked or not stream,
            tools=reading.names,
            service_tier=string(members, "service_tier"),
            session=openai_request.session_of(members, headers),
        )

    def outgoing(self, ask: Ask, upstream: Upstream, model: str, max_output: int | None = None) -> Outgoing:
        """The request for this upstream, asking a stream for its usage where the caller did not."""
        edits: dict[str, Edit] = {}
        if max_output is not None:
            if ask.max_output is None:
                old = ask.endpoint.upstream_path != _CHAT or upstream.prices_from in _OLD_CEILING_ONLY
                edits["max_tokens" if old else "max_completion_tokens"] = b"%d" % max_output
            elif ask.max_output > max_output:
                edits |= dict.fromkeys(_CEILINGS, openai_request.at_most(max_output))
        inject = not ask.usage_asked and upstream.stream_usage == "inject"
        if inject:
            edits["stream_options"] = _asking_usage
        out = openai_request.edited(ask, upstream, model, edits)
        return msgspec.structs.replace(out, strip_usage=True) if inject else out

    def tap(self, ask: Ask) -> ChatTap:
        """The tap for one answer."""
        return ChatTap(ask.choices)

    def strip(self, ask: Ask) -> UsageStrip:  # noqa: ARG002 - one filter serves all
        """The filter for a stream whose usage chunk we asked for ourselves."""
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


def _chat(reading: Reading, members: dict[str, Any]) -> int:
    reading.chat(members.get("messages"))
    reading.offers(members.get("tools"), members.get("functions"), members.get("response_format"))
    reading.refers(members, _SEARCHES)
    reading.served(members.get("tools"), _AT_CALLER)
    return 1


def _completion(reading: Reading, members: dict[str, Any]) -> int:
    """How many prompts there are: each is completed on its own."""
    prompts = reading.prompts(members, "prompt")
    reading.strings(members, ("suffix",))
    return prompts


def _asking_usage(old: bytes | None) -> bytes:
    """The caller's ``stream_options`` with usage asked for."""
    options = jiter.from_json(old) if old is not None else None
    return msgspec.json.encode(options | {"include_usage": True}) if options else _ASKED
