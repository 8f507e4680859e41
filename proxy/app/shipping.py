"""The shipper's process: rows go from the file to the ledger here, beside the workers and never on their loops.

It obeys the supervisor alone. When the line breaks the supervisor is dead and it ends; killed without asking it loses
nothing, and another one goes on where the file says.
"""

from __future__ import annotations

import os
import random
import select
import signal
import socket
from pathlib import Path

from proxy.app.ledger import FINISH_S, LEDGER_VARIABLE
from proxy.config.ledger_url import parse_ledger
from proxy.journal.ledger.rounds import Rounds, Standing
from proxy.journal.ledger.shipper import Shipper
from proxy.server.link import DEGRADED, READY
from proxy.telemetry import metrics
from proxy.telemetry.accumulator import Accumulator
from proxy.telemetry.files import MetricFiles
from proxy.telemetry.logs import Log


def ship(state: Path, link_fd: int, log: Log) -> int:
    """Ship until the supervisor says otherwise; the exit code."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)  # a service manager signals everybody; the workers' last rows come first
    place = parse_ledger(os.environ[LEDGER_VARIABLE])
    with socket.socket(fileno=link_fd) as line:
        line.set_inheritable(False)
        tell = _Teller(line, log)
        shipper = Shipper(state / "calls.db", place, lambda event, what: log.event("error", event, detail=what))
        rounds = Rounds(shipper, tell.change, random.SystemRandom().random)
        gauges = _Gauges(Accumulator(MetricFiles(state / "metrics", "ledger")))
        tell.say(READY)
        told_to_end = False
        while not told_to_end:
            wait_s = rounds.turn()
            gauges.show(rounds.standing)
            told_to_end = _orders(line, wait_s)
        rounds.finish(FINISH_S)
        gauges.close(rounds.standing)
        shipper.close()
    log.sink.flush()
    return 0


def _orders(line: socket.socket, wait_s: float) -> bool:
    """Wait; whether it is time to end. Reloading is nothing to us, every other word is the end, and so is silence for ever."""
    readable, _, _ = select.select([line], [], [], wait_s)
    if not readable:
        return False
    try:
        words = line.recv(4096).split()
    except ConnectionError:
        return True
    return any(word != b"reload" for word in words) or not words


class _Teller:
    """Says what changed, once: a line in the log, and a phrase for ``/readyz``."""

    def __init__(self, line: socket.socket, log: Log) -> None:
        self._line, self._log = line, log

    def change(self, before: Standing, now: Standing) -> None:
        """Tell of a ledger that went, refuses, or is back."""
        if now.up:
            self._log.event("info", "ledger_back", waiting=now.unshipped, detail="rows are shipped again")
            self.say(DEGRADED)
            return
        detail = f"{now.fault}; rows wait in the file and nothing is lost"
        self._log.event("error" if now.refused else "warning", "ledger_away", waiting=now.unshipped, detail=detail)
        if before.up:
            self.say(DEGRADED, "the ledger is away")

    def say(self, word: str, rest: str = "") -> None:
        """Send a line to the supervisor; one that is gone is noticed by ``_orders``."""
        try:
            self._line.sendall(f"{word} {rest}".rstrip().encode() + b"\n")
        except OSError:
            return


class _Gauges:
    """Shows the standing to the process that is scraped."""

    def __init__(self, accumulator: Accumulator) -> None:
        self._accumulator = accumulator

    def show(self, standing: Standing) -> None:
        """Set and write."""
        cell = self._accumulator.cell
        cell(metrics.LEDGER_UP, "postgresql").set(1.0 if standing.up else 0.0)
        cell(metrics.LEDGER_LAG).set(standing.lag_s)
        cell(metrics.LEDGER_UNSHIPPED).set(standing.unshipped)
        cell(metrics.LEDGER_ROWS).value = standing.shipped
        self._accumulator.flush()

    def close(self, standing: Standing) -> None:
        """For the last time."""
        self.show(standing)
        self._accumulator.close()
