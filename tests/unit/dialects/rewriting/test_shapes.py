"""Events of any shape are passed or changed; none of them makes a format fail."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.answer_streams import STREAMS
from tests.support.answers import Event, Stream, framed

ONE_EACH = {type(stream.rewriter()._format): stream for stream in STREAMS}.values()


def names_in(value: object) -> set[str]:
    """Names of members, and words that stand for types, of events."""
    if isinstance(value, dict):
        return {str(name) for name in value}.union(*map(names_in, value.values()))
    if isinstance(value, list):
        return set[str]().union(*map(names_in, value))
    return {value} if isinstance(value, str) else set()


def any_event(stream: Stream) -> st.SearchStrategy[Event]:
    """Events of the words that a format knows, in places where it does not expect them."""
    names = sorted(names_in(stream.wrap(["a ", "b"])) | {"index", "arguments", "error", "done", "content", "text"})
    words = st.sampled_from(names)
    leaves = st.none() | st.booleans() | st.integers(-1, 2) | words
    values = st.recursive(
        leaves, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(words, inner, max_size=4), max_leaves=12
    )
    return st.dictionaries(words, values, min_size=1, max_size=5)


@pytest.mark.parametrize("stream", ONE_EACH, ids=lambda stream: stream.dialect)
@given(data=st.data())
@settings(max_examples=20)
def test_no_event_makes_a_format_fail(stream: Stream, data: st.DataObject) -> None:
    made = stream.rewriter()
    kinds = [one for one in stream.wrap(["a ", "b"]) if "type" in one or "event_type" in one] or [{}]
    for one in data.draw(st.lists(any_event(stream), min_size=1, max_size=4)):
        mixed = data.draw(st.sampled_from(kinds)) | one if data.draw(st.booleans()) else one
        framing = "lines" if stream.framing == "lines" else "sse"
        if stream.framing in ("chunks", "frames"):
            made._format.read(json.loads(json.dumps(mixed)), made._channels)
        else:
            made.feed(framed(framing, [mixed]))
    if stream.framing not in ("chunks", "frames"):
        made.finish()
