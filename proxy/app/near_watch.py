"""How far near answers are trusted, told to those who ask: metrics and probes once a second, and a line in the log when it ends."""

from __future__ import annotations

from proxy.steps.near_trust import RESULTS, NearTrust
from proxy.telemetry import metrics
from proxy.telemetry.accumulator import Accumulator
from proxy.telemetry.logs import Log


class NearWatch:
    """Of one worker."""

    def __init__(self, accumulator: Accumulator, log: Log, trust: NearTrust) -> None:
        """Nothing is shown of rules under which nothing was compared."""
        self._accumulator = accumulator
        self._log = log
        self._trust = trust
        self._shown: frozenset[str] = frozenset()
        self._told: tuple[str, frozenset[str]] = ("", frozenset())  # generation, and its rules that the log knows of

    def refresh(self, generation: str) -> tuple[str, ...]:
        """Bring the gauges up to date; gives what probes are told, a phrase for each rule whose near mode is off."""
        cell, trust = self._accumulator.cell, self._trust
        for result in RESULTS:
            if trust.results[result]:
                cell(metrics.CACHE_VERIFIED, result).value = trust.results[result]
        shares, off = trust.shares(generation), trust.off(generation)
        for rule, share in shares.items():
            cell(metrics.CACHE_DISAGREEMENT, rule).set(share.ratio)
            cell(metrics.CACHE_NEAR_OFF, rule).set(1.0 if rule in off else 0.0)
        for gone in self._shown - shares.keys():
            self._accumulator.forget(metrics.CACHE_DISAGREEMENT, gone)
            self._accumulator.forget(metrics.CACHE_NEAR_OFF, gone)
        self._shown = frozenset(shares)
        self._tell(generation)
        return tuple(
            f"near answers are off for rule {rule}: too many differed when they were asked again" for rule in off
        )

    def _tell(self, generation: str) -> None:
        off = self._trust.off(generation)
        known = self._told[1] if self._told[0] == generation else frozenset()
        for rule in off.keys() - known:
            share = off[rule]
            detail = (
                f"{share.differ} of {share.of} near answers differed when they were asked again; exact repeats go on"
            )
            self._log.event("warning", "near_mode_off", rule=rule, generation=generation, detail=detail)
        self._told = (generation, frozenset(off))
