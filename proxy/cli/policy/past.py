"""A decision that was made: its row in the journal, and what the rules say again where they are still the same.

The files are read only where the row does not say it all, and may be broken: what it knows is told nevertheless.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Final

import msgspec

from proxy.app.generations import generation_of
from proxy.app.policies import loaded_policies
from proxy.cli.records import JOURNAL
from proxy.config.loader import load_settings
from proxy.config.problems import ConfigError
from proxy.config.reading import read
from proxy.domain.decision_id import sought
from proxy.domain.row import Row
from proxy.journal.entries import rows_named
from proxy.journal.schema import connect_readonly
from proxy.metering.table import PriceTable
from proxy.steps.account import OLD, DecisionView, account, asks_rules

_NO_DEMO: Final = "http://127.0.0.1:9"  # nobody is asked
_ANY_TIME: Final = 0.0  # no remark on exemptions is wanted here


class Untold(Exception):
    """The decision cannot be found; the text says where it was looked for."""


def account_of(name: str, state: Path | None, config: Path, environ: Mapping[str, str]) -> DecisionView:
    """What was decided, by its name or the id of its request.

    Raises ``Untold``, and ``ConfigError`` where the configuration itself must say where the journal is and cannot.
    """
    row = _row(name, (state or load_settings(config, environ).state) / JOURNAL)
    if not asks_rules(row):
        return account(row, None, "")
    try:
        return _by_files(row, config, environ)
    except ConfigError as error:
        first = str(error.problems[0]).partition("\n")[0]  # without the source line
        return _noted(account(row, None, ""), f"Only this is known, for the rules cannot be read now: {first}")


def _by_files(row: Row, config: Path, environ: Mapping[str, str]) -> DecisionView:
    """Decide again by the rules of the files, if they are those of the row. Raises ``ConfigError``."""
    reading = read(config, environ)
    table = PriceTable.load()
    loaded = loaded_policies(reading, table, _ANY_TIME)
    generation = generation_of(reading, table, _NO_DEMO if reading.settings.demo else None, loaded)
    directory = reading.directory
    people = {directory.pseudonym("user", user): user for user in directory.users}
    view = account(row, generation, people.get(row.principal, ""))
    if view.note != OLD or row.generation == generation.id:
        return view
    return _noted(view, f"Generation {row.generation} decided this; these files are generation {generation.id}.")


def _noted(view: DecisionView, note: str) -> DecisionView:
    return msgspec.structs.replace(view, note=note)


def told(view: DecisionView) -> Iterator[str]:
    """Plain words, a line each."""
    yield f"decision {view.decision or 'none'} about request {view.request_id}, {view.at}"
    where = f"team {view.team}" + (f", project {view.project}" if view.project else "")
    yield f"asked {view.model_requested or 'no model'} at {view.endpoint}, {where}"
    ended = f"{view.outcome} {view.status}" + (f", {view.error}" if view.error else "")
    yield f"ended {ended}; generation {view.generation}"
    yield ""
    yield from view.why
    yield view.note


def _row(name: str, path: Path) -> Row:
    one = sought(name)
    if one is None:
        raise Untold(
            f"{name!r} is no decision and no request; write d_… as in x-tally-decision, or the id as in x-request-id"
        )
    try:
        with closing(connect_readonly(path)) as db:
            rows = rows_named(db, one.begin, one.end)
    except sqlite3.Error as error:
        raise Untold(f"{path} cannot be read: {error}. Run this where the proxy runs, or name its --state") from None
    if not rows:
        raise Untold(f"{path} has no such call; rows of other machines are in their own journals")
    return rows[-1]
