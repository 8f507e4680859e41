"""Which record a command reads: the ledger of all machines where one is configured, else this machine's journal."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from proxy.cli.places import config_path
from proxy.config.ledger_url import LedgerPlace, parse_ledger
from proxy.config.loader import load_settings
from proxy.config.settings import Settings

JOURNAL = "calls.db"
StateOption = Annotated[
    Path | None,
    typer.Option(envvar="TALLYGATE_STATE", help="State folder; else the configuration's.", show_default=False),
]
LocalOption = Annotated[
    bool, typer.Option("--local", help="Read this machine's journal, also where a ledger is configured.")
]


def settings_of(config: Path | None) -> Settings | None:
    """The configuration, None where there is none. Raises ``ConfigError``."""
    path = config_path(config)
    return load_settings(path, os.environ) if path.exists() else None


def journal_of(state: Path | None, settings: Settings | None) -> Path:
    """This machine's file; it need not exist."""
    return (state or (settings.state if settings else Path("state"))) / JOURNAL


def ledger_of(settings: Settings | None) -> LedgerPlace | None:
    """The ledger that is configured, if any."""
    return None if settings is None or settings.ledger.embedded else parse_ledger(settings.ledger.url)


def record_of(context: typer.Context, state: Path | None, config: Path | None, *, local: bool) -> Path | LedgerPlace:
    """What to read. A state folder named on the command line means its journal, whatever the configuration says."""
    named = context.get_parameter_source("state")
    if named is not None and named.name == "COMMANDLINE":
        return journal_of(state, None)
    settings = settings_of(config)
    place = None if local else ledger_of(settings)
    return place or journal_of(state, settings)
