"""What must be true of a running proxy when nothing runs: nothing is held, and counters are the sum of the journal."""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import redis

from proxy.domain.meter import Charge, MeterKind
from proxy.domain.row import Row
from proxy.journal import entries
from proxy.journal.amendments import amendments, granted
from tests.support.ledger_truth import check_rest
from tests.support.running import RunningProxy

ORG = "acme"


def store_of(proxy: RunningProxy) -> Path:
    """The socket of the embedded store."""
    return next((proxy.home / "state").rglob("store.sock"))


def wait_rest(proxy: RunningProxy, store: Path | None = None, seconds: float = 15.0) -> list[Row]:
    """Wait until counters equal the journal and nothing is held; returns the rows. Fails with what is still wrong."""
    raw = redis.Redis(unix_socket_path=str(store or store_of(proxy)), socket_timeout=5)
    end = time.monotonic() + seconds
    try:
        while True:
            rows = proxy.rows()
            try:
                check_rest(raw, ORG, _charges(proxy, rows))
            except (AssertionError, redis.RedisError) as wrong:
                if time.monotonic() > end:
                    log = proxy.log.read_text()[-3000:]
                    raise AssertionError(f"not at rest after {seconds:g} s: {wrong}\n{log}") from None
                time.sleep(0.05)
            else:
                _check_balances(proxy, rows)
                return rows
    finally:
        raw.close()


def _check_balances(proxy: RunningProxy, rows: list[Row]) -> None:
    """The journal's own sums, which a flushed store would be given, are those of its rows."""
    due: Counter[tuple[str, MeterKind]] = Counter()
    for charge in _charges(proxy, rows):
        due[charge.key, charge.kind] += charge.amount
    with closing(_journal(proxy)) as base:
        for kind, sums in ((MeterKind.BUDGET, entries.totals(base)), (MeterKind.GRANT, granted(base))):
            wanted = {key: amount for (key, of), amount in due.items() if of is kind and amount}
            assert {key: amount for key, amount in sums.items() if amount} == wanted


def _charges(proxy: RunningProxy, rows: list[Row]) -> list[Charge]:
    """What all rows charge, grants and adjustments included."""
    with closing(_journal(proxy)) as base:
        by_hand = [charge for one in amendments(base) for charge in one.charges]
    return [*by_hand, *(charge for row in rows for charge in row.charges)]


def _journal(proxy: RunningProxy) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{proxy.home / 'state' / 'calls.db'}?mode=ro", uri=True, timeout=5)
