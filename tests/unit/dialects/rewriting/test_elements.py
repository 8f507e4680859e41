"""JSON that comes in pieces is cut into the elements of its array, or is one value."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from proxy.dialects.rewriting.elements import Elements
from tests.support.answers import rewriting, through
from tests.support.recorded import cuts

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.sampled_from('a"\\{}[]/,é\n'), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def fed(data: bytes, places: list[int]) -> list[bytes]:
    elements = Elements()
    ends = [*places, len(data)]
    return [unit for start, end in zip([0, *places], ends, strict=True) for unit in elements.feed(data[start:end])]


@given(st.lists(st.dictionaries(st.text(max_size=3), JSON, max_size=3), max_size=4), st.data())
def test_an_array_is_cut_into_its_elements(values: list[Any], data: st.DataObject) -> None:
    raw = b"[" + b" ,\r\n".join(json.dumps(one, ensure_ascii=False).encode() for one in values) + b"\n]\n"
    units = fed(raw, data.draw(cuts(len(raw))))
    assert b"".join(units) == raw
    assert [json.loads(unit) for unit in units if unit.startswith(b"{")] == values


@given(st.dictionaries(st.text(max_size=3), JSON, max_size=3), st.data())
def test_a_single_value_is_one_element(value: Any, data: st.DataObject) -> None:
    raw = json.dumps(value, indent=1).encode() + b"\n"
    units = fed(raw, data.draw(cuts(len(raw))))
    assert [json.loads(unit) for unit in units if unit.startswith(b"{")] == [value]


@given(st.binary(max_size=40) | st.text(st.sampled_from('{}[]"\\,a'), max_size=20).map(str.encode), st.data())
def test_no_byte_is_lost_whatever_comes(raw: bytes, data: st.DataObject) -> None:
    elements = Elements()
    places = data.draw(cuts(len(raw)))
    units = [
        unit
        for start, end in zip([0, *places], [*places, len(raw)], strict=True)
        for unit in elements.feed(raw[start:end])
    ]
    assert b"".join(units) + elements.rest() == raw


def test_an_array_that_breaks_off_gains_what_was_held_as_elements() -> None:
    one = b'{"candidates":[{"content":{"parts":[{"text":"held"}]},"index":0}]}'
    for broken in (b"[" + one, b"[" + one + b"\n,\n", b"[" + one + b',\n{"candid'):
        passed = through(rewriting("gemini", "gemini.generate"), broken)
        read = json.loads(passed + b"]")
        assert [one["candidates"][0]["content"]["parts"][0]["text"] for one in read] == ["", "HELD"]
