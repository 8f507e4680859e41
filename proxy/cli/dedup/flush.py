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
    everything: Annotated[bool, typer.Option("--all", help="Everything, whoever shares it.")] = False,
    config: ConfigOption = None,
) -> None:
    """Forget all stored answers that a team, a person, a program or the whole organisation shares, at once.

    A rule says who shares answers (`share: user`, `team` or `org`), and each kind is flushed by itself: `--org` leaves what
    teams share among themselves as it is, and `--all` leaves nothing. It takes no longer for many answers than for few. Calls
    that are under way are answered; what they are told is not stored, nor given to anybody who asks from now on.

    Of a person, what stands before the @ is enough where nobody else has it. The proxy's log says what was flushed by whom.

    Examples:
    - `tallygate dedup flush --team growth`

    - `tallygate dedup flush --user ann@acme.example`

    - `tallygate dedup flush --all`
    """  # fmt: skip
    from proxy.app.flushing import flush as flush_now  # noqa: PLC0415 - other commands start faster without it

    names = {"team": team, "user": user, "service": service}
    given = [(kind, name) for kind, name in names.items() if name is not None] + [("org", "")] * org
    given += [("all", "")] * everything
    if len(given) != 1 or (not given[0][1] and not (org or everything)):
        raise typer.BadParameter("say whose answers, by one of --team, --user, --service, --org and --all")
    with stopping():
        try:
            done = flush_now(config_path(config), os.environ, *given[0])
        except ValueError as error:
            raise typer.BadParameter(f"--{given[0][0]}: {error}") from None
    typer.echo(f"Flushed: nobody is given an answer any more that was stored until now for {done.whose} to share.")
    if done.remark:
        typer.echo(f"{done.whose}: {done.remark}.")
