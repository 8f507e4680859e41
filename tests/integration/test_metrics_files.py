"""Metrics of real worker processes: added up, continued by a successor, neither lost nor doubled by a kill."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from proxy.telemetry import metrics
from proxy.telemetry.files import forget, prepare
from tests.support.exposition import value

WORKER = """
import sys
from pathlib import Path
from proxy.telemetry import metrics
from proxy.telemetry.accumulator import Accumulator
from proxy.telemetry.files import MetricFiles
accumulator = Accumulator(MetricFiles(Path(sys.argv[1]), sys.argv[2]))
requests = accumulator.cell(metrics.REQUESTS, "r", "u", "m", "t", "ok")
waits = accumulator.histogram(metrics.STAGES, "hold")
accumulator.cell(metrics.INFLIGHT).value = 1
for line in sys.stdin:
    for _ in range(int(line)):
        requests.value += 1
        waits.observe(0.001)
    accumulator.flush()
    print("flushed", flush=True)
"""
LABELS = {"route": "r", "upstream": "u", "model": "m", "team": "t", "outcome": "ok"}


class Worker:
    """A process that counts on demand."""

    def __init__(self, folder: Path, slot: str) -> None:
        command = [sys.executable, "-c", WORKER, str(folder), slot]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def count(self, calls: int) -> None:
        """Let it count so many calls and flush."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{calls}\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "flushed\n"

    def kill(self) -> None:
        """Kill it hard."""
        self._process.send_signal(signal.SIGKILL)
        self._process.communicate()


def test_processes_are_added_up_and_restarts_neither_lose_nor_double(tmp_path: Path) -> None:
    folder = tmp_path / "metrics"
    prepare(folder)
    workers = {slot: Worker(folder, slot) for slot in ("0", "1")}
    try:
        for turn in range(3):
            for worker in workers.values():
                worker.count(10)
            assert value(folder, metrics.INFLIGHT.name) == 2
            workers["0"].kill()
            forget(folder)
            assert value(folder, metrics.INFLIGHT.name) == 1
            assert value(folder, metrics.REQUESTS.name, **LABELS) == 20 * (turn + 1)
            workers["0"] = Worker(folder, "0")
        workers["0"].count(1)
        assert value(folder, metrics.REQUESTS.name, **LABELS) == 61
        assert value(folder, f"{metrics.STAGES.name}_count", stage="hold") == 61
        assert len(list(folder.glob("counter_*.db"))) == 2
    finally:
        for worker in workers.values():
            worker.kill()
