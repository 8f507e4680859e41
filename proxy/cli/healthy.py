"""``tallygate healthy``: whether the proxy that runs here serves calls, for probes that run a command."""

from __future__ import annotations

import os

import typer

from proxy.cli.door import Door, NoAnswer
from proxy.cli.places import ConfigOption, config_path
from proxy.config.loader import load_settings
from proxy.domain.upstream import Secret

EXIT_FAILED = 1
_NO_KEY = Secret("")  # probes need none


def healthy(config: ConfigOption = None) -> None:
    """Ask the proxy of this configuration whether it serves calls: exit status 0 when it does, else 1 and why not.

    Examples:
    - `tallygate healthy`

    - `docker exec tallygate tallygate healthy`
    """  # fmt: skip
    door = Door.of(load_settings(config_path(config), os.environ), _NO_KEY)
    try:
        door.knock()
    except NoAnswer as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(EXIT_FAILED) from None
    typer.echo(f"{door.base_url} serves calls")
