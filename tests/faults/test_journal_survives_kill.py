"""kill -9 of a process that writes the journal, again and again: what it was told is committed is there afterwards."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import time
from functools import partial
from itertools import pairwise
from pathlib import Path
from random import Random

from proxy.domain.meter import Settlement
from proxy.journal.log import open_log
from proxy.journal.schema import seq_of
from proxy.journal.writer import Writer
from tests.support.journal_rows import BUDGET, make_row

KILLS = 12


async def write_for_ever(path: Path, slot: int, round_: int) -> None:
    """Book rows as a busy worker does, and print the last seq of every commit that it hears of."""

    def acknowledge(settlements: list[Settlement]) -> None:
        os.write(1, f"{settlements[-1].seq} {settlements[-1].hold_id}\n".encode())

    writer = Writer(partial(open_log, path, slot), lambda event, what: sys.exit(f"{event}: {what}"))
    writer.committed = acknowledge
    for n in range(10**9):
        writer.put(make_row(f"{slot}-{round_}-{n}", 1), f"{slot}-{round_}-{n}:1")
        if n % 7 == 0:
            await asyncio.sleep(0)
        if n % 500 == 0:
            await asyncio.sleep(0.005)


def start(path: Path, slot: int, round_: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, __file__, str(path), str(slot), str(round_)]
    root = Path(__file__).resolve().parents[2]
    return subprocess.Popen(command, stdout=subprocess.PIPE, cwd=root, env=os.environ | {"PYTHONPATH": str(root)})


def test_no_acknowledged_row_is_lost_and_no_seq_is_missing_after_many_kills(tmp_path: Path) -> None:
    path, dice = tmp_path / "calls.db", Random(7)
    acknowledged: dict[int, list[tuple[int, str]]] = {0: [], 1: []}
    for round_ in range(KILLS // 2):
        workers = {slot: start(path, slot, round_) for slot in (0, 1)}
        for worker in workers.values():
            assert worker.stdout is not None
            worker.stdout.readline()  # it is at work
        time.sleep(dice.uniform(0.02, 0.3))
        for slot, worker in workers.items():
            worker.send_signal(signal.SIGKILL)
            lines = worker.communicate()[0].decode().rpartition("\n")[0].splitlines()
            acknowledged[slot] += [(int(seq), hold) for seq, hold in (line.split() for line in lines)]

    db = sqlite3.connect(path)
    assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    for slot, told in acknowledged.items():
        entries = db.execute(
            "SELECT a.id, a.hold FROM attempts a JOIN journals j ON j.id = a.id >> 40 WHERE j.name LIKE ? ORDER BY a.id",
            (f"%.{slot}",),
        ).fetchall()
        found = {seq_of(entry): hold for entry, hold in entries}
        assert list(found) == list(range(1, len(found) + 1))
        assert told
        assert [found.get(seq) for seq, _ in told] == [hold for _, hold in told]
        assert all(one < other for one, other in pairwise(seq for seq, _ in told))
    rows, sums = db.execute(
        "SELECT count(*), (SELECT sum(amount) FROM balances WHERE key = ?) FROM attempts", (BUDGET,)
    ).fetchone()
    db.close()
    assert rows == sums


if __name__ == "__main__":
    asyncio.run(write_for_ever(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
