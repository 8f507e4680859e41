"""``tallygate budget grant`` and ``adjust``: change a budget by hand, with a reason, seen before and logged after."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from proxy.cli.budget.options import (
    EXIT_LATER,
    EXIT_STOPPED,
    RULE_HELP,
    KeyOption,
    ModelOption,
    Names,
    ProjectOption,
    ServiceOption,
    TeamOption,
    UserOption,
    named,
    opened,
    stopping,
)
from proxy.cli.places import ConfigOption

if TYPE_CHECKING:
    from proxy.app.budgets.house import House
    from proxy.app.budgets.standing import Budget
    from proxy.domain.amendment import AmendmentKind

RuleArgument = Annotated[str, typer.Argument(help=RULE_HELP, show_default=False)]
ReasonOption = Annotated[str, typer.Option(help="Why; kept in the log.", show_default=False)]
ByOption = Annotated[
    str,
    typer.Option(help="Who does it; else the name of your account. The account is kept as well.", show_default=False),
]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask; needed where nobody is at a terminal.")]


def grant(  # noqa: PLR0913 - each is an option of the command line
    *,
    rule: RuleArgument,
    amount: Annotated[
        str, typer.Argument(help="'$20' or '$1.5k' more, in quotes; '-$5' takes back.", show_default=False)
    ],
    reason: ReasonOption,
    user: UserOption = None,
    service: ServiceOption = None,
    team: TeamOption = None,
    key: KeyOption = None,
    project: ProjectOption = None,
    model: ModelOption = None,
    by: ByOption = "",
    yes: YesOption = False,
    config: ConfigOption = None,
) -> None:
    """Give a budget more, on top of its limit, until its period ends. Counted within a moment, by every proxy of the store.

    The name of the scope must be that of the rule's `per`: a budget per user wants `--user`, one of the org none. For more
    than one period, or for many people, write an Exemption in the policies.

    Examples:
    - `tallygate budget grant config/budget '$20' --reason 'load test of the new search'`

    - `tallygate budget grant org/person-day '$15' --user ann@acme.example --reason 'incident 4711'`

    - `tallygate budget grant org/person-day '-$15' --user ann@acme.example --reason 'granted twice'`
    """  # fmt: skip
    from proxy.domain.amendment import AmendmentKind  # noqa: PLC0415 - other commands start faster without it

    names = {"user": user, "service": service, "team": team, "key": key, "project": project, "model": model}
    _change(AmendmentKind.GRANT, rule, amount, names, reason, by, yes=yes, config=config)


def adjust(  # noqa: PLR0913 - as above
    *,
    rule: RuleArgument,
    amount: Annotated[
        str, typer.Argument(help="What to add to what is spent: '-$12.50', in quotes.", show_default=False)
    ],
    reason: ReasonOption,
    user: UserOption = None,
    service: ServiceOption = None,
    team: TeamOption = None,
    key: KeyOption = None,
    project: ProjectOption = None,
    model: ModelOption = None,
    by: ByOption = "",
    yes: YesOption = False,
    config: ConfigOption = None,
) -> None:
    """Correct what a budget counts as spent in this period: for a model that was priced wrongly, say. Never below $0.

    Rows of calls and reports stay as they are; only the budget changes. Where a call counted against several budgets,
    each is corrected by itself.

    Examples:
    - `tallygate budget adjust config/budget '-$12.50' --reason 'gpt-5.1 was priced tenfold until noon'`

    - `tallygate budget adjust org/team-month '$30' --team growth --reason 'batch job outside of the proxy'`
    """  # fmt: skip
    from proxy.domain.amendment import AmendmentKind  # noqa: PLC0415 - as above

    names = {"user": user, "service": service, "team": team, "key": key, "project": project, "model": model}
    _change(AmendmentKind.ADJUSTMENT, rule, amount, names, reason, by, yes=yes, config=config)


def _change(
    kind: AmendmentKind, rule: str, amount: str, names: Names, reason: str, by: str, *, yes: bool, config: Path | None
) -> None:
    from proxy.app.budgets.amending import amendment, write  # noqa: PLC0415 - as above
    from proxy.cli.budget.summary import after, before  # noqa: PLC0415

    try:
        nusd = _signed(amount)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    house = opened(config)
    budget = _budget(house, rule, names)
    try:
        written = amendment(budget, kind, nusd, reason=reason, by=by)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    typer.echo(before(budget, written))
    _confirm(yes=yes)
    with stopping():
        counted = write(house, budget, written, lambda event, detail: typer.echo(f"{event}: {detail}", err=True))
    if not counted:
        typer.echo(
            "It is written, and not counted yet: the store does not answer. The proxy counts it when the store is back; "
            "do not repeat the command.", err=True
        )  # fmt: skip
        raise typer.Exit(EXIT_LATER)
    typer.echo(after(house, budget, written))


def _budget(house: House, name: str, names: Names) -> Budget:
    """The budget as it stands. Raises ``typer.BadParameter`` for what does not fit together."""
    from proxy.app.budgets.house import away  # noqa: PLC0415 - as above
    from proxy.app.budgets.standing import budget_of  # noqa: PLC0415
    from proxy.app.budgets.whose import check_fit, everybody  # noqa: PLC0415
    from proxy.domain.errors import StoreAway  # noqa: PLC0415
    from proxy.policy.budgets import budget_named  # noqa: PLC0415

    try:
        rule = budget_named(house.said, name)
        whom = named(house, names) or everybody(house.directory)
        check_fit(rule, whom)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    with stopping():
        try:
            return asyncio.run(budget_of(house, rule, whom))
        except StoreAway as error:
            raise away(house, error) from None


def _confirm(*, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        typer.echo("Nothing was changed: nobody is here to be asked. Add --yes.", err=True)
        raise typer.Exit(EXIT_STOPPED)
    typer.confirm("Write this?", abort=True)


def _signed(text: str) -> int:
    """Read ``$20``, ``-$12.50`` or ``$1.5k``. Raises ``ValueError``, with a word on shells that take ``$1`` for their own."""
    from proxy.config.quantities import usd_nusd  # noqa: PLC0415 - as above

    said = text.strip()
    sign, rest = (-1, said[1:]) if said.startswith(("-", "\N{MINUS SIGN}")) else (1, said.removeprefix("+"))
    if "$" not in rest:
        raise ValueError(
            f"{text!r} is no amount; write '$20' or '-$12.50', in single quotes: without them the shell takes $1 for a "
            f"variable of its own"
        )
    return sign * usd_nusd(rest)
