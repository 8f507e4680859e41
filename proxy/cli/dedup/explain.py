"""``tallygate dedup explain``: why two requests do or do not share a key."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    from proxy.dedup.comparing import Asked
    from proxy.dedup.requests.base import Body

APART = 1
_UNUSABLE = 2
_STDIN = "-"
_HELP = "A file; - reads stdin."


def explain(  # noqa: PLR0913 - one for each option
    a: Annotated[str, typer.Argument(metavar="A", help=_HELP, show_default=False)],
    b: Annotated[str, typer.Argument(metavar="B", help=_HELP, show_default=False)],
    *,
    text: Annotated[bool, typer.Option("--text", help="The files hold prompts, not requests.")] = False,
    path: Annotated[str, typer.Option(help="Where bodies go that do not say so; else by their members.")] = "",
    mode: Annotated[str, typer.Option(help="near or exact, as in a rule.")] = "near",
    volatile: Annotated[
        list[str] | None, typer.Option("--volatile", help="As in a rule; may be repeated.", show_default=False)
    ] = None,
    time_sensitive: Annotated[
        bool, typer.Option("--time-sensitive", help="As of a rule that caches also prompts that speak of now.")
    ] = False,
    max_temperature: Annotated[
        float | None, typer.Option(min=0, max=2, help="As in a rule; left out, one that is written must be 0.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document instead of lines.")] = False,
) -> None:
    """Say whether two requests share a key: what differs, by its path, and step by step what became of their texts.

    A file holds a body as it is sent to a provider, or `{"tenant", "headers", "path", "body"}`. Nothing is sent anywhere.

    Exit status 0: they share a key; 1: they do not, or the cache leaves one of them alone; 2: they cannot be compared.

    Examples:
    - `tallygate dedup explain a.json b.json`

    - `tallygate dedup explain --text monday.txt tuesday.txt`

    - `curl -s … | tallygate dedup explain - b.json --path /v1/messages`
    """  # fmt: skip
    from proxy.cli.dedup.explained import document, lines  # noqa: PLC0415 - other commands start faster without it
    from proxy.cli.dedup.terms import terms  # noqa: PLC0415 - as above
    from proxy.dedup.canonical import compile_volatile  # noqa: PLC0415 - as above
    from proxy.dedup.comparing import compare  # noqa: PLC0415 - as above

    if mode not in ("near", "exact"):
        _end(f"--mode: {mode!r} is neither near nor exact")
    if a == b == _STDIN:
        _end("stdin can be read once; name a file for one of the two")
    try:
        patterns = compile_volatile(volatile or ())
    except ValueError as error:
        _end(f"--volatile: {error}")
    reuse = terms(mode, time_sensitive=time_sensitive, max_temperature=max_temperature)
    comparison = compare(_asked(a, path, is_text=text), _asked(b, path, is_text=text), reuse, patterns)
    if as_json:
        typer.echo(json.dumps(document(comparison), indent=2))
    else:
        lines(comparison)
    if not comparison.is_shared:
        raise typer.Exit(APART)


def _asked(name: str, path: str, *, is_text: bool) -> Asked:
    from proxy.cli.dedup.envelopes import asked_of  # noqa: PLC0415 - other commands start faster without it
    from proxy.dialects.strict_json import parse  # noqa: PLC0415 - as above
    from proxy.domain.errors import BadRequest  # noqa: PLC0415 - as above

    try:
        raw = sys.stdin.buffer.read() if name == _STDIN else Path(name).read_bytes()
        return asked_of(_prompt(raw) if is_text else parse(raw), path)
    except BadRequest as error:
        _end(f"{name}: {error.message}")
    except OSError as error:
        _end(f"{name}: {error.strerror}")
    except ValueError as error:
        _end(f"{name}: {error}")


def _prompt(raw: bytes) -> Body:
    """A prompt as the only message of a chat. Raises ``ValueError`` where it is no UTF-8."""
    return {"model": "m", "messages": [{"role": "user", "content": raw.decode()}]}


def _end(text: str) -> NoReturn:
    typer.echo(text, err=True)
    raise typer.Exit(_UNUSABLE)
