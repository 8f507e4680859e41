"""``tallygate budget show``: what is spent, held, granted and left of every budget."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.console import Console

from proxy.cli.budget.options import (
    RULE_HELP,
    KeyOption,
    ModelOption,
    ProjectOption,
    ServiceOption,
    TeamOption,
    UserOption,
    named,
    opened,
    stopping,
)
from proxy.cli.places import ConfigOption

RuleArgument = Annotated[str | None, typer.Argument(help=f"{RULE_HELP} Else all.", show_default=False)]


def show(  # noqa: PLR0913 - each is an option of the command line
    *,
    rule: RuleArgument = None,
    user: UserOption = None,
    service: ServiceOption = None,
    team: TeamOption = None,
    key: KeyOption = None,
    project: ProjectOption = None,
    model: ModelOption = None,
    untouched: Annotated[
        bool, typer.Option("--all", help="Also those of teams and projects that nothing was spent of.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs, with exact figures.")] = False,
    config: ConfigOption = None,
) -> None:
    """Show budgets as they stand now: limit, granted, spent, held and left, and when they reset.

    Named somebody or something, it shows every budget that their calls count against. Without a name those of people and
    of their keys are left out: nobody is ranked by what they spend.

    Examples:
    - `tallygate budget show`

    - `tallygate budget show --user ann@acme.example  # why is she refused?`

    - `tallygate budget show org/org-month --json | jq '.budgets[0].left_usd'`
    """  # fmt: skip
    from proxy.app.budgets.house import away  # noqa: PLC0415 - other commands start faster without it
    from proxy.app.budgets.standing import kept_to_themselves, run_budgets  # noqa: PLC0415
    from proxy.cli.budget.view import document, table  # noqa: PLC0415
    from proxy.domain.errors import StoreAway  # noqa: PLC0415
    from proxy.policy.budgets import budget_named  # noqa: PLC0415

    house = opened(config)
    try:
        rules = [budget_named(house.said, rule).id] if rule else []
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    names = {"user": user, "service": service, "team": team, "key": key, "project": project, "model": model}
    whom = named(house, names)
    with stopping():
        try:
            found = run_budgets(house, whom, rules, untouched=untouched)
        except StoreAway as error:
            raise away(house, error) from None
    singly = [] if whom else kept_to_themselves(house, rules)
    if as_json:
        typer.echo(json.dumps({"org": house.org, "budgets": document(found), "asked_for_singly": singly}, indent=2))
        return
    console = Console()
    if found:
        console.print(table(found, console.width))
    elif not singly:
        typer.echo(
            "No budgets: `budget:` in tallygate.yaml makes one, or a policy."
            if not whom
            else f"No budget counts calls of {whom}."
        )
    if whom is not None and whom.remark:
        typer.echo(f"{whom}: {whom.remark}.")
    if singly:
        typer.echo(
            f"Counted for each person or key, shown for one at a time (--user, --service, --key): {', '.join(singly)}"
        )
