"""Clauses match as the price table means them, and the first model wins."""

from __future__ import annotations

import pytest

from proxy.metering.match import NameIndex, compile_clause, dashed_date


@pytest.mark.parametrize(
    ("clause", "fitting", "other"),
    [
        (["=", "a", "B"], "b", "ab"),
        (["^", "gpt-"], "gpt-4", "x-gpt-4"),
        (["$", "-free"], "m-free", "m-freed"),
        (["*", "sonnet"], "claude-sonnet-4", "claude"),
        (["~", "^o[134]"], "o3-mini", "co3"),
        (["|", ["=", "a"], ["^", "b"]], "bc", "c"),
        (["&", ["^", "a"], ["$", "z"]], "a-z", "a-y"),
    ],
)
def test_each_kind_of_clause(clause: list[object], fitting: str, other: str) -> None:
    test = compile_clause(clause)
    assert test(fitting)
    assert not test(other)


def test_an_unknown_kind_of_clause_is_an_error() -> None:
    with pytest.raises(ValueError, match="kind of clause"):
        compile_clause(["?", "a"])


def test_the_first_model_that_fits_wins_whatever_its_kind() -> None:
    index = NameIndex([["^", "gpt-4o-a"], ["=", "gpt-4o", "gpt-4o-audio"], ["|", ["=", "x"], ["*", "4o"]], ["=", "x"]])
    assert index.find("gpt-4o-audio") == 0
    assert index.find("gpt-4o") == 1
    assert index.find("my-4o") == 2
    assert index.find("x") == 2
    assert index.find("nothing") is None


@pytest.mark.parametrize(
    ("name", "dashed"),
    [
        ("gpt-5.2-20251211", "gpt-5.2-2025-12-11"),
        ("gpt-5.2-20251211-mini", "gpt-5.2-2025-12-11-mini"),
        ("gpt-5.2-20251399", "gpt-5.2-20251399"),
        ("gpt-5.2-20250230", "gpt-5.2-20250230"),
        ("gpt-5.2-202512110", "gpt-5.2-202512110"),
    ],
)
def test_dates_without_dashes_get_them_when_they_are_dates(name: str, dashed: str) -> None:
    assert dashed_date(name) == dashed
