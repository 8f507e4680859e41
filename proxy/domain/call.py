"""A call: one request of a caller, its name, its time and whom it is booked to."""

from __future__ import annotations

import msgspec

from proxy.domain.principal import Principal


class Attribution(msgspec.Struct, frozen=True):
    """To what the call's cost belongs, and how that was said (``via``: key, path or header)."""

    team: str
    project: str | None = None
    ref: str | None = None
    session: str | None = None
    tags: tuple[tuple[str, str], ...] = ()
    via: str = "key"


class Call(msgspec.Struct, frozen=True):
    """What is known of a call once it is identified and attributed; kept by every row it leaves."""

    request_id: str  # our own UUIDv7
    at: float  # unix seconds when the request's head was complete
    principal: Principal
    attribution: Attribution
    dialect: str  # "openai_chat"
    endpoint: str  # the client's path without attribution prefix, query and model: "/v1/chat/completions"
    generation: str
    client_request_id: str | None = None
