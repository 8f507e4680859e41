"""``tallygate policy explain``: what the rules say to a call, one that somebody might make or one that was made."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import msgspec
import typer

from proxy.cli.places import ConfigOption, DirectoryOption, config_path
from proxy.cli.records import StateOption
from proxy.config.quantities import usd_nusd
from proxy.dialects.address import tags as tags_of
from proxy.domain.errors import BadRequest

if TYPE_CHECKING:
    from proxy.app.trial.question import Words

_FAILED = 1
_UNUSABLE = 2
_STDIN = "-"


def explain(  # noqa: PLR0913 - one option for each fact of a call
    decision: Annotated[
        str, typer.Argument(help="A decision (d_…) or request id that a call was answered with.", show_default=False)
    ] = "",
    *,
    user: Annotated[str, typer.Option(help="Who asks; ann does for ann@acme.example.", show_default=False)] = "",
    key: Annotated[str, typer.Option(help="By which key, by its id.", show_default=False)] = "",
    team: Annotated[str, typer.Option(help="Else the key's or the user's.", show_default=False)] = "",
    project: Annotated[str, typer.Option(help="Else the key's.", show_default=False)] = "",
    model: Annotated[str, typer.Option(help="The model that is asked.", show_default=False)] = "",
    tokens: Annotated[int | None, typer.Option(min=0, help="Of input.", show_default=False)] = None,
    max_output: Annotated[int | None, typer.Option(min=1, help="Ceiling on output tokens.", show_default=False)] = None,
    cost: Annotated[str, typer.Option(help="What it costs, such as $2; else by its price.", show_default=False)] = "",
    endpoint: Annotated[str, typer.Option(help="Its path; else the usual one.", show_default=False)] = "",
    prompt: Annotated[str, typer.Option(help="For content rules; - reads stdin.", show_default=False)] = "",
    tags: Annotated[str, typer.Option(help="Such as purpose=review,suite=nightly.", show_default=False)] = "",
    stream: Annotated[bool, typer.Option("--stream", help="It streams.")] = False,
    tools: Annotated[bool, typer.Option("--tools", help="It offers tools.")] = False,
    at: Annotated[
        str, typer.Option(help="When, such as 2026-11-23T10:00:00+01:00; else now.", show_default=False)
    ] = "",
    live: Annotated[bool, typer.Option("--live", help="With the counters of the running store.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document instead of lines.")] = False,
    state: StateOption = None,
    directory: DirectoryOption = None,
    config: ConfigOption = None,
) -> None:
    """Say what every rule wants of a call, with its file and line, its counters, what would pass, and whom to ask.

    Exit status 0, also where a rule refuses; 1: there is no such decision, or no store; 2: it cannot be asked.

    Examples:
    - `tallygate policy explain --user ann --model gpt-5.1 --tokens 900`

    - `tallygate policy explain --key key_1 --model claude-sonnet-4-5 --live`

    - `tallygate policy explain d_0196a1f2b3c49d3f2a4b5c`
    """  # fmt: skip
    from proxy.app.trial.question import Words  # noqa: PLC0415 - other commands start faster without it

    if decision:
        _past(decision, state, config, as_json=as_json)
        return
    if not model:
        _end("say which model: --model, or name a decision such as d_0196a1f2b3c49d3f2a4b5c", _UNUSABLE)
    if live and (at or directory):
        _end("--live is about now and the running installation; leave --at and --directory out", _UNUSABLE)
    try:
        words = Words(
            model=model,
            at=_moment(at),
            user=user,
            key=key,
            team=team,
            project=project,
            tokens=tokens,
            max_output=max_output,
            cost_nusd=usd_nusd(cost) if cost else None,
            endpoint=endpoint,
            stream=stream,
            tools=tools,
            prompt=sys.stdin.read() if prompt == _STDIN else prompt,
            tags=_tags(tags),
        )
        _asked(words, directory, config, live=live, as_json=as_json)
    except ValueError as error:
        _end(str(error), _UNUSABLE)


def _asked(words: Words, directory: Path | None, config: Path | None, *, live: bool, as_json: bool) -> None:
    """Ask the rules. Raises ``ValueError`` for words that cannot be asked about."""
    from proxy.app.budgets.house import Shut, away  # noqa: PLC0415 - other commands start faster without it
    from proxy.cli.policy.asking import Asking  # noqa: PLC0415 - as above
    from proxy.cli.policy.explained import document, lines  # noqa: PLC0415 - as above
    from proxy.domain.errors import StoreAway  # noqa: PLC0415 - as above
    from proxy.stores.errors import EngineFailed  # noqa: PLC0415 - as above

    try:
        asking = Asking(directory, config, live=live)
    except Shut as error:
        _end(str(error), _FAILED)
    try:
        answer = asking.ask(words)
    except StoreAway as error:
        _end(str(away(asking.house, error)) if asking.house else str(error), _FAILED)
    except EngineFailed as error:
        _end(str(error), _FAILED)
    typer.echo(json.dumps(document(answer), indent=2, ensure_ascii=False) if as_json else "\n".join(lines(answer)))


def _past(name: str, state: Path | None, config: Path | None, *, as_json: bool) -> None:
    from proxy.cli.policy.past import Untold, account_of, told  # noqa: PLC0415 - other commands start faster without it

    try:
        view = account_of(name, state, config_path(config), os.environ)
    except Untold as error:
        _end(str(error), _FAILED)
    typer.echo(msgspec.json.format(msgspec.json.encode(view)).decode() if as_json else "\n".join(told(view)))


def _moment(text: str) -> float:
    """A time with its offset, or a date of UTC; now where there is none. Raises ``ValueError``."""
    from proxy.policy.amounts import moment  # noqa: PLC0415 - other commands start faster without it

    return moment(text, "UTC") if text else time.time()


def _tags(text: str) -> tuple[tuple[str, str], ...]:
    """As the walk reads them. Raises ``ValueError``."""
    try:
        return tags_of(text)
    except BadRequest as error:
        raise ValueError(f"--tags: {error.message}") from None


def _end(text: str, status: int) -> NoReturn:
    typer.echo(text, err=True)
    raise typer.Exit(status)
