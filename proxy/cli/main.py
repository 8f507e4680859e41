"""The command ``tallygate``: every group of commands is a file here and a line below."""

from __future__ import annotations

import sys

import typer

from proxy.cli import budget, check, dedup, demo, doctor, healthy, init, keys, ledger, policy, report, serve, upstreams
from proxy.config.problems import ConfigError

EXIT_CONFIG = 2

# Tracebacks of Typer's own show local variables; ours may hold keys.
app = typer.Typer(
    help="Tallygate counts every token, holds every budget, and shows what the usage was worth.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
COMMANDS = (serve.serve, demo.demo, init.init, check.check, doctor.doctor, healthy.healthy, upstreams.upstreams)
GROUPS = (
    (keys.app, "keys"),
    (policy.app, "policy"),
    (budget.app, "budget"),
    (report.report_app, "report"),
    (ledger.app, "ledger"),
    (dedup.app, "dedup"),
)

for command in COMMANDS:
    app.command()(command)
for part in (serve.worker, serve.shipper, serve.examiner):
    app.command(hidden=True)(part)
for group, name in GROUPS:
    app.add_typer(group, name=name)


def main() -> None:
    """Run the command line. A configuration that cannot be used ends it with status 2 and every problem told."""
    try:
        app()
    except ConfigError as error:
        typer.echo(str(error), err=True)
        sys.exit(EXIT_CONFIG)
