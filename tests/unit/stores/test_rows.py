"""Draws and charges on their way to the scripts."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.domain.meter import Charge, Draw, MeterKind, Unit
from proxy.stores.rows import EXACT, pack_charges, pack_draws, unpack_draws

amounts = st.integers(0, EXACT)
draws = st.builds(
    Draw,
    key=st.text(max_size=40),
    kind=st.sampled_from(MeterKind),
    unit=st.sampled_from(Unit),
    amount=amounts,
    limit=amounts,
    interval_us=amounts,
    period_start=st.integers(0, 2**40),
    period_end=st.integers(0, 2**40),
    enforce=st.booleans(),
)


@given(st.lists(draws, max_size=20))
def test_what_a_hold_keeps_is_what_was_drawn(wanted: list[Draw]) -> None:
    assert unpack_draws(pack_draws(wanted)) == tuple(wanted)


def test_charges_keep_their_sign() -> None:
    flat = msgspec.msgpack.decode(pack_charges([Charge("k", MeterKind.RATE, -5, 7, 9)]))
    assert flat == ["k", 1, -5, 7, 9]


@pytest.mark.parametrize("amount", [EXACT + 1, -EXACT - 1])
def test_what_lua_cannot_count_exactly_is_refused(amount: int) -> None:
    with pytest.raises(ValueError, match="2\\^53"):
        pack_charges([Charge("k", MeterKind.BUDGET, amount)])
    with pytest.raises(ValueError, match="2\\^53"):
        pack_draws([Draw("k", MeterKind.BUDGET, Unit.NUSD, amount, 1)])
