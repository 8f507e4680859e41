"""``tallygate keys``: issue, list and revoke the virtual keys of the directory."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

from proxy.cli.places import ConfigOption, DirectoryOption, directory_path
from proxy.config import keys as virtual_keys
from proxy.config.directory import VirtualKey
from proxy.config.directory_loader import load_directory
from proxy.config.directory_shape import instant
from proxy.config.quantities import positive_duration_s

app = typer.Typer(help="Issue, list and revoke virtual keys.", no_args_is_help=True, rich_markup_mode="markdown")


@app.command()
def issue(  # noqa: PLR0913 - each is an option of the command line
    *,
    user: Annotated[str | None, typer.Option(help="A user of the directory.", show_default=False)] = None,
    team: Annotated[
        str | None, typer.Option(help="Needed for a service; a user's is known.", show_default=False)
    ] = None,
    service: Annotated[
        str | None, typer.Option(help="A program, instead of or beside a user.", show_default=False)
    ] = None,
    project: Annotated[
        str | None, typer.Option(help="Where calls go that name no project.", show_default=False)
    ] = None,
    allow: Annotated[
        list[str] | None,
        typer.Option(
            help="A project that calls may name, beside that of --project; repeat it. Else that one alone, or all of the team's.",
            show_default=False,
        ),
    ] = None,
    expires: Annotated[str | None, typer.Option(help="90d, 12h, or a date: 2027-01-01.", show_default=False)] = None,
    print_only: Annotated[
        bool, typer.Option("--print", help="Print the row instead of adding it to the file.")
    ] = False,
    directory: DirectoryOption = None,
    config: ConfigOption = None,
) -> None:
    """Draw a key, add its digest to the directory, and show the key once.

    Examples:
    - `tallygate keys issue --user ann@acme.example --project crm --expires 90d`

    - `tallygate keys issue --service nightly-etl --team platform`

    - `tallygate keys issue --user ann@acme.example --print  # for a directory that lives in git`
    """  # fmt: skip
    if user is None and service is None:
        raise typer.BadParameter("say whose key it is: --user NAME, or --service NAME --team TEAM")
    order = virtual_keys.Order(
        user=user,
        service=service,
        team=team,
        project=project,
        projects=tuple(dict.fromkeys([*([project] if project else []), *allow])) if allow else (),
        expires_at=_expiry(expires, time.time()) if expires else None,
    )
    path = directory_path(directory, config)
    issued = virtual_keys.issue(path, order, write=not print_only)
    if print_only:
        typer.echo(f"- {issued.row}\n")
        typer.echo("Add this row to keys: of the directory. The key, shown once:\n")
    else:
        typer.echo(f"{issued.id} for {user or service} is in {path}, as a digest. The key, shown once:\n")
    typer.echo(issued.token)


@app.command("list")
def list_keys(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    directory: DirectoryOption = None,
    config: ConfigOption = None,
) -> None:
    """Show the keys of the directory: whose they are and until when, never what they are.

    Examples:
    - `tallygate keys list`

    - `tallygate keys list --json | jq '.[] | select(.state == "expired")'`
    """  # fmt: skip
    now = time.time()
    found = [_facts(key, now) for key in load_directory(directory_path(directory, config), b"").keys]
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    names = ("id", "user", "service", "team", "project", "may name", "expires", "state")
    table = Table(*(Column(name, overflow="fold", no_wrap=name == "id") for name in names))
    for facts in found:
        table.add_row(*(", ".join(value) if isinstance(value, list) else value or "" for value in facts.values()))
    Console().print(table if found else "No keys yet; `tallygate keys issue` makes one.", markup=False)


@app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(help="As `tallygate keys list` shows it.")],
    directory: DirectoryOption = None,
    config: ConfigOption = None,
) -> None:
    """Remove a key's row from the directory; a running proxy refuses the key within seconds.

    Example: `tallygate keys revoke key_1a2b3c4d`
    """
    path = directory_path(directory, config)
    virtual_keys.revoke(path, key_id)
    typer.echo(f"{key_id} is no longer in {path}.")


def _expiry(text: str, now: float) -> float:
    try:
        at = now + positive_duration_s(text) if text[-1:].isalpha() and text[-1] != "Z" else instant(text)
    except ValueError as error:
        raise typer.BadParameter(f"--expires: {error}") from None
    if at <= now:
        raise typer.BadParameter("--expires: lies in the past")
    return at


def _facts(key: VirtualKey, now: float) -> dict[str, str | list[str] | None]:
    """List what the directory says of a key, in the order of the table's columns."""
    until = f"{datetime.fromtimestamp(key.expires_at, UTC):%Y-%m-%dT%H:%MZ}" if key.expires_at is not None else None
    return {
        "id": key.id,
        "user": key.user,
        "service": key.service,
        "team": key.team,
        "project": key.project,
        "projects": sorted(key.projects),
        "expires": until,
        "state": "expired" if key.expires_at is not None and key.expires_at <= now else "valid",
    }
