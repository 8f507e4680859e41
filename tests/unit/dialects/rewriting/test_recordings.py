"""Recorded streams pass byte for byte where no filter changes a text, and with their texts changed where one does."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.answers import Same, rewriting, through
from tests.support.recorded import cuts, recorded
from tests.support.scripts import fixture_body

DIALECTS = {
    "openai.chat": "openai_chat",
    "openai.responses": "openai_responses",
    "anthropic.messages": "anthropic_messages",
    "gemini.generate": "gemini",
    "bedrock.converse_stream": "bedrock",
}
EXCHANGES = [exchange for api in DIALECTS for exchange in recorded(api)]
each_exchange = pytest.mark.parametrize("exchange", EXCHANGES, ids=lambda exchange: exchange["name"])


@each_exchange
@given(crlf=st.booleans(), data=st.data())
@settings(max_examples=5)
def test_a_recorded_answer_passes_as_it_came(exchange: dict[str, Any], crlf: bool, data: st.DataObject) -> None:  # noqa: FBT001 - drawn
    raw = fixture_body(exchange, crlf=crlf)
    made = rewriting(DIALECTS[exchange["api"]], exchange["api"], lambda _: Same())
    passed = through(made, raw, data.draw(cuts(len(raw))))
    assert raw.startswith(passed)
    if exchange["expected"]["complete"]:
        assert passed == raw
    else:
        assert b"\n\n" not in raw[len(passed) :].rstrip(), "nothing is dropped but an event that was cut"


@each_exchange
def test_a_recorded_answer_is_the_same_whatever_its_splits(exchange: dict[str, Any]) -> None:
    raw = fixture_body(exchange)
    dialect, api = DIALECTS[exchange["api"]], exchange["api"]
    at_once = through(rewriting(dialect, api), raw)
    assert through(rewriting(dialect, api), raw, range(1, len(raw), 7)) == at_once
    assert at_once.count(b"\n\n") >= raw.count(b"\n\n") or not exchange["expected"]["complete"]
