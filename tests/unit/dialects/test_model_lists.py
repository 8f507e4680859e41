"""Lists of models in every family's words."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.dialects.model_lists import SHAPES, ListShape

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["data", "models", "id", "name"]), inner)
    ),
    max_leaves=20,
)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_a_list_that_is_written_can_be_read_again(shape: ListShape) -> None:
    entries = [shape.made("a/b", "vllm"), shape.rename(shape.made("c", "vllm"), "d")]
    assert shape.read(json.dumps(shape.whole(entries)).encode()) == {"a/b": entries[0], "d": entries[1]}
    assert shape.read(json.dumps(shape.whole([])).encode()) == {}


@given(st.sampled_from(list(SHAPES.values())), st.binary() | anything.map(lambda value: json.dumps(value).encode()))
def test_no_answer_of_an_upstream_raises(shape: ListShape, body: bytes) -> None:
    read = shape.read(body)
    assert read is None or all(shape.name(entry) == name for name, entry in read.items())
