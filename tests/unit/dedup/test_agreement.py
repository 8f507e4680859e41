"""Two answers agree where they plainly say the same, and in doubt they do not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from proxy.dedup.agreement import agree, texts_agree
from tests.support.reusing import KINDS, Kind

HASHES = (
    "Hash tables store key value pairs and give constant time access on average. A hash function turns each key into an "
    "index of an array, and the value is kept in the bucket at that index. When several keys land in one bucket there is a "
    "collision, which chaining or open addressing resolves. If the table becomes too full, it is resized and every entry is "
    "hashed again, which is slow but rare."
)
HASHES_AGAIN = (
    "A hash table keeps pairs of keys and values, and finds a value in constant time on average. Each key is turned into an "
    "index of an array by a hash function; the bucket at that index holds the value. A collision happens when several keys "
    "get the same bucket, and is resolved by chaining or by open addressing. When the table is too full it is resized: all "
    "entries are hashed again, which is slow, but happens rarely."
)
TREES = (
    "Binary trees store keys in nodes and give logarithmic time access on average. Each node has a key, a left child whose "
    "keys are smaller and a right child whose keys are larger. When a key is looked up, the search goes down from the root to "
    "a leaf. If the tree becomes unbalanced, access turns slow, which rotations after each insertion prevent in red black trees."
)
SAME = [
    ("Paris.", "Paris"),
    ("Hello  there\n", "Hello there"),
    ("The capital is Paris.", "Capital: **Paris**!"),
    ("1. red\n2. green", "- red\n- green"),
    ('{"a": 1, "b": [true, null]}', '```json\n{"b": [true, null],\n "a": 1}\n```'),
    ("```py\nreturn x  \n```", "```python\nreturn x\n```"),
    (HASHES, HASHES_AGAIN),
    (HASHES, HASHES.replace("slow but rare", "slow though rare")),
]
DIFFERENT = [
    ("Paris", "Rome"),
    ("42", "43"),
    ("-7", "7"),
    ("3 kg", "3 g"),
    ("10² m", "10³ m"),
    ("$5", "€5"),
    ("Yes, you can.", "No, you can."),
    ("You can.", "You cannot."),
    ("three pears", "four pears"),
    ("A", "B"),
    ("The answer is B.", "The answer is C."),
    ("Alice paid Bob", "Bob paid Alice"),
    ("x - 1", "x + 1"),
    ("👍", "👎"),
    ("是", "否"),
    ("苹果在桌子上", "苹果在椅子上"),
    ("use `rm`", "use `mv`"),
    ("ls -l", "ls -a"),
    ("```py\nif a:\n  b\nc\n```", "```py\nif a:\n  b\n  c\n```"),
    ("if a:\n  b\nc", "if a:\n  b\n  c"),
    ("```\na = 1\n```", "```\na = 2\n```"),
    ('{"a": 1}', '{"a": true}'),
    ('{"a": 1}', '{"a": "1"}'),
    ('{"a": 1}', '{"a": 1.0}'),
    ('["a", "b"]', '["b", "a"]'),
    ('{"a": 1, "a": 2}', '{"a": 2}'),
    ('{"verdict": "approve"}', "approve"),
    (HASHES, TREES),
    (HASHES, HASHES + " " + TREES + " " + TREES),
    (HASHES, HASHES.replace("table", "map").replace("Hash", "Tree").replace("hash", "tree")),
    (HASHES, HASHES.replace("it is resized", "it is not resized")),
    (HASHES, HASHES.replace("on average", "in 2 steps")),
    (HASHES, HASHES + "\n\nYes."),
    (HASHES + " It was found by Luhn at IBM.", HASHES + " It was found by Dumey at Bell."),
]
TEXTS = st.text(min_size=1).filter(str.strip)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@pytest.mark.parametrize(("one", "other"), SAME)
def test_these_say_the_same(one: str, other: str) -> None:
    assert texts_agree(one, other)
    assert texts_agree(other, one)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_these_do_not(one: str, other: str) -> None:
    assert not texts_agree(one, other)
    assert not texts_agree(other, one)


@given(TEXTS, TEXTS)
def test_the_order_of_the_two_does_not_matter(one: str, other: str) -> None:
    assert texts_agree(one, other) == texts_agree(other, one)


@given(TEXTS)
def test_a_text_agrees_with_itself(text: str) -> None:
    assert texts_agree(text, text)


@given(st.lists(st.sampled_from(HASHES.split()), min_size=1), st.integers(0, 10**6), st.integers(0, 10**6), st.data())
def test_another_number_is_another_answer(said: list[str], one: int, other: int, data: st.DataObject) -> None:
    assume(one != other)
    at = data.draw(st.integers(0, len(said)))
    first, second = (" ".join([*said[:at], str(number), *said[at:]]) for number in (one, other))
    assert not texts_agree(first, second)


@given(JSON, JSON)
def test_json_agrees_by_its_value(one: Any, other: Any) -> None:
    for value in (one, other):
        assert texts_agree(json.dumps(value), json.dumps(value, indent=2, ensure_ascii=False))
    if json.dumps(one, sort_keys=True) != json.dumps(other, sort_keys=True):
        assert not texts_agree(json.dumps(one), json.dumps(other))


@pytest.mark.parametrize(
    "text", ["[" * 30_000, "`" * 30_000, "```\n" * 8_000, "\n" * 30_000, "> " * 15_000, "'a" * 15_000]
)
def test_hostile_texts_are_judged(text: str) -> None:
    assert texts_agree(text + "x", text + "x")
    assert not texts_agree(text + "x", text + "y")


@pytest.mark.parametrize("kind", KINDS, ids=[kind.name for kind in KINDS])
def test_answers_agree_by_their_text_whatever_their_ids_and_usage(kind: Kind) -> None:
    api = {"chat": "openai.chat", "responses": "openai.responses", "anthropic": "anthropic.messages"}.get(
        kind.name, "gemini.generate"
    )
    answer = json.dumps(kind.answer)
    other = answer.replace("_1", "_2").replace("12", "13")
    assert agree(api, answer.encode(), other.encode())
    assert not agree(api, answer.encode(), other.replace("Hello there", "Goodbye").encode())
    assert not agree(api, answer.encode(), b"{}")
    assert not agree("openai.speech", answer.encode(), answer.encode())
