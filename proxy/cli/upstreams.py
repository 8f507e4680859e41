"""``tallygate upstreams``: how the upstreams of the running proxy do, now or while one looks on."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import time
from typing import Annotated, Any

import typer
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Column, Table
from rich.text import Text

from proxy.cli.door import near
from proxy.cli.places import ConfigOption, config_path
from proxy.config.loader import load_settings
from proxy.config.settings import Address

EXIT_NONE = 1
_PATH = "/api/v1/upstreams"
_PATIENCE_S = 5.0
_FINE = 200
_EVERY_S = 1.0
_MINUTE, _HOUR = 60, 3600
_HEADS = ("upstream", "models", "state", "in flight", "queued", "asked", "failed", "first byte", "last failure")
_NARROW = ("upstream", "state", "in flight", "queued", "failed", "last failure")
_FIGURES = frozenset({"in flight", "queued", "asked", "failed", "first byte"})
_WIDE = 120  # characters of a terminal in which all columns have room
_STYLES = {"closed": "green", "half_open": "yellow", "open": "red"}


class NoProxy(Exception):
    """Nobody answers, or somebody else does; the text says what to do."""


def upstreams(
    *,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Look again every second, until Ctrl-C.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For machines; with --watch, a line each time.")] = False,
    config: ConfigOption = None,
) -> None:
    """Show the upstreams of the running proxy: which are asked, which are left alone and why, and how busy they are.

    A state is that of the breaker: closed lets calls through, open lets none through, half open lets one probe.

    Examples:
    - `tallygate upstreams`

    - `tallygate upstreams --watch`

    - `tallygate upstreams --json | jq '.upstreams[] | select(.state != "closed")'`
    """  # fmt: skip
    admin = near(load_settings(config_path(config), os.environ).admin)
    try:
        with contextlib.suppress(KeyboardInterrupt):
            _show(admin, watch=watch, as_json=as_json)
    except NoProxy as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(EXIT_NONE) from None


def _show(admin: Address, *, watch: bool, as_json: bool) -> None:
    console = Console()
    if watch and not as_json and console.is_terminal and not console.is_dumb_terminal:
        with Live(page(ask(admin), console.width), console=console, screen=True, auto_refresh=False) as live:
            while True:
                time.sleep(_EVERY_S)
                live.update(page(ask(admin), console.width), refresh=True)
    while True:
        said = ask(admin)
        if as_json:
            typer.echo(json.dumps(said, indent=None if watch else 2))
        else:
            console.print(page(said, console.width))
        if not watch:
            return
        time.sleep(_EVERY_S)


def ask(admin: Address) -> dict[str, Any]:
    """What the admin listener says. Raises ``NoProxy``."""
    line = http.client.HTTPConnection(admin.host, admin.port, timeout=_PATIENCE_S)
    try:
        line.request("GET", _PATH)
        answer = line.getresponse()
        said = json.loads(answer.read()) if answer.status == _FINE else None
    except (OSError, http.client.HTTPException, ValueError) as error:
        why = getattr(error, "strerror", None) or type(error).__name__
        raise NoProxy(
            f"No proxy answers at {admin}, where the configuration puts its admin listener ({why}). "
            "Start it with `tallygate serve`, or name the configuration it runs with by --config."
        ) from None
    finally:
        line.close()
    if not isinstance(said, dict) or "upstreams" not in said:
        raise NoProxy(f"What answers at {admin} is no Tallygate of this version.")
    return said


def page(said: dict[str, Any], width: int) -> RenderableType:
    """All of it on one screen, for people. A narrow one gets fewer columns; JSON always holds all."""
    heads = _HEADS if width >= _WIDE else _NARROW
    table = Table(
        *(Column(head, no_wrap=head in _FIGURES, justify="right" if head in _FIGURES else "left") for head in heads)
    )
    for one in said["upstreams"]:
        cells = _cells(one)
        table.add_row(*(cells[head] for head in heads))
    lines: list[RenderableType] = [table]
    lines += [Text(f"{one['name']} is off: {one['why']}") for one in said["off"]]
    if said["silent"]:
        lines.append(Text(f"{said['silent']} of {said['workers']} workers gave no word; they are not in these figures"))
    return Group(*lines)


def _cells(one: dict[str, Any]) -> dict[str, str | Text]:
    weight = "" if one["weight"] is None else f", weight {one['weight']}"
    p50 = one["first_byte_p50_ms"]
    return {
        "upstream": Text(f"{one['name']}\n({one['dialect']}{weight})"),
        "models": Text(" ".join([*one["models"], *(f"{alias}={name}" for alias, name in one["aliases"].items())])),
        "state": Text(_state(one), style=_STYLES.get(one["state"], "")),
        "in flight": f"{one['in_flight']}/{one['parallel']}",
        "queued": f"{one['queued']}/{one['queue_max']}",
        "asked": f"{one['asked']:,}",
        "failed": f"{one['failures']:,}",
        "first byte": "-" if p50 is None else f"{p50:,} ms",
        "last failure": Text(_failure(one)),
    }


def _state(one: dict[str, Any]) -> str:
    if one["state"] == "half_open":
        return "half open:\none call probes"
    if one["state"] == "open":
        why = "throttled" if one["throttled"] else "open"
        return f"{why},\nasked in {_ago(one['retry_in_s'])}"
    return "closed"


def _failure(one: dict[str, Any]) -> str:
    if one["last_failure"] is None:
        return "-"
    row = one["failures_in_a_row"]
    return f"{one['last_failure']} {_ago(one['last_failure_age_s'])} ago" + (f", {row} in a row" if row else "")


def _ago(seconds: float) -> str:
    if seconds < _MINUTE:
        return f"{seconds:.0f} s"
    return f"{seconds // _MINUTE:.0f} min" if seconds < _HOUR else f"{seconds / _HOUR:.0f} h"
