"""``tallygate serve``, and the worker that it starts. ``make run`` is this command."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from types import FrameType
from typing import Annotated, NoReturn

import msgspec
import typer

from proxy.cli.init import FirstRun, lines_to_paste, prepare
from proxy.cli.places import ConfigOption, config_path
from proxy.config.problems import ConfigError

EXIT_REFUSED = 1


def serve(
    *,
    config: ConfigOption = None,
    audit_only: Annotated[
        bool,
        typer.Option("--audit-only", help="No rule is felt, budgets included: each counts and tells what it would do."),
    ] = False,
    untested: Annotated[
        bool,
        typer.Option("--untested", help="Start although tests of policies fail. A change while it runs needs them."),
    ] = False,
) -> None:
    """Start the proxy. The first time it writes a configuration and shows a first key.

    Policies that cannot be used, or whose tests fail, end it with status 2 and every problem told.

    Examples:
    - `tallygate serve`

    - `TALLYGATE_LISTEN=0.0.0.0:8080 tallygate serve --config /etc/tallygate/tallygate.yaml`
    """  # fmt: skip
    from proxy.app.handed import AUDIT_VARIABLE  # noqa: PLC0415 - other commands start in a tenth of the time without it
    from proxy.app.starting import examined_at_start  # noqa: PLC0415
    from proxy.app.supervise import supervise  # noqa: PLC0415
    from proxy.server.lock import StateTaken  # noqa: PLC0415
    from proxy.stores.errors import EngineFailed  # noqa: PLC0415
    from proxy.telemetry.logs import setup  # noqa: PLC0415

    signal.signal(signal.SIGTERM, _not_yet)
    path = config_path(config)
    first = prepare(path, os.environ)
    for written in first.written:
        typer.echo(f"wrote {written}", err=True)
    os.environ.pop(AUDIT_VARIABLE, None)  # of whoever started us: only the option says so
    if audit_only:
        os.environ[AUDIT_VARIABLE] = "1"
    try:
        reading, remarks = examined_at_start(path, untested=untested)
    except ConfigError:
        _keep(first)
        raise
    settings = reading.settings
    log = setup(settings.log.level, settings.log.format)
    for note in settings.notes:
        log.event("info", "note", detail=note)
    for remark in remarks:
        log.event("warning", "policy_remark", detail=remark)
    if audit_only:
        log.event("warning", "audit_only", detail="no rule is felt; start without --audit-only to have them in force")

    def ready() -> None:
        log.event("info", "ready", listen=str(settings.listen), admin=str(settings.admin), workers=settings.workers)
        if first.token is not None:
            typer.echo("\nReady. Your key is shown only now; paste into another shell:\n", err=True)
            typer.echo(lines_to_paste(settings, first.token) + "\n", err=True)

    try:
        code = supervise(reading, log, on_ready=ready)
    except (StateTaken, EngineFailed, OSError) as error:
        typer.echo(f"tallygate cannot start: {_why(error)}", err=True)
        _keep(first)
        raise typer.Exit(EXIT_REFUSED) from None
    raise typer.Exit(code)


def shipper(
    state: Annotated[Path, typer.Option()],
    link: Annotated[int, typer.Option()],
    log_level: Annotated[str, typer.Option()],
    log_format: Annotated[str, typer.Option()],
) -> None:
    """Run the shipper of the ledger; only ``serve`` calls this."""
    from proxy.app.shipping import ship  # noqa: PLC0415 - as above
    from proxy.telemetry.logs import setup  # noqa: PLC0415

    raise typer.Exit(ship(state, link, setup(log_level, log_format)))


def worker(slot: Annotated[int, typer.Option()], link: Annotated[int, typer.Option()]) -> None:
    """Run one worker; only ``serve`` calls this."""
    from proxy.app.work import work  # noqa: PLC0415 - as above

    raise typer.Exit(work(slot, link))


def examiner(config: Annotated[Path, typer.Option()]) -> None:
    """Tell in JSON whether a configuration is good; only ``serve`` calls this."""
    from proxy.app.examiner import verdict_on  # noqa: PLC0415 - as above

    typer.echo(msgspec.json.encode(verdict_on(config, os.environ)).decode())


def _keep(first: FirstRun) -> None:
    """Show the first key of a start that failed: its digest is in the directory already, and nothing can show it later."""
    if first.token is not None:
        typer.echo(f"\nYour key is shown only now; keep it for the next start: {first.token}", err=True)


def _why(error: Exception) -> str:
    """What went wrong, in words: an ``OSError`` without its number."""
    if not isinstance(error, OSError) or not error.strerror:
        return str(error)
    return f"{error.filename}: {error.strerror}" if error.filename else error.strerror


def _not_yet(_: int, __: FrameType | None) -> NoReturn:
    """End at once when told so while starting: a container's process 1 would not even notice, see signal(7)."""
    raise SystemExit(0)
