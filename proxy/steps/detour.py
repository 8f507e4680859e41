"""Why an attempt is planned anew before anything was held or sent: rules want other upstreams, or a spent budget gives way.

No call goes in circles: between two budgets that give way it is sent to each model once, and each budget gives way once.
"""

from __future__ import annotations

from collections.abc import Callable

from proxy.domain.errors import Unavailable
from proxy.domain.upstream import Upstream
from proxy.steps.visit import Visit


class Elsewhere(Exception):
    """The call is for a model that the upstream at hand does not serve."""

    def __init__(self, model: str) -> None:
        """``model``: as callers name it."""
        super().__init__(model)
        self.model = model


class GivesWay(Exception):
    """The hold is refused by budgets alone that send calls past them elsewhere."""

    def __init__(self, rules: frozenset[str]) -> None:
        """``rules``: those budgets; the decision is to be made again, knowing them spent."""
        super().__init__(", ".join(sorted(rules)))
        self.rules = rules


class Way:
    """Where a call was sent so far, and who is left to be asked."""

    def __init__(self, visit: Visit, model: str, upstreams_of: Callable[[str], list[Upstream]]) -> None:
        """Begin at the model that the caller asked for. ``upstreams_of`` a model, in their order; it may raise."""
        self._visit = visit
        self._upstreams_of = upstreams_of
        self._been = {model}
        self._failed: list[Upstream] = []
        self.left = upstreams_of(model)

    def failed(self, upstream: Upstream) -> None:
        """Ask this one no more, on whatever way."""
        self._failed.append(upstream)
        self._visit.tried = 0

    def turn(self, why: Elsewhere | GivesWay, at: Upstream) -> None:
        """Go on as ``at`` was told to. Raises ``Unavailable`` where the call would go in circles."""
        if isinstance(why, GivesWay):
            self._visit.spent |= why.rules
            self._been.clear()  # what was decided before no longer counts
            self.left.insert(0, at)
            return
        if why.model in self._been:
            raise Unavailable(
                f"Rules send this call in circles: at the upstreams of {why.model!r} they want another model than elsewhere. "
                "They depend on the upstream; ask whoever wrote them.",
                code="route_circular",
            )
        self._been.add(why.model)
        self.left = [one for one in self._upstreams_of(why.model) if one not in self._failed]
