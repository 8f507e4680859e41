"""What goes into the journal comes out of it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.domain.errors import PolicyNote
from proxy.domain.meter import Charge, MeterKind
from proxy.domain.row import Outcome, Rank, Row
from proxy.domain.usage import ModelUsage, Usage, UsageSource
from proxy.journal.log import open_log
from proxy.journal.record import row_from, salvaged
from proxy.journal.schema import connect_readonly
from tests.support.journal_rows import make_row

texts = st.text(st.characters(codec="utf-8"), max_size=12)
maybe = st.none() | texts
counts = st.integers(0, 2**53)
tokens = st.none() | counts
numbers = st.floats(0, 1e12, allow_nan=False)

model_usages = st.builds(ModelUsage, model=texts, input=counts, output=counts, cache_write_1h=tokens)
usages = st.builds(
    Usage,
    **dict.fromkeys(("input", "output", "cached_read", "cache_write", "reasoning", "web_searches", "images"), tokens),
    seconds=st.none() | numbers,
    reported_cost_usd=st.none() | numbers,
    model=maybe,
    complete=st.booleans(),
    usage_source=st.sampled_from(UsageSource),
    by_model=st.lists(model_usages, max_size=2).map(tuple),
    parts=st.lists(model_usages, max_size=2).map(tuple),
)
charges = st.builds(Charge, texts, st.sampled_from(MeterKind), counts, counts, counts)
notes = st.builds(PolicyNote, texts, texts, maybe, maybe, maybe, maybe)
rows = st.builds(
    Row,
    request_id=st.uuids().map(str),
    attempt=st.integers(0, 9),
    at=numbers,
    rank=st.just(Rank.FINAL),
    **dict.fromkeys(("org", "principal", "key_id", "team", "dialect", "endpoint", "model_requested", "via"), texts),
    **dict.fromkeys(("client_request_id", "project", "ref", "session", "upstream", "model", "routed", "error"), maybe),
    tags=st.lists(st.tuples(texts, texts), max_size=2).map(tuple),
    stream=st.booleans(),
    status=st.integers(0, 599),
    upstream_status=st.none() | st.integers(100, 599),
    outcome=st.sampled_from(Outcome),
    usage=usages,
    **dict.fromkeys(
        ("cost_nusd", "held_nusd", "saved_nusd", "saved_input", "saved_output", "waste_nusd", "overhead_us"), counts
    ),
    charges=st.lists(charges, max_size=3).map(tuple),
    facts=st.binary(max_size=40),
    refused=st.none() | notes,
    why=st.lists(texts, max_size=2).map(tuple),
    edits=st.lists(texts, max_size=2).map(tuple),
    fingerprints=st.lists(texts, max_size=2).map(tuple),
    cache=texts,
    cache_reason=texts,
    local=st.booleans(),
    may_follow=st.booleans(),
    ttft_ms=st.none() | numbers,
    duration_ms=numbers,
)


def stored(path: Path) -> list[Row]:
    db = connect_readonly(path)
    try:
        return [row_from(doc, rank) for doc, rank in db.execute("SELECT doc, rank FROM attempts ORDER BY id")]
    finally:
        db.close()


@settings(max_examples=60, deadline=None)
@given(st.lists(rows, min_size=1, max_size=6, unique_by=lambda row: (row.request_id, row.attempt)))
def test_every_field_of_a_row_comes_back_unchanged(tmp_path_factory: pytest.TempPathFactory, some: list[Row]) -> None:
    path = tmp_path_factory.mktemp("journal") / "calls.db"
    log = open_log(path, 0)
    log.append([(row, "h") for row in some])
    log.close()
    assert sorted(stored(path), key=msgspec.json.encode) == sorted(some, key=msgspec.json.encode)


def test_the_property_above_varies_every_field_that_is_not_tied_to_another() -> None:
    tied = {"rank", "upstream_request_id", "price_version", "price_flag", "decision", "generation", "waste_reason"}
    varied = {name for name in Row.__struct_fields__ if name not in tied}
    assert varied <= set(rows.wrapped_strategy.kwargs)  # type: ignore[attr-defined]  # builds() keeps them there


def test_a_row_with_broken_text_and_absurd_numbers_is_written_as_near_as_can_be(tmp_path: Path) -> None:
    broken = make_row("r1", client_request_id="caf\udce9", tags=(("a", "\ud800"),), cost_nusd=2**70)
    mended = salvaged(broken)
    assert mended.client_request_id == "caf\\udce9"
    assert mended.tags == (("a", "\\ud800"),)
    assert mended.cost_nusd == 2**63 - 1
    assert mended.team == broken.team
    log = open_log(tmp_path / "calls.db", 0)
    with pytest.raises(UnicodeEncodeError):
        log.append([(broken, "")])
    log.append([(mended, "")])
    log.close()
    assert stored(tmp_path / "calls.db") == [mended]


def test_a_column_never_holds_null(tmp_path: Path) -> None:
    log = open_log(tmp_path / "calls.db", 0)
    log.append([(make_row("r1", project=None, upstream=None, model=None, usage=Usage()), "")])
    log.close()
    db = sqlite3.connect(tmp_path / "calls.db")
    line = db.execute("SELECT * FROM attempts").fetchone()
    db.close()
    assert None not in line
