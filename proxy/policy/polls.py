"""Conditions that are asked together: crossing over to the engine costs as much as a condition, so it is done once for ten.

What is asked together depends on who calls. Few sets of conditions differ, so what was joined is remembered.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, Protocol

import msgspec

from proxy.policy import expr
from proxy.policy.rule import Expression
from proxy.policy.views import Views

FEWEST: Final = 3  # conditions that are worth joining
MOST: Final = 10  # the engine bounds how deep an expression may be
REMEMBERED: Final = 256  # joints of a generation; beyond, conditions are asked one by one


class _Asked(Protocol):
    """What is asked only if its condition holds."""

    @property
    def when(self) -> Expression | None: ...
    @property
    def zone(self) -> str: ...


class Poll(msgspec.Struct, frozen=True):
    """Conditions that see the same layout, and the places of those who ask."""

    zone: str
    places: tuple[int, ...]
    each: tuple[Expression, ...]
    joint: expr.Joint | None = None

    def hold(self, activation: Any) -> list[bool | None]:
        """What each says; None for an error while it ran."""
        if self.joint is not None:
            return self.joint.hold(activation)
        return [one.holds(activation) for one in self.each]


class Polls:
    """Of one generation."""

    def __init__(self) -> None:
        """Nothing is joined yet."""
        self._joints: dict[tuple[str, ...], expr.Joint | None] = {}

    def of(self, asked: Sequence[_Asked]) -> tuple[Poll, ...]:
        """How to ask all conditions of these, those of a zone together."""
        zones: dict[str, list[tuple[int, Expression]]] = {}
        for at, one in enumerate(asked):
            if one.when is not None:
                zones.setdefault(one.zone, []).append((at, one.when))
        return tuple(self._polls(zones))

    def _polls(self, zones: dict[str, list[tuple[int, Expression]]]) -> Iterator[Poll]:
        for zone, members in zones.items():
            for first in range(0, len(members), MOST):
                places, each = zip(*members[first : first + MOST], strict=True)
                yield Poll(zone, places, each, self._joint(each))

    def _joint(self, each: tuple[Expression, ...]) -> expr.Joint | None:
        own = [one for one in each if isinstance(one, expr.Expression)]
        if len(own) < max(len(each), FEWEST):
            return None
        sources = tuple([one.source for one in own])
        if sources not in self._joints:
            if len(self._joints) >= REMEMBERED:
                return None
            self._joints[sources] = expr.joined(own)
        return self._joints[sources]


def answers(polls: Sequence[Poll], views: Views, count: int) -> list[bool | None]:
    """What the conditions of ``count`` who ask say; who has none is answered yes."""
    held: list[bool | None] = [True] * count
    for poll in polls:
        for place, holds in zip(poll.places, poll.hold(views.of(poll.zone)), strict=True):
            held[place] = holds
    return held
