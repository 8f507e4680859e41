"""``tallygate doctor``: is everything in order that calls will stand on."""

from __future__ import annotations

import os
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.text import Text

from proxy.cli.places import ConfigOption, config_path

_STYLES = {"ok": "green", "warn": "yellow", "fail": "red bold", "off": "dim"}
_WIDTH = 4  # of the longest state
_NAME = 20  # of most names


def doctor(
    config: ConfigOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document instead of lines.")] = False,  # noqa: FBT002 - Typer's way to declare a switch
    offline: Annotated[bool, typer.Option("--offline", help="Ask no upstream.")] = False,  # noqa: FBT002
) -> None:
    """Look at everything that calls will stand on, and say a line for each; exit status 1 when something does not work.

    Configuration, keys, permissions, disk, vocabularies, prices, the running proxy, store, cache, clocks, holds, and every
    upstream with its credential. Nothing is changed and nothing is billed: upstreams are asked for their models only.

    Examples:
    - `tallygate doctor`

    - `tallygate doctor --json | jq '.findings[] | select(.state == "fail")'`

    - `tallygate doctor --offline  # before the network is there`
    """  # fmt: skip
    from proxy.app.doctor import Finding, State, examine  # noqa: PLC0415 - other commands start faster without it

    console, found = Console(highlight=False, soft_wrap=True), list[Finding]()

    def tell(finding: Finding) -> None:
        found.append(finding)
        if not as_json:
            console.print(_line(finding.name, finding.state.value, finding.said, finding.advice))

    examine(config_path(config), os.environ, tell, offline=offline)
    counts = {state.value: sum(finding.state is state for finding in found) for state in State}
    if as_json:
        typer.echo(
            msgspec.json.format(msgspec.json.encode({"ok": not counts["fail"], "counts": counts, "findings": found}))
        )
    else:
        console.print(", ".join(f"{count} {state}" for state, count in counts.items() if count))
    if counts["fail"]:
        raise typer.Exit(1)


def _line(name: str, state: str, said: str, advice: str) -> Text:
    line = Text()
    line.append(f"{state:<{_WIDTH}}  ", _STYLES[state])
    line.append(f"{name:<{_NAME}}  ", "bold")
    line.append(said)
    if advice:
        line.append(f" → {advice}", "italic")
    return line
