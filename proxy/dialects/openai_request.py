"""What the requests of OpenAI's family share: session, target and the edits of ``model`` and ceilings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from proxy.dialects.base import Match
from proxy.dialects.delivery import target
from proxy.dialects.edit import Edit, replace_members
from proxy.dialects.reported import part
from proxy.dialects.strict_json import exactly_spelled, string, text
from proxy.domain.ask import Ask, Endpoint, Outgoing
from proxy.domain.upstream import Upstream

_SESSION_HEADERS = (
    "session_id",
    "session-id",
    "x-session-id",
)  # Codex writes either of the first two, opencode the last
_LONGEST_SESSION = 128
PATH_MODEL = "{model}"


def model_of(match: Match, members: dict[str, Any]) -> str:
    """The model asked for: that of the path where it carries one. Raises ``BadRequest``."""
    exactly_spelled(members)
    if match.model is None:
        return text(members, "model")
    string(members, "model")
    return match.model


def session_of(members: dict[str, Any], headers: Mapping[str, str]) -> str | None:
    """What an agent calls its session; None when it says nothing usable."""
    said: Any = next((name for header in _SESSION_HEADERS if (name := headers.get(header))), None)
    if said is None and "client_metadata" in members:
        said = part(members, "client_metadata").get("session_id")
    if said is None:
        said = members.get("prompt_cache_key")
    usable = type(said) is str and 0 < len(said) <= _LONGEST_SESSION and said.isprintable()
    return said if usable else None


def edited(ask: Ask, upstream: Upstream, model: str, members: dict[str, Edit]) -> Outgoing:
    """The request with the model's name for this upstream and the edits of ``members``.

    The body is the caller's own object when nothing in it changes; ``edits`` names what did.
    """
    endpoint = ask.endpoint
    path = endpoint.upstream_path
    if endpoint.method == "POST":
        in_path = wants_deployments(upstream)
        path = path_at(endpoint, upstream)
        if model != ask.model or PATH_MODEL in endpoint.path:
            members = {"model": _named(model, needed=not in_path)} | members
    goal = target(path, ask.query, upstream, model)
    if not members:
        return Outgoing(goal, ask.body)
    noted: list[str] = []
    body = replace_members(ask.body, {name: _noting(name, edit, noted) for name, edit in members.items()})
    return Outgoing(goal, body, tuple(noted))


def path_at(endpoint: Endpoint, upstream: Upstream) -> str:
    """The endpoint's path below the upstream's base URL, with ``{model}`` in it where that is where it goes."""
    path = endpoint.upstream_path
    return f"{_deployments(upstream)}/{PATH_MODEL}{path}" if wants_deployments(upstream) else path


def wants_deployments(upstream: Upstream) -> bool:
    """Whether the upstream is an Azure resource of the older form: dated by ``api-version``, the model in the path."""
    path = urlsplit(upstream.base_url).path.rstrip("/")
    dated = any(name == "api-version" for name, _ in upstream.query)
    return dated and not path.endswith("/v1") and "/deployments/" not in path


def _deployments(upstream: Upstream) -> str:
    inside = urlsplit(upstream.base_url).path.rstrip("/").endswith("/openai")
    return "/deployments" if inside else "/openai/deployments"


def _named(model: str, *, needed: bool) -> Edit:
    """An edit that writes the model's name; into a body without one only where the path does not carry it."""
    name = msgspec.json.encode(model)
    return lambda old: None if old is None and not needed else name


def at_most(ceiling: int) -> Edit:
    """An edit that lowers a ceiling which is there, and adds none."""

    def lowered(old: bytes | None) -> bytes | None:
        if old is None or old == b"null" or int(old) <= ceiling:
            return None
        return b"%d" % ceiling

    return lowered


def _noting(name: str, edit: Edit, noted: list[str]) -> Edit:
    """``edit``, which also notes its name when it changes something."""

    def applied(old: bytes | None) -> bytes | None:
        new = edit(old) if callable(edit) else edit
        if new is not None and new != old:
            noted.append(name)
        return new

    return applied
