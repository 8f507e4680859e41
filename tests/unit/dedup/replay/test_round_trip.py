"""What is told as a stream is, joined again, the answer that was stored, and a stream that lacks anything is no answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.dedup.replay import retold, unstorable, whole_of
from tests.support.retelling import CREATED, NEW_ID, SAMPLES, Answer, stored, told

NAMES = st.sampled_from(sorted(SAMPLES))
TEXTS = st.text(min_size=1).filter(lambda text: bool(text.strip()))
LONG = "One two three four, and so on until there are many of them. " * 8
BLANK_LINE = {
    "openai.chat": b"\n\n",
    "openai.responses": b"\n\n",
    "anthropic.messages": b"\n\n",
    "gemini.generate": b"\r\n\r\n",
}
OPAQUE = ("usage", "usageMetadata", "prompt_filter_results", "content_filter_results")


def said(answer: Any) -> Any:
    """The answer without what cannot show in a stream: members that say nothing."""
    if isinstance(answer, list):
        return [said(part) for part in answer]
    if not isinstance(answer, dict):
        return answer
    return {name: said(part) for name, part in answer.items() if part not in (None, [], {})}


def events_of(name: str) -> tuple[str, list[bytes], bytes]:
    """The events of a sample, told as a stream, and what ends each."""
    api, make = SAMPLES[name]
    gap = BLANK_LINE[api]
    return api, told(api, make(LONG), stream=True).body.removesuffix(gap).split(gap), gap


@given(NAMES, TEXTS)
def test_a_stream_joins_to_the_answer_that_was_told_whatever_its_text(name: str, text: str) -> None:
    api, make = SAMPLES[name]
    joined = whole_of(api, told(api, make(text), stream=True).body)
    assert joined is not None
    assert said(json.loads(joined)) == said(json.loads(told(api, make(text), stream=False).body))
    assert unstorable(api, joined, ()) == ""


@given(NAMES, TEXTS)
def test_an_answer_that_came_as_a_stream_is_the_same_after_any_number_of_tellings(name: str, text: str) -> None:
    api, make = SAMPLES[name]
    joined = whole_of(api, told(api, make(text), stream=True).body)
    assert joined is not None
    again = retold(api, joined, stream=True, usage_asked=True, new_id=NEW_ID, created=CREATED, query="alt=sse")
    assert json.loads(whole_of(api, again.body) or b"") == json.loads(joined)


@pytest.mark.parametrize("name", SAMPLES)
def test_line_ends_and_comments_make_no_difference(name: str) -> None:
    api, make = SAMPLES[name]
    body = told(api, make(LONG), stream=True).body
    unix = body.replace(b"\r\n", b"\n")
    for other in (unix, unix.replace(b"\n", b"\r\n"), unix.replace(b"\n", b"\r"), b": alive\n\n" + body, body.rstrip()):
        assert whole_of(api, other) == whole_of(api, body) is not None


def test_a_gemini_array_joins_like_its_events() -> None:
    api, make = SAMPLES["gemini"]
    array = told(api, make(LONG), stream=True, query="").body
    assert isinstance(json.loads(array), list)
    assert whole_of(api, array) == whole_of(api, told(api, make(LONG), stream=True).body) is not None
    assert whole_of(api, array.rstrip(b"\n]")) is None


@pytest.mark.parametrize("name", SAMPLES)
def test_a_stream_that_ends_early_is_no_answer(name: str) -> None:
    api, events, gap = events_of(name)
    for end in range(len(events)):
        assert whole_of(api, b"".join(event + gap for event in events[:end])) is None
    assert whole_of(api, gap.join(events)) is not None


@pytest.mark.parametrize("name", SAMPLES)
def test_nothing_may_follow_the_end(name: str) -> None:
    api, events, gap = events_of(name)
    for event in events[:-1]:
        assert whole_of(api, gap.join((*events, event))) is None or b"ping" in event or b'"choices":[]' in event


@pytest.mark.parametrize("name", ["response", "message"])
def test_no_event_may_be_missing_or_out_of_order_where_events_are_numbered_or_nested(name: str) -> None:
    api, events, gap = events_of(name)
    for at, event in enumerate(events):
        if b"_delta" in event or b"ping" in event:
            continue  # an Anthropic delta has no number: what the provider left out nobody can know
        assert whole_of(api, gap.join(events[:at] + events[at + 1 :])) is None
        if at:
            swapped = [*events[: at - 1], event, events[at - 1], *events[at + 1 :]]
            assert whole_of(api, gap.join(swapped)) is None or b"ping" in events[at - 1]


def objects_in(value: Any) -> Iterator[Answer]:
    """Every object of an event that says what the model wrote, or how; figures and verdicts are the provider's words."""
    if isinstance(value, dict):
        yield value
        for name, part in value.items():
            if name not in OPAQUE:
                yield from objects_in(part)
    elif isinstance(value, list):
        for part in value:
            yield from objects_in(part)


@given(NAMES, st.data())
def test_a_member_that_is_not_known_keeps_a_stream_out(name: str, data: st.DataObject) -> None:
    api, events, gap = events_of(name)
    at = data.draw(st.sampled_from([at for at, event in enumerate(events) if b"[DONE]" not in event]))
    head, mark, carried = events[at].partition(b"data: ")
    event = json.loads(carried)
    if isinstance(event.get("response"), dict):
        return  # the last event holds the answer, which `unstorable` judges
    data.draw(st.sampled_from(list(objects_in(event))))["surprise"] = data.draw(st.sampled_from((1, "no", [0], False)))
    changed = [*events[:at], head + mark + json.dumps(event).encode(), *events[at + 1 :]]
    assert whole_of(api, gap.join(changed)) is None


@given(
    NAMES,
    st.sampled_from((b"event: error\n", b"id: 1\n", b"retry: 5\n", b"nonsense\n", b'data: {"error": {}, ')),
    st.data(),
)
def test_an_error_or_an_unknown_field_within_a_stream_keeps_it_out(
    name: str, words: bytes, data: st.DataObject
) -> None:
    api, events, gap = events_of(name)
    at = data.draw(st.integers(0, len(events) - 1))
    error = words + b'data: {"type":"error","error":{"message":"overloaded"}}'
    assert whole_of(api, gap.join([*events[:at], error, *events[at:]])) is None


@given(NAMES, st.data())
def test_nothing_raises_on_broken_bytes(name: str, data: st.DataObject) -> None:
    api, make = SAMPLES[name]
    for whole in (told(api, make("Hello there"), stream=True).body, stored(make("Hello there"))):
        begin = data.draw(st.integers(0, len(whole)))
        end = data.draw(st.integers(begin, len(whole)))
        broken = whole[:begin] + data.draw(st.binary(max_size=8)) + whole[end:]
        joined = whole_of(api, broken)
        assert joined is None or type(unstorable(api, joined, ("x",))) is str
        assert type(unstorable(api, broken, ("x",))) is str


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.floats(allow_nan=False, allow_infinity=False),
    lambda parts: st.lists(parts, max_size=2) | st.dictionaries(st.text(max_size=3), parts, max_size=2),
    max_leaves=3,
)


@given(name=NAMES, value=VALUES, remove=st.booleans(), data=st.data())
def test_what_may_be_stored_can_be_told_whatever_stands_in_it(
    name: str, value: Any, *, remove: bool, data: st.DataObject
) -> None:
    api, make = SAMPLES[name]
    answer = make("Hello there")
    place = data.draw(st.sampled_from([place for place in objects_in(answer) if place]))
    member = data.draw(st.sampled_from([*place]))
    if remove:
        del place[member]
    else:
        place[member] = value
    if unstorable(api, stored(answer), ()):
        with pytest.raises(ValueError, match=r"^[a-z-]+$"):
            told(api, answer, stream=True)
    else:
        assert whole_of(api, told(api, answer, stream=True).body) is not None
        assert told(api, answer, stream=False).body
