"""Workers hear what was flushed by whom, and take nothing else for it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.stores.answers.flushed import Flushed, heard_of
from proxy.stores.answers.spots import spot_of
from tests.support.cached import a_key

NAMES = st.text(max_size=30)


@given(NAMES, NAMES, NAMES)
def test_what_is_told_is_heard(org: str, scope: str, by: str) -> None:
    assert heard_of(Flushed(org, scope, by).told()) == Flushed(org, scope, by)


@pytest.mark.parametrize("message", [spot_of(a_key()).flight, b"", b"!", b"!{}", b"![1,2,3]", b"!\xff"])
def test_another_message_tells_of_no_flush(message: bytes) -> None:
    assert heard_of(message) is None


def test_a_message_of_any_length_is_no_line_of_the_log() -> None:
    assert heard_of(Flushed("acme", "", "x" * 2000).told()) is None
