"""What the commands about budgets share: whose budget is meant, the installation, and how it is said that something fails."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from proxy.cli.places import config_path

if TYPE_CHECKING:
    from proxy.app.budgets.house import House
    from proxy.app.budgets.whose import Whose

EXIT_STOPPED = 2  # nothing was done
EXIT_LATER = 3  # it is written, and a proxy that runs will count it

RULE_HELP = "A budget's rule, policy/rule; `tallygate budget show` lists them."
UserOption = Annotated[str | None, typer.Option(help="A person of the directory.", show_default=False)]
ServiceOption = Annotated[str | None, typer.Option(help="A program of the directory.", show_default=False)]
TeamOption = Annotated[str | None, typer.Option(help="A team.", show_default=False)]
KeyOption = Annotated[str | None, typer.Option(help="A virtual key, by its id.", show_default=False)]
ProjectOption = Annotated[str | None, typer.Option(help="A project; '' for calls of no project.", show_default=False)]
ModelOption = Annotated[str | None, typer.Option(help="A model, as callers name it.", show_default=False)]
Names = dict[str, str | None]


def opened(config: Path | None) -> House:
    """The installation. Ends the command where there is none; raises ``ConfigError`` for files with mistakes."""
    from proxy.app.budgets.house import open_house  # noqa: PLC0415 - other commands start faster without it

    with stopping():
        return open_house(config_path(config), os.environ)


def named(house: House, names: Names) -> Whose | None:
    """Whom the options name; None where they name nobody. Raises ``typer.BadParameter`` for more than one, or unknown."""
    from proxy.app.budgets.whose import whose  # noqa: PLC0415 - as above

    given = [(kind, name) for kind, name in names.items() if name is not None]
    if not given:
        return None
    if len(given) > 1:
        raise typer.BadParameter(f"one of them is enough: {' or '.join(f'--{kind}' for kind, _ in given)}")
    kind, name = given[0]
    try:
        return whose(house.directory, kind, name)
    except ValueError as error:
        raise typer.BadParameter(f"--{kind}: {error}") from None


@contextmanager
def stopping() -> Iterator[None]:
    """Say why the command cannot go on, and what to do."""
    from proxy.app.budgets.house import Shut  # noqa: PLC0415 - as above

    try:
        yield
    except Shut as error:
        text = str(error)
        typer.echo(f"{text[:1].upper()}{text[1:]}.", err=True)
        raise typer.Exit(EXIT_STOPPED) from None
