"""What passes of an answer becomes an entry, or whoever waits is told at once that it does not."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.domain.reuse import MOST_BYTES, CacheKey
from proxy.domain.usage import Usage, UsageSource
from proxy.ports import Headers
from proxy.steps.recording import Recording, Sought
from tests.e2e.answers import OPENAI_CHAT, openai_stream
from tests.support.paper_answers import PaperLead
from tests.support.plans import NOON, Recorder

KEY = CacheKey("acme", "team:growth", "ab" * 16, b"d" * 32, b"e" * 32)
USED = Usage(input=12, output=3, model="gpt-5.1-2026-08-01", complete=True, usage_source=UsageSource.REPORTED)
BODY = json.dumps(OPENAI_CHAT).encode()


@dataclass
class Head:
    """An answer of which only the head matters. Satisfies ``ports.Answer``."""

    status: int = 200
    coding: bytes = b""
    headers: Headers = ()

    async def read(self) -> bytes:
        return b""

    async def piece(self) -> bytes:
        return b""

    def arrived(self, most: int) -> bytes:
        return b""[:most]

    def close(self) -> None: ...


def recording(lead: PaperLead, gauge: Recorder | None = None, **changes: Any) -> Recording:
    sought = Sought(KEY, "openai.chat", ("gpt-5.1",), (), "call-1", 60.0, is_shadow=False)
    return Recording(gauge or Recorder(), lead, sought._replace(**changes), lambda: float(NOON))


def recorded(pieces: Sequence[bytes], *, usage: Usage | None = USED, stream: bool = False, **changes: Any) -> PaperLead:
    lead = PaperLead()
    kept = recording(lead, **changes)
    kept.begin(Head(), is_stream=stream)
    for piece in pieces:
        kept.take(piece)
    kept.end(usage)
    assert kept.is_over
    assert len(lead.deposited) + len(lead.given_up) == 1
    return lead


def test_a_whole_answer_is_kept_as_it_came() -> None:
    (entry,) = recorded([BODY]).deposited
    assert (entry.body, entry.digest, entry.exact) == (BODY, KEY.digest, KEY.exact)
    assert (entry.id, entry.api, entry.model, entry.created, entry.ttl_s) == (
        "call-1",
        "openai.chat",
        USED.model,
        NOON,
        60,
    )
    assert (entry.usage, entry.is_shadow) == (USED, False)


@given(st.lists(st.integers(0, 4000), max_size=12))
def test_a_stream_is_kept_as_one_answer_however_it_was_split(places: list[int]) -> None:
    data = b"".join(openai_stream())
    cuts = sorted({0, len(data), *(min(place, len(data)) for place in places)})
    pieces = [data[start:end] for start, end in pairwise(cuts)]
    (entry,) = recorded(pieces, stream=True).deposited
    told = json.loads(entry.body)
    assert told["choices"][0]["message"]["content"] == "Hello there"
    assert told["usage"] == OPENAI_CHAT["usage"]


def test_a_compressed_answer_is_kept_unpacked() -> None:
    lead = PaperLead()
    kept = recording(lead)
    kept.begin(Head(coding=b"deflate"), is_stream=False)
    kept.take(zlib.compress(BODY))
    kept.end(USED)
    assert [entry.body for entry in lead.deposited] == [BODY]


def test_of_a_rule_that_only_counts_there_is_no_answer() -> None:
    (entry,) = recorded([BODY], is_shadow=True).deposited
    assert (entry.body, entry.is_shadow) == (b"", True)


@pytest.mark.parametrize(
    "served", ["gpt-5.1", "gpt-5.1-2026-08-01", "gpt-5.1-0901", "openai/gpt-5.1", "gpt-5.1:latest"]
)
def test_a_version_of_the_model_is_the_model(served: str) -> None:
    assert recorded([BODY], usage=changed(model=served)).deposited


def changed(**changes: Any) -> Usage:
    return Usage(
        **{name: getattr(USED, name) for name in ("input", "output", "model", "complete", "usage_source")} | changes
    )


ALONE: dict[str, dict[str, Any]] = {
    "a stand-in": {"usage": changed(model="gpt-5.1-mini")},
    "a model that says nothing": {"usage": changed(model=None)},
    "garbage": {"pieces": [b"\x00\xff{"]},
    "cut short": {"pieces": [BODY.replace(b'"stop"', b'"length"')]},
    "too large": {"pieces": [BODY, b" " * MOST_BYTES]},
    "a stream without an end": {"pieces": openai_stream()[:-1], "stream": True},
    "an echo": {"masked": ("Hello there",)},
}


@pytest.mark.parametrize("name", ALONE)
def test_an_answer_that_cannot_be_shared_leaves_nobody_waiting(name: str) -> None:
    lead = recorded(**{"pieces": [BODY], **ALONE[name]})
    assert (lead.deposited, lead.given_up) == ([], [True])


@pytest.mark.parametrize(
    "usage",
    [None, changed(complete=False), changed(usage_source=UsageSource.ESTIMATED)],
    ids=["none", "cut", "guessed"],
)
def test_without_a_good_end_somebody_else_may_try(usage: Usage | None) -> None:
    assert recorded([BODY], usage=usage).given_up == [False]


async def test_an_error_is_nobodys_answer_from_its_head_on() -> None:
    lead, gauge = PaperLead(wanted=True), Recorder()
    kept = recording(lead, gauge)
    kept.begin(Head(status=503), is_stream=False)
    assert (lead.given_up, gauge.said, await kept.is_wanted()) == ([False], [("kept", "status")], False)
    kept.take(BODY)
    kept.end(USED)
    assert (lead.deposited, len(lead.given_up)) == ([], 1)


async def test_what_grows_too_large_is_let_go_while_it_passes() -> None:
    lead = PaperLead(wanted=True)
    kept = recording(lead)
    kept.begin(Head(), is_stream=True)
    kept.take(b"x" * MOST_BYTES)
    assert await kept.is_wanted()
    kept.take(b"x")
    assert (await kept.is_wanted(), lead.given_up, kept._pieces) == (False, [True], [])


def test_no_upstream_can_break_its_callers_answer_by_what_it_says() -> None:
    lead = PaperLead()
    kept = recording(lead)
    kept.begin(Head(), is_stream=False)
    kept.take(b"[" * 100_000)
    assert not kept.is_fit(USED)
    assert lead.given_up == [True]
