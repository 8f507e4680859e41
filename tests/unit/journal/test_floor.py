"""The privacy floor: what may stand alone, and what cannot be found by subtraction."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.journal.floor import LEAST, MOST, People, folded, is_shown, together

NAMES = st.sampled_from([f"p_{number}" for number in range(12)])
PEOPLE = st.dictionaries(NAMES, st.integers(1, 100)).map(Counter)


def people(count: int, each: int = 1, prefix: str = "p") -> People:
    return Counter({f"{prefix}_{number}": each for number in range(count)})


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        (people(5), True),
        (people(4, 100), False),
        (people(0), False),
        (people(5) + Counter(p_0=15), True),  # 16 of 20: four fifths
        (people(5) + Counter(p_0=16), False),
    ],
)
def test_a_cell_stands_alone_where_five_people_made_it_and_none_of_them_nearly_all(cell: People, shown: bool) -> None:  # noqa: FBT001
    assert is_shown(cell) is shown


def test_small_teams_go_together() -> None:
    cells = {"a": people(3, prefix="a"), "b": people(3, prefix="b"), "c": people(9)}
    assert folded(cells) == {"a", "b"}


def test_the_smallest_that_could_be_shown_goes_with_one_that_would_be_found_by_subtraction() -> None:
    cells = {"a": people(1, prefix="a"), "b": people(7, prefix="b"), "c": people(9)}
    assert folded(cells) == {"a", "b"}


def test_where_all_are_large_enough_nothing_is_folded() -> None:
    assert folded({"a": people(5), "b": people(6)}) == frozenset()


@given(st.dictionaries(st.sampled_from("abcdef"), PEOPLE))
def test_whatever_is_shown_is_above_the_floor_and_so_is_what_is_left_when_it_is_subtracted(
    cells: dict[str, People],
) -> None:
    hidden = folded(cells)
    assert all(is_shown(cells[name]) for name in cells.keys() - hidden)
    if hidden and hidden != cells.keys():
        rest = together(cells[name] for name in hidden)
        assert len(rest) >= LEAST
        assert max(rest.values()) <= MOST * rest.total()
