"""Upstreams are asked in the order of the file, or as their weights divide sessions among them."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from proxy.domain.upstream import Upstream
from proxy.steps.order import order


def at(name: str, weight: int | None = None) -> Upstream:
    return Upstream(name, "openai", "https://a.example", weight=weight)


def names(upstreams: list[Upstream]) -> str:
    return "".join(upstream.name for upstream in upstreams)


some = st.lists(st.one_of(st.none(), st.integers(0, 9)), min_size=1, max_size=6).map(
    lambda weights: [at("abcdef"[place], weight) for place, weight in enumerate(weights)]
)


@given(some, st.text())
def test_nobody_is_lost_or_asked_twice_and_equal_draws_give_equal_orders(upstreams: list[Upstream], draw: str) -> None:
    found = order(upstreams, draw)
    assert sorted(names(found)) == sorted(names(upstreams))
    assert order(list(upstreams), draw) == found


@given(some, st.text())
def test_upstreams_without_a_weight_keep_their_place(upstreams: list[Upstream], draw: str) -> None:
    found = order(upstreams, draw)
    for place, upstream in enumerate(upstreams):
        if upstream.weight is None:
            assert found[place] is upstream


@given(some, st.text())
def test_weight_0_stands_in_after_its_neighbours(upstreams: list[Upstream], draw: str) -> None:
    weights = [upstream.weight for upstream in order(upstreams, draw)]
    assert all(later == 0 or later is None for first, later in pairwise(weights) if first == 0)


@given(some, st.text(), st.data())
def test_the_others_keep_their_order_when_one_goes(upstreams: list[Upstream], draw: str, data: st.DataObject) -> None:
    gone = data.draw(st.sampled_from(upstreams))
    weighted = [upstream for upstream in upstreams if upstream.weight is not None]
    before = [upstream for upstream in order(weighted, draw) if upstream is not gone] if weighted else []
    kept = [upstream for upstream in weighted if upstream is not gone]
    assert not kept or order(kept, draw) == before


def test_sessions_are_divided_as_the_weights_say_in_the_first_place_and_the_second() -> None:
    upstreams, sessions = [at("a", 3), at("b", 1), at("c", 1)], 10_000
    orders = Counter(names(order(upstreams, f"session-{number}")) for number in range(sessions))
    first = Counter[str]()
    for found, count in orders.items():
        first[found[0]] += count
    assert abs(first["a"] / sessions - 0.6) < 0.02  # four standard deviations
    assert abs(first["b"] / sessions - 0.2) < 0.016
    # Where b stands first, a and c share what is left 3 to 1.
    assert abs(orders["bac"] / first["b"] - 0.75) < 0.04
