"""The ledger in PostgreSQL, where one is configured: can it be reached, and does it have the tables of this release."""

from __future__ import annotations

from proxy.app.doctor.finding import Finding, fail, ok, warn
from proxy.config.ledger_url import parse_ledger
from proxy.config.settings import Settings
from proxy.journal.ledger import schema
from proxy.journal.ledger.door import LedgerAway, connect


def ledger(settings: Settings) -> Finding:
    """Look without changing anything."""
    name = "ledger"
    if settings.ledger.embedded:
        return ok(name, "reports read this machine's journal")
    place = parse_ledger(settings.ledger.url)
    try:
        with connect(place) as connection:
            found = schema.version(connection)
    except LedgerAway as away:
        return fail(name, str(away), "check ledger.url; calls go on, and rows wait in calls.db")
    if found is None:
        return warn(name, f"{place} has no tables of ours yet", "the proxy makes them when it first ships")
    return ok(name, f"{place}, schema {found}")
