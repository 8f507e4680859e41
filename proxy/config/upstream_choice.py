"""The shape of what says when an upstream is asked among others, and when it is left alone."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator

from proxy.config.masking import shown
from proxy.config.quantities import as_text, whole
from proxy.config.shape import PositiveDuration, Shape, Whole
from proxy.domain.upstream import BreakerRule, Queue

_LONGEST = 256  # of any model's name
_MOST_WEIGHT = 1_000_000
_SPECIAL = frozenset("*?[")


def _name(value: object) -> str:
    text = as_text(value, "a model's name")
    if not text or len(text) > _LONGEST or not text.isprintable():
        raise ValueError(f"{shown(text)} is not a model's name")
    return text


def _alias(value: object) -> str:
    name = _name(value)
    if _SPECIAL & set(name):
        raise ValueError(f"{shown(name)} is a pattern; an alias is one name, such as fast")
    return name


def _weight(value: object) -> int:
    weight = whole(value)
    if weight > _MOST_WEIGHT:
        raise ValueError(f"{weight} is more than {_MOST_WEIGHT}; only the proportions of weights count")
    return weight


def _parallel(value: object) -> int:
    count = whole(value)
    if not count:
        raise ValueError("0 at the same time is never; leave the upstream out instead")
    return count


Aliases = dict[Annotated[str, BeforeValidator(_alias)], Annotated[str, BeforeValidator(_name)]]
Weight = Annotated[int, BeforeValidator(_weight)]
Parallel = Annotated[int, BeforeValidator(_parallel)]


class QueueShape(Shape):
    """Calls that wait while ``parallel`` others are under way."""

    max: Whole = 128
    wait: PositiveDuration = 5.0

    def queue(self, parallel: int | None) -> Queue:
        """Give the domain's value."""
        return Queue(parallel, self.max, self.wait)


class BreakerShape(Shape):
    """``failures: 0`` never leaves the upstream alone."""

    failures: Whole = 5
    open: PositiveDuration = 10.0

    def rule(self) -> BreakerRule:
        """Give the domain's value."""
        return BreakerRule(self.failures, self.open)
