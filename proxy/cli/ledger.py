"""``tallygate ledger``: whether the record agrees with itself, rows for other systems, and the ledger filled anew."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from proxy.cli.places import ConfigOption
from proxy.cli.records import JOURNAL, LocalOption, StateOption, journal_of, ledger_of, record_of, settings_of
from proxy.cli.written import write_rows
from proxy.config.settings import Settings
from proxy.journal.schema import connect_readonly, machine_of
from proxy.journal.span import instant
from proxy.journal.spent import Unreadable

app = typer.Typer(help="Check, export and rebuild the record.", no_args_is_help=True, rich_markup_mode="markdown")
EXIT_DIFFERS, EXIT_UNREADABLE = 1, 2


class Form(StrEnum):
    """How rows are written."""

    CSV = "csv"
    JSONL = "jsonl"


@app.callback()
def ledger_group() -> None:
    """Check, export and rebuild the record."""


@app.command()
def verify(
    *,
    since: Annotated[
        str | None, typer.Option(help="Compare calls since then with the ledger; else all.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    local: Annotated[bool, typer.Option("--local", help="Leave the ledger out, for example while it is away.")] = False,
    state: StateOption = None,
    config: ConfigOption = None,
) -> None:
    """Compare this machine's journal with its own sums, with the embedded store's counters, and with the ledger.

    Exit status 0: they agree; 1: they differ; 2: it could not be found out. Safe beside a running proxy.

    Examples:
    - `tallygate ledger verify`

    - `tallygate ledger verify --since 24h --json  # as a job of every night`
    """  # fmt: skip
    from proxy.app.verification import verified  # noqa: PLC0415 - drivers that other commands need not load
    from proxy.cli.findings import document, view  # noqa: PLC0415 - as above

    settings = settings_of(config)
    begin = _instant(since)
    with _journal(state, settings) as (db, path), _could_not(), _bar("comparing", hidden=as_json) as progress:
        found = verified(db, path, settings, None if local else ledger_of(settings), begin, progress)
    if as_json:
        typer.echo(json.dumps(document(found), indent=2))
    else:
        Console(highlight=False).print(view(found))
    raise typer.Exit(EXIT_DIFFERS if found.faults else 0)


@app.command()
def export(
    context: typer.Context,
    *,
    since: Annotated[str, typer.Option(help="24h, 30d, 2w, today, yesterday or 2026-11-01 (UTC).")] = "30d",
    until: Annotated[str | None, typer.Option(help="As --since; else now.", show_default=False)] = None,
    form: Annotated[Form, typer.Option("--format", "-f", help="CSV, or one JSON object a line.")] = Form.CSV,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A file; else standard output.", show_default=False)
    ] = None,
    local: LocalOption = False,
    state: StateOption = None,
    config: ConfigOption = None,
) -> None:
    """Write the rows of a span: of all machines where a ledger is configured, else of this one.

    A row is an attempt; those of one call share its `request_id`. Principals are pseudonyms, and nothing names a person.
    In CSV a text that a spreadsheet would take for a formula gets an apostrophe in front; JSON lines are exact.

    Examples:
    - `tallygate ledger export --since 2026-11-01 --until 2026-12-01 --output november.csv`

    - `tallygate ledger export --since 24h --format jsonl | jq .cost_usd`
    """  # fmt: skip
    from proxy.journal.ledger.export import MEMBERS, exported  # noqa: PLC0415 - SQLAlchemy takes half a second to load

    begin = _instant(since)
    end = _instant(until) or time.time()
    source = record_of(context, state, config, local=local)
    if isinstance(source, Path) and not source.exists():
        raise _stopped(f"there is no {source}; name the folder with {JOURNAL} by --state")
    with _could_not(
        "" if isinstance(source, Path) else ". Check ledger.url; --local writes this machine's rows instead"
    ):
        rows = exported(source, begin or 0.0, end)
        count = write_rows(rows, MEMBERS, output, as_csv=form is Form.CSV)
    if output is not None:
        typer.echo(f"wrote {count:,} rows to {output}", err=True)


@app.command()
def rebuild(
    *,
    begin: Annotated[
        str | None, typer.Option("--from", help="Only calls since then; else all.", show_default=False)
    ] = None,
    state: StateOption = None,
    config: ConfigOption = None,
) -> None:
    """Fill the ledger anew from this machine's journal: for a new database, after a restore, from a dead machine's disk.

    Safe at any time and as often as you like: rows that are right stay as they are, and no row is removed.

    Examples:
    - `tallygate ledger rebuild`

    - `tallygate ledger rebuild --from 2026-11-01`

    - `tallygate ledger rebuild --state /mnt/old-disk/tallygate/state`
    """  # fmt: skip
    from proxy.journal.ledger.pages import count  # noqa: PLC0415 - as above
    from proxy.journal.ledger.rebuild import rebuild as fill  # noqa: PLC0415

    settings = settings_of(config)
    place = ledger_of(settings)
    if place is None:
        raise _stopped('no ledger is configured: `ledger: {url: "postgresql://…"}` in tallygate.yaml names one')
    since = _instant(begin)
    with _journal(state, settings) as (db, _), _could_not(), _bar("sending") as progress:
        progress(0, count(db, since))
        done = fill(db, machine_of(db), place, since, lambda rows: progress(rows, None))
    for line in done.odd:
        typer.echo(f"not taken: {line}", err=True)
    kept = done.rows - done.written - len(done.odd)
    typer.echo(f"{done.rows:,} rows of this machine: {done.written:,} written, {kept:,} were right already")
    raise typer.Exit(EXIT_DIFFERS if done.odd else 0)


Moved = Callable[[int, int | None], None]


@contextmanager
def _bar(what: str, *, hidden: bool = False) -> Iterator[Moved]:
    """A progress bar for people on a terminal; nothing in a pipe."""
    console = Console(stderr=True)
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=hidden or not console.is_terminal) as progress:
        task = progress.add_task(what, total=None)
        yield lambda rows, total: progress.update(task, completed=rows, total=total)


@contextmanager
def _journal(state: Path | None, settings: Settings | None) -> Iterator[tuple[sqlite3.Connection, Path]]:
    path = journal_of(state, settings)
    if not path.exists():
        raise _stopped(f"there is no {path}; start the proxy, or name its state folder by --state")
    try:
        db = connect_readonly(path)
        machine_of(db)
    except sqlite3.Error as error:
        raise _stopped(f"{path} cannot be read: {error}") from None
    db.row_factory = None
    try:
        yield db, path
    finally:
        db.close()


@contextmanager
def _could_not(advice: str = "") -> Iterator[None]:
    """Say what kept us from finding out, without SQL and without credentials; ``advice`` follows what was not readable."""
    from proxy.journal.ledger.door import LedgerAway  # noqa: PLC0415 - as above

    try:
        yield
    except LedgerAway as error:
        raise _stopped(f"{error}. Check ledger.url; calls go on, and their rows wait in {JOURNAL}") from None
    except Unreadable as error:
        raise _stopped(f"{error}{advice}") from None
    except sqlite3.Error as error:
        raise _stopped(f"the journal cannot be read: {error}") from None
    except BrokenPipeError:
        raise
    except OSError as error:
        raise _stopped(f"it cannot be written: {error.strerror}") from None


def _stopped(why: str) -> typer.Exit:
    typer.echo(why[:1].upper() + why[1:], err=True)
    return typer.Exit(EXIT_UNREADABLE)


def _instant(said: str | None) -> float | None:
    try:
        return None if said is None else instant(said, time.time())
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
