"""What is the same for all calls with the same meters, worked out once: their rows as the scripts read them, but for amounts.

Made by the production code that makes draws and packs them, from draws with amounts that tell which is which; so that
nothing of its rules stands here a second time.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import msgspec

from proxy.app.replay.bearing import is_felt
from proxy.domain.decision import Obligation
from proxy.domain.meter import Charge, MeterKind, Unit
from proxy.policy.draws import Amounts, draw
from proxy.stores.rows import EXACT, pack_charges, pack_draws

_KEPT: Final = 16_384
_MICRO: Final = 1_000_000
_FOREVER_US: Final = 1 << 62
_MOST: Final = EXACT - 1  # as draws have it
_TELLING: Final = Amounts(input_nusd=0, expected_nusd=11, ceiling_nusd=22, expected_tokens=33)
_COLUMNS: Final = {11: 0, 22: 1, 33: 2, 1: 3}
_FINAL: Final = {Unit.NUSD: 0, Unit.TOKENS: 1, Unit.REQUESTS: 2, Unit.CALLS: 2}
_DRAW, _CHARGE, _AMOUNT = 7, 5, 2  # widths of a row, and where its amount stands

_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder().decode


class Watched(NamedTuple):
    """A meter whose caller is told something from a level on (that of after the hold), or when it is over."""

    place: int
    level: int


class Form(NamedTuple):
    """The meters of a call in their periods. ``held`` and ``final`` say which of its amounts each of them takes."""

    wishes: tuple[Obligation, ...]  # that are felt; the others are not held
    since_us: int
    until_us: int
    drawn: list[Any]
    charged: list[Any]
    held: tuple[int, ...]
    final: tuple[int, ...]
    money: tuple[int, ...]  # which amounts budgets take, those in audit too
    may_turn: bool  # a refusal may send the call elsewhere
    watched: tuple[Watched, ...]


class Rows(NamedTuple):
    """What a call holds and is settled with; ``amounts`` in the order of ``form.wishes``."""

    form: Form
    draws: bytes
    charges: bytes
    amounts: list[int]
    most_nusd: int  # the most money that a budget holds


class Forms:
    """Of one org's meters."""

    def __init__(self, org: str) -> None:
        """Nothing is worked out yet."""
        self._org = org
        self._known: dict[tuple[Obligation, ...], Form] = {}

    def rows(self, wishes: tuple[Obligation, ...], amounts: Amounts, final: tuple[int, int, int], at_us: int) -> Rows:
        """Fill in the amounts. ``final``: money, tokens and 1."""
        form = self._known.get(wishes)
        if form is None or not form.since_us <= at_us < form.until_us:
            form = self._made(wishes, at_us)
        expected, ceiling = amounts.expected_nusd, amounts.ceiling_nusd
        tokens = amounts.expected_tokens
        have = (min(expected, _MOST), min(expected if ceiling is None else ceiling, _MOST), min(tokens, _MOST), 1)
        most = max([have[column] for column in form.money], default=0)
        if not form.wishes:
            return Rows(form, b"", b"", [], most)
        held = [have[column] for column in form.held]
        drawn, charged = form.drawn.copy(), form.charged.copy()
        drawn[_AMOUNT::_DRAW] = held
        charged[_AMOUNT::_CHARGE] = [final[column] for column in form.final]
        return Rows(form, _encode(drawn), _encode(charged), held, most)

    def _made(self, asked: tuple[Obligation, ...], at_us: int) -> Form:
        wishes = tuple([wish for wish in asked if is_felt(wish)])
        draws = [draw(wish, self._org, _TELLING, at_us) for wish in wishes]
        every = [draw(wish, self._org, _TELLING, at_us) for wish in asked if wish.unit is Unit.NUSD]
        charges = [Charge(one.key, one.kind, 0, one.interval_us, one.period_end) for one in draws]
        form = Form(
            wishes=wishes,
            since_us=max([one.period_start * _MICRO for one in draws], default=0),
            until_us=min([one.period_end * _MICRO or _FOREVER_US for one in draws], default=_FOREVER_US),
            drawn=_decode(pack_draws(draws)),
            charged=_decode(pack_charges(charges)),
            held=tuple([_COLUMNS[one.amount] for one in draws]),
            final=tuple([_FINAL[one.unit] for one in draws]),
            money=tuple({_COLUMNS[one.amount] for one in every}),
            may_turn=True in [wish.enforce and wish.when_spent == "route" for wish in wishes],
            watched=tuple([
                Watched(place, _told_from(wish)) for place, wish in enumerate(wishes) if wish.mode != "audit"
            ]),
        )  # fmt: skip
        if len(self._known) >= _KEPT:
            self._known.clear()
        self._known[asked] = form
        return form


def _told_from(wish: Obligation) -> int:
    """The level from which ``policy.levels.warnings`` may have a word; it is asked only from there on."""
    if wish.kind is not MeterKind.BUDGET:
        return _FOREVER_US
    spent = (wish.base or wish.limit) + 1
    return min(spent, *wish.warn_at) if wish.warn_at else spent
