"""The findings of texts that are long together, in slices: the same ones, in the same order, as ``Scanner.hits_all`` gives.

A slice holds whoever runs it for a few hundred findings' checks, or for one call of RE2 over ``_LONG`` bytes, about 3 ms;
over longer texts RE2 is called by whoever runs calls aside, since it lets other threads run.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Final

from proxy.policy.content import escapes
from proxy.policy.content.findings import Finding, Match, into_characters
from proxy.policy.content.scanner import Scanner, blanked, blocks, touched
from proxy.policy.content.slices import FEW, Slices

_ALONE: Final = 1024  # characters of a text that is looked at by itself, so that a block of texts is no long one
_LONG: Final = 512 << 10


def hits_all(
    scanner: Scanner, texts: Sequence[str | None], among: Container[int] | None = None
) -> Slices[dict[int, tuple[Finding, ...]]]:
    """All findings of many texts by their index, overlapping ones included; None is passed over."""
    found: dict[int, tuple[Finding, ...]] = {}
    short = [None if text is None or len(text) >= _ALONE else text for text in texts]
    for indexes, parts in blocks(short):
        matches: list[Match] = []
        if len(parts) > 1:
            yield from _matches(scanner, blanked("\n".join(parts)), among, matches.extend)
        for number in touched(parts, matches):
            if hits := (yield from _hits(scanner, parts[number], among)):
                found[indexes[number]] = tuple(hits)
        yield None
    for index, text in enumerate(texts):
        if text is not None and len(text) >= _ALONE and (hits := (yield from _hits(scanner, text, among))):
            found[index] = tuple(hits)
    return dict(sorted(found.items()))


def _hits(scanner: Scanner, text: str, among: Container[int] | None) -> Slices[list[Finding]]:
    """As ``Scanner.hits``."""
    if len(text) < _ALONE:
        return scanner.hits(text, among)
    found = yield from _found(scanner, text, among)
    if escapes.ESCAPE not in text:
        return found
    read = escapes.Read("")
    for _ in read.reading(text):
        yield None
    meant = yield from _found(scanner, read.text, among)
    return (yield from read.uniting(meant, found))


def _found(scanner: Scanner, text: str, among: Container[int] | None) -> Slices[list[Finding]]:
    data = blanked(text)
    found: list[Finding] = []
    yield from _matches(scanner, data, among, lambda few: found.extend([one.finding for one in few if one.finding]))
    return found if text.isascii() else (yield from into_characters(found, data))


def _matches(
    scanner: Scanner, data: bytes, among: Container[int] | None, take: Callable[[list[Match]], None]
) -> Slices[None]:
    """As ``Scanner.matches``, a few at a time."""
    is_long = len(data) > _LONG
    suspects = (yield partial(scanner.suspects, data, among)) if is_long else scanner.suspects(data, among)
    for index in suspects:
        each = scanner.matches_of(index, data)
        while few := ((yield partial(_few, each)) if is_long else _few(each)):
            take(few)
            if not is_long:
                yield None


def _few(each: Iterator[Match]) -> list[Match]:
    return list(islice(each, FEW))
