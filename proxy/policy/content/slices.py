"""Long work cut into slices, so that whoever has others to serve can do so in between.

A function that works in slices is a generator. It yields None where a slice ends, or a call that RE2 may take long over
and that no other thread need wait for; it is sent what the call gave. What it returns does not depend on who runs it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from itertools import islice
from typing import Any, Final, TypeVar

T = TypeVar("T")
Slices = Generator[Callable[[], Any] | None, Any, T]

FEW: Final = 32  # findings of a slice: each takes RE2, its check and its placeholder some 20 µs


def at_once(work: Slices[T]) -> T:
    """What the work gives, done without a break."""
    sent = None
    while True:
        try:
            call = work.send(sent)
        except StopIteration as done:
            result: T = done.value
            return result
        sent = call() if call is not None else None


def batches(many: Iterable[T], size: int = FEW) -> Iterator[list[T]]:
    """All of them, so many at a time."""
    each = iter(many)
    while batch := list(islice(each, size)):
        yield batch
