"""Whether two patterns can mean one model, against all short names."""

from __future__ import annotations

from fnmatch import fnmatchcase
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.policy.globs import any_meet, is_glob, meet

_PATTERNS = st.lists(st.sampled_from(["a", "b", "*", "?", "[ab]", "[!a]"]), max_size=4).map("".join)
_NAMES = ["".join(letters) for length in range(7) for letters in product("abc", repeat=length)]


@settings(max_examples=300, deadline=None)
@given(_PATTERNS, _PATTERNS)
def test_two_patterns_meet_exactly_when_some_name_fits_both(one: str, other: str) -> None:
    witness = any(fnmatchcase(name, one) and fnmatchcase(name, other) for name in _NAMES)
    assert meet(one, other) == witness
    assert meet(other, one) == witness


@pytest.mark.parametrize(
    ("one", "other", "is_so"),
    [
        ("gpt-5*", "*-preview", True),
        ("gpt-*", "vllm/*", False),
        ("gpt-5", "gpt-5*", True),
        ("gpt-5", "gpt-5-mini", False),
        ("o[0-9]*", "o1-mini", True),
        ("o[0-9]*", "o[a-z]*", False),
        ("*", "", True),
        ("claude-*-4-5", "*haiku*", True),
    ],
)
def test_patterns_of_models(one: str, other: str, *, is_so: bool) -> None:
    assert meet(one, other) is is_so


def test_lists_meet_when_any_pair_does() -> None:
    assert any_meet(["gpt-*", "claude-*"], ("claude-opus-*",))
    assert not any_meet(["gpt-*"], ("claude-*", "vllm/*"))
    assert not any_meet([], ("*",))


def test_plain_names_are_no_patterns() -> None:
    assert [is_glob(name) for name in ("gpt-5.1", "gpt-5*", "o?", "o[1]")] == [False, True, True, True]
