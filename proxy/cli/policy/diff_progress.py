"""How far a long replay is: a bar on a terminal's stderr, and nothing anywhere else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


@contextmanager
def progress(whole: int) -> Iterator[Callable[[int], None]]:
    """Give what is told of the calls done so far. ``whole``: how many there will be; 0 where nobody knows."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _: None
        return
    columns = (TextColumn("replaying"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("replaying", total=whole or None)
        yield lambda done: bar.update(task, completed=done)
