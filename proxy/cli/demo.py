"""``tallygate demo``: a streamed answer and the row it left, in one go, for whoever sees Tallygate the first time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from proxy.cli.door import Door, NoAnswer
from proxy.cli.places import ConfigOption, config_path
from proxy.cli.trial import trial
from proxy.config.loader import load_settings
from proxy.config.settings import Settings
from proxy.domain.money import format_usd
from proxy.domain.upstream import Secret
from proxy.server.lock import owner_of

EXIT_FAILED = 1
_PROMPT = "In two sentences: what is a token, and who pays for it?"
_STAND_IN = "demo-small"
_USUAL = (_STAND_IN, "gpt-5-mini")  # asked where a configuration allows them and no model was named
_SHOWN = (
    "x-request-id",
    "x-upstream-request-id",
    "x-tally-upstream",
    "x-tally-attribution",
    "x-tally-budget",
    "x-tally-warning",
    "x-tally-cache",
)
_AFTER_TRIAL = (
    "`tallygate serve` starts a proxy of your own: it writes its configuration and shows a first key.",
    "Point an SDK at it: only base URL and key change. With OPENAI_API_KEY set, real models answer.",
    "`tallygate report spend --by model` then shows what was spent; `tallygate --help` shows the rest.",
)
_AFTER_OWN = (
    "`tallygate report spend --by model --since today` shows this call among all others.",
    "`tallygate keys issue --user NAME` makes a key for a colleague; the directory says who is who.",
    "Budgets are a line in tallygate.yaml, taken while the proxy runs; `tallygate check` tells what it says.",
)


def demo(
    config: ConfigOption = None,
    key: Annotated[
        str | None,
        typer.Option(envvar="TALLYGATE_KEY", help="A key of the proxy that runs here.", show_default=False),
    ] = None,
    model: Annotated[str | None, typer.Option(help="The model to ask, of OpenAI's format.", show_default=False)] = None,
) -> None:
    """Stream an answer through a proxy and show the row it left: yours if it runs here and you give a key, else a brief one.

    Examples:
    - `tallygate demo`

    - `TALLYGATE_KEY=tg_… tallygate demo --model gpt-5-mini`
    """  # fmt: skip
    console = Console(highlight=False, soft_wrap=True)
    running = _running(config)
    try:
        if running is not None and key:
            _show(console, Door.of(running, Secret(key)), model or _model(running), _AFTER_OWN)
            return
        if running is not None:
            console.print("A proxy runs here; give one of its keys by --key or TALLYGATE_KEY to see it instead.")
        elif key:
            console.print("No proxy runs with this configuration: the key is not used.")
        with _brief(console) as door:
            _show(console, door, model or _STAND_IN, _AFTER_TRIAL)
    except NoAnswer as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(EXIT_FAILED) from None


def _running(config: Path | None) -> Settings | None:
    """Read the configuration of the proxy that runs here; None when there is none, or it does not run."""
    path = config_path(config)
    if not path.exists():
        return None
    settings = load_settings(path, os.environ)
    return settings if owner_of(settings.state) is not None else None


def _model(settings: Settings) -> str:
    """Choose a model that the running proxy serves in OpenAI's format."""
    globs = [glob for one in settings.upstreams if one.dialect == "openai" for glob in one.models]
    if settings.demo:
        globs.insert(0, "demo-*")
    for glob in globs:
        if not set(glob) & set("*?["):
            return glob
        if usual := next((name for name in _USUAL if glob != "*" and fnmatchcase(name, glob)), None):
            return usual
    raise typer.BadParameter("say which model to ask; the configuration names only patterns", param_hint="--model")


@contextmanager
def _brief(console: Console) -> Iterator[Door]:
    with ExitStack() as stack:
        with console.status("Starting a proxy for the time of this demonstration…"):
            door = stack.enter_context(trial())
        console.print(f"A proxy of its own runs at {door.base_url} for the time of this demonstration.")
        yield door


def _show(console: Console, door: Door, model: str, afterwards: tuple[str, ...]) -> None:
    console.print(f"\nAsking {model}: {_PROMPT}\n", markup=False)
    chat = door.chat(model, _PROMPT)
    for piece in chat:
        console.print(_printable(piece), end="", markup=False)
    console.print("\n")
    console.print(_grid("What came with it", [(name, chat.headers[name]) for name in _SHOWN if name in chat.headers]))
    call = door.get(f"/v1/calls/{chat.headers['x-request-id']}")
    console.print(_rows(call))
    console.print(_sums(door.get("/v1/me")))
    console.print("\nWhat to do next:")
    for line in afterwards:
        console.print(f"  • {line}", markup=False)


def _grid(title: str, pairs: list[tuple[str, str]]) -> Table:
    table = Table(title=title, title_justify="left", show_header=False, box=None, padding=(0, 2, 0, 0))
    for name, value in pairs:
        table.add_row(Text(name, style="bold"), Text(_printable(value), overflow="fold"))
    return table


def _rows(call: dict[str, Any]) -> Table:
    heads = ("input", "output", "cost", "held", "first token", "overhead")
    table = Table(
        Column("model", overflow="fold"),
        *(Column(name, justify="right", no_wrap=True) for name in heads),
        title=f"\nThe row it left, as /v1/calls/{call['request_id']} tells it",
        title_justify="left",
        box=SIMPLE_HEAD,
    )
    for one in call["attempts"]:
        table.add_row(
            _printable(str(one["model"])),
            _count(one["usage"]["input"]),
            _count(one["usage"]["output"]),
            f"${format_usd(one['cost_nusd'])}",
            f"${format_usd(one['held_nusd'])}",
            "-" if one["ttft_ms"] is None else f"{one['ttft_ms']} ms",
            f"{one['overhead_us']} µs",
        )
    return table


def _sums(me: dict[str, Any]) -> str:
    today = me["usage"]["today"]
    return (
        f"Today, as /v1/me tells it: {_count(today['calls'])} call{'' if today['calls'] == 1 else 's'}, "
        f"{_count(today['input'])} tokens in, {_count(today['output'])} out, ${today['cost_usd']}"
    )


def _count(number: int | None) -> str:
    return "-" if number is None else f"{number:,}"


def _printable(text: str) -> str:
    """A model's words without what a terminal would act on."""
    return "".join(letter for letter in text if letter.isprintable() or letter == "\n")
