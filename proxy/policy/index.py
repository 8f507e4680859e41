"""Where to look for the rules that are about somebody, without asking all of them.

Every rule lies where its narrowest name is: under a key, a project, a person, a team, a group, or with those for everyone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Generic, Protocol, TypeVar

from proxy.policy.rule import Selector
from proxy.policy.saying import Ground

_NARROW_TO_WIDE = ("keys", "projects", "users", "teams", "groups")


class Matched(Protocol):
    """What can be looked for: it is about whomever all of its selectors fit."""

    @property
    def match(self) -> tuple[Selector, ...]:
        """All of them must fit."""
        ...


M = TypeVar("M", bound=Matched)


class Index(Generic[M]):
    """Built once for a generation."""

    def __init__(self, items: Iterable[M]) -> None:
        """Keep them, each under its names; what comes back comes in the order given here."""
        self._for_all: list[tuple[int, M]] = []
        self._named: defaultdict[tuple[str, str | None], list[tuple[int, M]]] = defaultdict(list)
        for position, item in enumerate(items):
            dimension, names = _narrowest(item.match)
            if not dimension:
                self._for_all.append((position, item))
            for name in names:
                self._named[dimension, name].append((position, item))
        self._named.default_factory = None

    def about(self, ground: Ground) -> Iterator[M]:
        """Give everything that may be about a ground; the selectors themselves must still be asked."""
        own = [("keys", ground.key), ("projects", ground.project), ("users", ground.user), ("teams", ground.team)]
        found = dict(self._for_all)
        for place in (*own, *(("groups", group) for group in ground.groups)):
            found.update(self._named.get(place, ()))
        for position in sorted(found):
            yield found[position]


def _narrowest(match: Iterable[Selector]) -> tuple[str, frozenset[str]]:
    for dimension in _NARROW_TO_WIDE:
        for selector in match:
            if names := getattr(selector, dimension):
                return dimension, names
    return "", frozenset()
