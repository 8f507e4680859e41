"""``tallygate policy``: check, describe and tidy the rules, before they bite."""

from __future__ import annotations

import typer

from proxy.cli.policy import diff, explain, fmt, schema, test, validate

app = typer.Typer(help="Check, test and tidy policies.", no_args_is_help=True, rich_markup_mode="markdown")


@app.callback()
def policies_group() -> None:
    """Check, test and tidy policies."""


COMMANDS = (validate.validate, test.test, explain.explain, schema.schema, fmt.fmt, diff.diff, diff.traffic)
for command in COMMANDS:
    app.command()(command)
