"""``tallygate dedup eval``: score the keys of real calls on labelled pairs."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from proxy.config.problems import ConfigError, Problem

if TYPE_CHECKING:
    from proxy.dedup.scoring import Score

WRONG = 1
_LONG = 1 << 20  # bytes of a file; shorter ones are done before a bar could be seen


def evaluate(
    pairs: Annotated[
        Path,
        typer.Argument(metavar="PAIRS", help="Labelled pairs, one JSON object a line.", exists=True, dir_okay=False),
    ],
    *,
    envelope: Annotated[
        bool, typer.Option("--envelope", help="Its pairs are whole requests: {tenant, headers, path?, body}.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document instead of lines.")] = False,
) -> None:
    """Score the cache's keys on pairs that are labelled `same` or `different`, and list every pair that is judged wrongly.

    A *false hit* is a `different` pair with equal keys: it would have been answered wrongly. A *miss* is a `same` pair
    with unequal keys: it costs a call. A line is `{"id", "a", "b", "label", "kind"}`.

    Exit status 0: no false hits; 1: some; 2: the file cannot be used, with every bad line told.

    Examples:
    - `tallygate dedup eval pairs.jsonl`

    - `tallygate dedup eval requests.jsonl --envelope --json`
    """  # fmt: skip
    from proxy.cli.dedup import scored  # noqa: PLC0415 - other commands start faster without it

    score = _scored(pairs, whole=envelope)
    if as_json:
        document = scored.envelope_document(score) if envelope else scored.document(score)
        typer.echo(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        typer.echo("\n".join(scored.lines(score, whole=envelope)))
    if score.false_hits:
        raise typer.Exit(WRONG)


def _scored(path: Path, *, whole: bool) -> Score:
    """Judge all pairs of a file. Raises ``ConfigError``: a score on the good lines alone would mislead."""
    from proxy.dedup.scoring import Score, pair_of, text_key  # noqa: PLC0415 - other commands start faster without it

    score = Score()
    problems: list[Problem] = []
    key: Callable[[Any], bytes | None] = _request_key if whole else text_key
    for number, line in _lines(path):
        try:
            score.judge(pair_of(line, whole=whole), key, time.perf_counter_ns)
        except ValueError as error:
            problems.append(Problem(str(path), number, 1, "", str(error)))
    if not score.pairs and not problems:
        problems.append(Problem(str(path), 0, 0, "", "holds no pairs"))
    if problems:
        raise ConfigError(problems)
    return score


def _request_key(request: dict[str, Any]) -> bytes | None:
    """None where the cache leaves it alone. Raises ``ValueError`` for what is no request."""
    from proxy.cli.dedup.envelopes import asked_of  # noqa: PLC0415 - other commands start faster without it
    from proxy.cli.dedup.terms import terms  # noqa: PLC0415 - as above
    from proxy.dedup.eligible import ineligible  # noqa: PLC0415 - as above
    from proxy.dedup.scoring import keyed  # noqa: PLC0415 - as above

    scope, sent, refusal = asked_of(request)
    return None if refusal or ineligible(sent, terms()) else keyed(scope, sent)


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """The lines with something on them, and their numbers. Raises ``ConfigError``."""
    try:
        with path.open("rb") as file, _progress(path.stat().st_size) as done:
            for number, line in enumerate(file, 1):
                done(len(line))
                if line.strip():
                    yield number, line
    except OSError as error:
        raise ConfigError([Problem(str(path), 0, 0, "", f"cannot be read: {error.strerror}")]) from None


@contextmanager
def _progress(size: int) -> Iterator[Callable[[int], None]]:
    """Show a bar to people who wait; it goes to stderr, so that results can be redirected."""
    from rich.console import Console  # noqa: PLC0415 - other commands start faster without it
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    console = Console(stderr=True)
    if size <= _LONG or not console.is_terminal:
        yield lambda _: None
        return
    columns = (TextColumn("judging"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("judging", total=size)
        yield lambda more: bar.advance(task, more)
