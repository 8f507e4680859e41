"""What must be true of a running proxy when nothing runs: nothing is held, and counters are the sum of the journal."""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from pathlib import Path

import redis

from proxy.domain.row import Row
from proxy.journal import entries
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
                check_rest(raw, ORG, [charge for row in rows for charge in row.charges])
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
    due: Counter[str] = Counter()
    for row in rows:
        for charge in row.charges:
            due[charge.key] += charge.amount
    base = sqlite3.connect(f"file:{proxy.home / 'state' / 'calls.db'}?mode=ro", uri=True, timeout=5)
    try:
        sums = entries.totals(base)
    finally:
        base.close()
    assert {key: amount for key, amount in sums.items() if amount} == +due
