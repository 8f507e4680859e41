"""The words that a refusal's row keeps, for whoever asks later why: the decision explained, with the meters of that moment.

A client that hammers at a closed door gets its refusals as fast as ever; only the first of a second are explained in full,
so that a flood costs neither time nor disk. Of the others the row names the rule, and the facts to decide again.
"""

from __future__ import annotations

from typing import Final

from proxy.domain.errors import CallError
from proxy.policy.explain import explain
from proxy.steps.visit import Visit

A_SECOND: Final = 20  # explanations of one worker
MOST_LINES: Final = 24
MOST_TEXT: Final = 400  # characters of a line


class Explaining:
    """Of one worker."""

    def __init__(self) -> None:
        """Nothing was explained yet."""
        self._second = 0
        self._given = 0

    def words(self, visit: Visit, error: BaseException, now: float) -> tuple[str, ...]:
        """Explain a call that a rule refused, line by line; nothing of any other. ``now``: monotonic seconds."""
        if (
            visit.decision is None
            or not isinstance(error, CallError)
            or error.policy is None
            or not self._may(int(now))
        ):
            return ()
        lines = visit.why or explain(visit.decision, visit.refused_on, visit.refused_at_us)
        return tuple([_short(line) for line in lines[:MOST_LINES]])

    def _may(self, second: int) -> bool:
        if second != self._second:
            self._second, self._given = second, 0
        self._given += 1
        return self._given <= A_SECOND


def _short(line: str) -> str:
    return line if len(line) <= MOST_TEXT else f"{line[: MOST_TEXT - 1]}…"
