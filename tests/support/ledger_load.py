"""Callers that ask a running proxy without a pause, and what its file and its ledger must say in the end."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from itertools import count

from proxy.config.ledger_url import LedgerPlace
from proxy.journal.ledger.columns import LIST, Line, shippable
from tests.support.callers import ask as call
from tests.support.postgres import ask
from tests.support.running import RunningProxy


class Load:
    """``callers`` that ask until ``ending``; ``answered`` counts whole answers."""

    def __init__(self, proxy: RunningProxy, callers: int = 4) -> None:
        self._proxy = proxy
        self._callers = callers
        self._numbers = count()
        self.answered = 0
        self.ending = False

    async def run(self) -> None:
        """Ask; whoever is refused fails the test."""
        async with asyncio.TaskGroup() as callers:
            for _ in range(self._callers):
                callers.create_task(self._ask())

    async def _ask(self) -> None:
        while not self.ending:
            heard = await call(self._proxy, f"openai-{next(self._numbers)}")
            assert heard.status == 200, heard
            self.answered += 1
            await asyncio.sleep(0.005)


def in_file(proxy: RunningProxy) -> list[Line]:
    """The rows of the file, as PostgreSQL keeps them."""
    base = sqlite3.connect(f"file:{proxy.home / 'state' / 'calls.db'}?mode=ro", uri=True, timeout=5)
    try:
        found = base.execute(f"SELECT {LIST} FROM attempts WHERE rank > 1 ORDER BY request_id, attempt").fetchall()  # noqa: S608 - constants only
    finally:
        base.close()
    return [shippable(line) for line in found]


def in_ledger(place: LedgerPlace) -> list[Line]:
    """The rows of the ledger."""
    return ask(place, f"SELECT {LIST} FROM tallygate.attempts ORDER BY request_id, attempt")  # noqa: S608 - constants only


def wait_same(proxy: RunningProxy, place: LedgerPlace, seconds: float = 30) -> list[Line]:
    """Wait until the ledger is the file, to the last member of every row; the rows."""
    end = time.monotonic() + seconds
    while (rows := in_file(proxy)) != (there := in_ledger(place)):
        assert time.monotonic() < end, f"{len(rows)} rows in the file, {len(there)} in the ledger"
        time.sleep(0.1)
    return rows


def gauge(proxy: RunningProxy, name: str) -> float:
    """A metric as it is scraped."""
    page = proxy.get("/metrics", base=proxy.admin_url).decode()
    return next(float(line.rpartition(" ")[2]) for line in page.splitlines() if line.startswith(name))
