"""Whoever leaves while an answer is passed on to them, whoever reads on has missed none of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Sequence
from contextlib import suppress

import jiter
import pytest

from proxy.domain.errors import ClientGone
from proxy.ports import Answer, Headers
from proxy.steps import relay
from proxy.steps.attempt import Attempt
from proxy.steps.recording import Recording, Sought
from tests.e2e.answers import openai_stream
from tests.support.cached import a_key
from tests.support.paper_answers import PaperLead
from tests.support.plans import NOON, Recorder, make_plan, make_visit, make_world

EVENTS = openai_stream()
PIECES = [b"".join(EVENTS[:2]), *EVENTS[2:]]  # with its first word in the first


class Told:
    """A stream of these pieces. Satisfies ``ports.Answer``."""

    status, coding = 200, b""
    headers: Headers = ((b"content-type", b"text/event-stream"),)

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self._left = list(pieces)

    async def read(self) -> bytes:
        return b"".join(self._left)

    async def piece(self) -> bytes:
        return self._left.pop(0) if self._left else b""

    def arrived(self, most: int) -> bytes:
        return b"".join(self._left)[:most]

    def close(self) -> None: ...


class Leaving(Recorder):
    """A caller who leaves when told something for the ``patience``-th time."""

    def __init__(self, patience: int) -> None:
        super().__init__()
        self._patience = patience

    def _say(self, what: str, value: object) -> None:
        self._patience -= 1
        if self._patience < 0:
            raise ClientGone
        super()._say(what, value)


@pytest.mark.parametrize("patience", range(len(PIECES) + 2))
async def test_a_caller_who_leaves_at_any_moment_leaves_the_whole_answer_to_those_who_wait(patience: int) -> None:
    begun, lead = list[Awaitable[None]](), PaperLead(wanted=True)
    world = dataclasses.replace(make_world(), later=begun.append)
    sought = Sought(a_key(), "openai.chat", (), (), "call-1", 60.0, is_shadow=False)
    recording = Recording(Recorder(), lead, sought, lambda: float(NOON))
    visit, plan = make_visit(Leaving(patience)), make_plan()
    permit = world.permits.take([plan.upstream])
    assert permit is not None
    attempt = Attempt(world, visit, plan, permit, recording=recording)
    answer: Answer = Told(PIECES)
    attempt._asking.is_sent = True
    with suppress(ClientGone):
        async with attempt:
            await relay.stream(visit, plan, attempt, answer, None)
    while begun:
        await begun.pop(0)
    (entry,) = lead.deposited
    assert jiter.from_json(entry.body)["choices"][0]["message"]["content"] == "Hello there"
