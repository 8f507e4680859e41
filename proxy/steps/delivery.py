"""How an answer is passed on: piece by piece, or whole."""

from __future__ import annotations

from proxy.ports import Answer
from proxy.steps.visit import Plan

STREAMS = (
    b"text/event-stream",
    b"application/x-ndjson",
    b"application/stream+json",
    b"application/vnd.amazon.eventstream",
)


def is_stream(plan: Plan, answer: Answer) -> bool:
    """True when the answer comes in pieces worth passing at once: by its type, or because a stream was asked for."""
    if answer.status != 200:  # noqa: PLR2004 - errors come whole, and pass in the upstream's own words
        return False
    if plan.ask.stream or plan.ask.endpoint.piecewise:
        return True
    for name, value in answer.headers:
        if name == b"content-type":
            return value.startswith(STREAMS)
    return False
