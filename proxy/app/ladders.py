"""The gauge of ladders: on which rung how many scopes stand. Whose they are is in no metric."""

from __future__ import annotations

from proxy.stores.usage import StoreUsage
from proxy.telemetry import metrics
from proxy.telemetry.accumulator import Accumulator


class LadderGauge:
    """Of one worker."""

    def __init__(self, usage: StoreUsage, accumulator: Accumulator) -> None:
        """``usage`` says what stands."""
        self._usage = usage
        self._accumulator = accumulator
        self._shown: frozenset[tuple[str, int]] = frozenset()

    def refresh(self) -> None:
        """Show what stands now, and forget what no longer does."""
        standing = self._usage.standing
        if not standing and not self._shown:
            return
        for rule, rung in self._shown - standing.keys():
            self._accumulator.forget(metrics.LADDERS, rule, str(rung))
        for (rule, rung), scopes in standing.items():
            self._accumulator.cell(metrics.LADDERS, rule, str(rung)).set(scopes)
        self._shown = frozenset(standing)
