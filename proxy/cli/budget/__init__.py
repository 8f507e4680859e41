"""``tallygate budget``: how budgets stand, what is granted and corrected by hand, and who did it."""

from __future__ import annotations

import typer

from proxy.cli.budget import change, log, show

app = typer.Typer(
    help="See budgets, top them up, correct them; with a log of who did.", no_args_is_help=True,
    rich_markup_mode="markdown",
)  # fmt: skip


@app.callback()
def budgets_group() -> None:
    """See budgets, top them up, correct them; with a log of who did."""


AMOUNTS = {"ignore_unknown_options": True}  # -$12.50 is an amount
app.command()(show.show)
app.command(context_settings=AMOUNTS)(change.grant)
app.command(context_settings=AMOUNTS)(change.adjust)
app.command("log")(log.show_log)
