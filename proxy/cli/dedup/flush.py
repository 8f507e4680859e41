"""``tallygate dedup flush``: stored answers of a team, a person or the organisation are given to nobody any more."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from proxy.cli.budget.options import ServiceOption, TeamOption, UserOption, stopping
from proxy.cli.places import ConfigOption, config_path


def flush(
    *,
    team: TeamOption = None,
    user: UserOption = None,
    service: ServiceOption = None,
    org: Annotated[bool, typer.Option("--org", help="What the whole organisation shares.")] = False,
    config: ConfigOption = None,
) -> None:
    """Forget all stored answers that a team, a person, a program or the whole organisation shares, at once.

    A rule says who shares answers (`share: user`, `team` or `org`), and each kind is flushed by itself: `--org` leaves what
    teams share among themselves as it is. Calls that are under way are answered, and their answers not stored.

    Examples:
    - `tallygate dedup flush --team growth`

    - `tallygate dedup flush --user ann@acme.example`
    """  # fmt: skip
    from proxy.app.flushing import flush as flush_now  # noqa: PLC0415 - other commands start faster without it

    names = {"team": team, "user": user, "service": service}
    given = [(kind, name) for kind, name in names.items() if name is not None] + [("org", "")] * org
    if len(given) != 1 or (not given[0][1] and not org):
        raise typer.BadParameter("say whose answers, by one of --team, --user, --service and --org")
    with stopping():
        try:
            done = flush_now(config_path(config), os.environ, *given[0])
        except ValueError as error:
            raise typer.BadParameter(f"--{given[0][0]}: {error}") from None
    typer.echo(f"Flushed: nobody is given an answer any more that was stored until now for {done.whose} to share.")
    if done.remark:
        typer.echo(f"{done.whose}: {done.remark}.")
