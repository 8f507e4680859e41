"""A scope as a worker knows it, between what it sees and what the store hears of it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxy.domain.decision import Watch
from proxy.stores.scope_view import Told, View

LADDER = "org/loop"
SEEN, TOLD, LOST, READ = "seen", "told", "lost", "read"


def hear(store: dict[str, int], told: dict[str, Told]) -> None:
    """What ``usage.lua`` does with ladders."""
    for ladder, (dropped, since) in told.items():
        if dropped and store.get(ladder) == dropped:
            del store[ladder]
        if since:
            store.setdefault(ladder, since)


@given(
    st.lists(
        st.sampled_from((SEEN, SEEN, TOLD, LOST, READ)).flatmap(lambda what: st.tuples(st.just(what), st.booleans()))
    )
)
def test_the_store_knows_in_the_end_since_when_a_ladder_stands(steps: list[tuple[str, bool]]) -> None:
    """However often it fell and began anew, and whatever was not heard at first."""
    view, store = View(4), dict[str, int]()
    began: int | None = None
    for now, (what, holds) in enumerate(steps, start=1):
        if what == SEEN:
            began = (began or now) if holds else None
            view.watch(Watch(LADDER, "org", began or 0, int(holds)))
        elif what == TOLD:
            hear(store, view.tell())
        elif what == LOST:
            view.tell_again(view.tell())
        else:
            view.take([0] * 4, [0] * 4, dict(store), (), float(now))
        assert view.since.get(LADDER) == began
        assert (LADDER in view.rungs) == (began is not None)
    hear(store, view.tell())
    assert store.get(LADDER) == began


def test_what_comes_while_the_store_answers_is_added_to_its_answer() -> None:
    view = View(3)
    view.add([(0, 5)])
    view.take([10, 1, 0], [20, 2, 0], {}, [1, 0, 7], 3.0)
    assert (view.hour, view.day) == ([11, 1, 7], [21, 2, 7])
    assert not view.is_due(3.0)
    assert view.is_due(3.1)
