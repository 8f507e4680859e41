"""Running texts come out as their filters say, however they were cut into deltas and bytes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.answer_streams import STREAMS
from tests.support.answers import Event, Same, Stream, events, rewriting, through
from tests.support.recorded import cuts

PIECES = st.lists(st.text(st.sampled_from('ab c,"\\{}\nßé€\u2028\U0001f600'), max_size=6), min_size=1, max_size=6)
each_stream = pytest.mark.parametrize("stream", STREAMS, ids=lambda stream: stream.name)


@each_stream
@given(pieces=PIECES, data=st.data())
@settings(max_examples=8)
def test_what_a_client_joins_is_the_filtered_text(stream: Stream, pieces: list[str], data: st.DataObject) -> None:
    raw = stream.data(pieces)
    came, went = stream.read(raw), stream.read(through(stream.rewriter(), raw, data.draw(cuts(len(raw)))))
    assert {place: text for place, text in went.items() if text} == {
        place: text.upper() for place, text in came.items() if text
    }


@each_stream
@given(pieces=PIECES, data=st.data())
@settings(max_examples=3)
def test_bytes_that_nobody_changes_pass_as_they_came(stream: Stream, pieces: list[str], data: st.DataObject) -> None:
    raw = stream.data(pieces)
    assert through(stream.rewriter(lambda _: Same()), raw, data.draw(cuts(len(raw)))) == raw


@each_stream
def test_what_a_filter_holds_comes_out_before_its_text_ends(stream: Stream) -> None:
    raw = stream.data(["held ", "back"])
    came, went = _after_text(stream, raw), _after_text(stream, through(stream.rewriter(), raw))
    assert went in (came, came[1:]), "at the latest in the event that ends the text, and what follows is as it was"


@pytest.mark.parametrize("stream", [one for one in STREAMS if one.framing != "array"], ids=lambda stream: stream.name)
def test_a_stream_that_breaks_off_loses_no_text_it_had(stream: Stream) -> None:
    raw = stream.data(["one ", "two"])
    for cut in [raw[: at + 1] for at in range(0, len(raw), 5)]:
        came, went = stream.read(_ended(stream, cut)), stream.read(through(stream.rewriter(), cut))
        assert {place: text for place, text in went.items() if text} == {
            place: text.upper() for place, text in came.items() if text
        }


def _after_text(stream: Stream, data: bytes) -> list[Event]:
    """The events behind the last one with text."""
    all_events = list(events(stream.framing, data))
    last = max(place for place, one in enumerate(all_events) if any(text for _, text in stream.texts(one)))
    return all_events[last + 1 :]


def _ended(stream: Stream, cut: bytes) -> bytes:
    return through(rewriting(stream.dialect, stream.api, lambda _: Same()), cut)
