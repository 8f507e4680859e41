"""What aimock reports of every call, and whether the proxy booked exactly that."""

from __future__ import annotations

from decimal import Decimal

from proxy.domain.row import Row
from tests.support.running import RunningProxy

TEXT = "Hello from aimock, word by word."
PRICES = "{ input: 2, cached_read: 0.2, cache_write: 2.5, output: 10 }"  # USD per million tokens
INPUT, CACHED, OUTPUT = 1200, 1024, 9  # of every call: see upstream.mjs
WRITTEN = {"anthropic_messages": 76}  # into the provider's cache; part of the input
COST_NUSD = {  # a dollar per million tokens is 1,000 nano-dollars a token
    "anthropic_messages": 100 * 2_000 + CACHED * 200 + 76 * 2_500 + OUTPUT * 10_000,
    "openai_chat": 176 * 2_000 + CACHED * 200 + OUTPUT * 10_000,
    "openai_responses": 176 * 2_000 + CACHED * 200 + OUTPUT * 10_000,
}


class Bookings:
    """The rows that a proxy writes from now on."""

    def __init__(self, proxy: RunningProxy) -> None:
        """``proxy`` serves nobody else meanwhile."""
        self._proxy = proxy
        self._before = len(proxy.rows())

    def streamed(self, *dialects: str, ref: str | None = "PAY-12", session: str | None = None) -> list[Row]:
        """One row a dialect, in the order of the calls; fails unless every figure in them is aimock's."""
        rows = self._proxy.wait_rows(self._before + len(dialects))[self._before :]
        assert [row.dialect for row in rows] == list(dialects)
        for row in rows:
            assert (row.outcome, row.status, row.stream, row.model) == ("ok", 200, True, row.model_requested)
            assert (row.team, row.project, row.ref, row.via) == ("growth", "crm", ref, "path" if ref else "key")
            assert (row.usage.input, row.usage.cached_read, row.usage.output) == (INPUT, CACHED, OUTPUT)
            assert (row.usage.cache_write or 0, row.usage.usage_source) == (WRITTEN.get(row.dialect, 0), "reported")
            assert row.cost_nusd == COST_NUSD[row.dialect]
            assert session is None or row.session == session
            self._told(row)
        return rows

    def _told(self, row: Row) -> None:
        """The caller, who asks for a call, is told what is in its row."""
        told = self._proxy.get_json(f"/v1/calls/{row.request_id}")
        assert (told["dialect"], told["project"], told["ref"]) == (row.dialect, row.project, row.ref)
        assert Decimal(told["cost_usd"]) * 10**9 == row.cost_nusd
        (attempt,) = told["attempts"]
        assert (attempt["model"], attempt["cost_nusd"]) == (row.model, row.cost_nusd)
        assert (attempt["usage"]["input"], attempt["usage"]["cached_read"]) == (INPUT, CACHED)
