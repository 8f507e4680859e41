"""Exemptions that end: shown as a metric, and told in the log before they do, also where nobody touches a file for months."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from proxy.policy.remarks import SOON_S
from proxy.policy.rule import Exemption
from proxy.telemetry import metrics
from proxy.telemetry.accumulator import Accumulator
from proxy.telemetry.logs import Log


class ExemptionWatch:
    """Of one worker."""

    def __init__(self, accumulator: Accumulator, log: Log, *, speaks: bool) -> None:
        """``speaks``: this worker writes the log for all of its machine."""
        self._accumulator = accumulator
        self._log = log
        self._speaks = speaks
        self._ends: dict[str, float] = {}
        self._untold: list[tuple[float, str, str]] = []  # (when to say it, exemption, its end), the next one last

    def follow(self, exemptions: Iterable[Exemption], now: float) -> None:
        """Watch these instead. What is near its end already was remarked on when it was loaded."""
        ends = {one.name: one.until for one in exemptions}
        for gone in self._ends.keys() - ends.keys():
            self._accumulator.forget(metrics.EXEMPTION_EXPIRES, gone)
        for name, until in ends.items():
            self._accumulator.cell(metrics.EXEMPTION_EXPIRES, name).set(until)
        self._ends = ends
        moments = [(until - SOON_S, name, f"ends {_day(until)}") for name, until in ends.items()]
        moments += [(until, name, "has ended") for name, until in ends.items()]
        self._untold = sorted([one for one in moments if one[0] > now], reverse=True)

    def look(self, now: float) -> None:
        """Say what became due; cheap enough to be asked every second."""
        while self._untold and self._untold[-1][0] <= now:
            _, name, what = self._untold.pop()
            if self._speaks:
                self._log.event("warning", "exemption_ends", detail=f"exemption {name} {what}")


def _day(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"
