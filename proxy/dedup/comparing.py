"""Why two requests do or do not share a key: what differs, by its path, and how the form of each text came about."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from re import Pattern
from typing import Any, Final, NamedTuple

from proxy.dedup.canonical import Step, parts_of, steps
from proxy.dedup.eligible import ineligible
from proxy.dedup.envelope import Sent, reduced
from proxy.dedup.key import NEAR, ORDERED, Document, Text, document_of, request_keys
from proxy.dedup.requests.base import Manner, Path, Turns, exact
from proxy.domain.decision import Reuse

_SECRET: Final = b"of no use but to compare"


class Asked(NamedTuple):
    """A request, who shares its answers, and what its caller said against the cache: "no-store", "no-cache" or nothing."""

    scope: str
    sent: Sent
    refusal: str = ""


class Difference(NamedTuple):
    """One place where two requests differ. Values are JSON; None: there is nothing."""

    path: str  # "body.messages[0].role", "headers[0]", "scope"
    a: str | None
    b: str | None


class Told(NamedTuple):
    """What became of one text: its form in the key, and the steps that led there."""

    tag: str
    text: str
    steps: tuple[Step, ...]


class Texts(NamedTuple):
    """The texts that stand at one place of two requests."""

    path: str
    a: Told
    b: Told

    @property
    def is_equal(self) -> bool:
        """Whether the key holds the same of both."""
        return (self.a.tag, self.a.text) == (self.b.tag, self.b.text)


class Side(NamedTuple):
    """One request: why the cache leaves it alone, or empty, and how its texts are compared."""

    bypass: str
    turns: Turns


class Comparison(NamedTuple):
    """``differences`` in reading order: the first is the reason, where no side is left alone."""

    is_shared: bool
    a: Side
    b: Side
    differences: tuple[Difference, ...]
    texts: tuple[Texts, ...]


def compare(a: Asked, b: Asked, reuse: Reuse, volatile: Sequence[Pattern[str]] = ()) -> Comparison:
    """Compare two requests under the terms of a rule."""
    side_a, side_b = _side(a, reuse), _side(b, reuse)
    key_a, key_b = (request_keys(_SECRET, one.scope, one.sent, reuse.mode, volatile).digest for one in (a, b))
    is_shared = key_a == key_b and not side_a.bypass and not side_b.bypass
    whole_a, whole_b = (document_of(one.scope, one.sent, reuse.mode, volatile) for one in (a, b))
    texts: tuple[Texts, ...] = ()
    if [text.path for text in whole_a.texts] == [text.path for text in whole_b.texts]:
        texts = tuple(_texts(whole_a, whole_b, side_a.turns, side_b.turns, volatile))
    else:  # they are compared in different manners: their texts are told where they stand
        whole_a, whole_b = _as_sent(whole_a, a.sent), _as_sent(whole_b, b.sent)
    found = [*_between(whole_a, whole_b), *(_parted(pair) for pair in texts if not pair.is_equal)]
    return Comparison(is_shared, side_a, side_b, tuple(found), texts)


def _side(one: Asked, reuse: Reuse) -> Side:
    turns = reduced(one.sent).turns
    return Side(one.refusal or ineligible(one.sent, reuse), turns if reuse.mode == NEAR else exact("the mode is exact"))


def _as_sent(document: Document, sent: Sent) -> Document:
    return document._replace(body=reduced(sent).body, texts=())


def _between(a: Document, b: Document) -> Iterator[Difference]:
    """What differs beside the texts. The rest of the heads is the same: one mode, one version, one list of patterns."""
    yield from _unlike("scope", a.head[-2], b.head[-2])
    yield from _unlike("format", a.head[-1], b.head[-1])
    yield from _unlike("target", a.target, b.target)
    yield from _unlike("headers", _by_name(a.headers), _by_name(b.headers))
    yield from _unlike("body", a.body, b.body)


def _by_name(headers: list[list[str]]) -> dict[str, list[str]]:
    named: dict[str, list[str]] = {}
    for name, value in headers:
        named.setdefault(name, []).append(value)
    return named


def _unlike(path: str, a: Any, b: Any) -> Iterator[Difference]:
    if type(a) is dict and type(b) is dict:
        for name in (*a, *(name for name in b if name not in a)):
            below = f"{path}.{name}"
            if name in a and name in b:
                yield from _unlike(below, a[name], b[name])
            else:
                yield Difference(below, _json(a[name]) if name in a else None, _json(b[name]) if name in b else None)
    elif type(a) is list and type(b) is list:
        for at in range(max(len(a), len(b))):
            below = f"{path}[{at}]"
            if at < len(a) and at < len(b):
                yield from _unlike(below, a[at], b[at])
            else:
                yield Difference(below, _json(a[at]) if at < len(a) else None, _json(b[at]) if at < len(b) else None)
    elif _json(a) != _json(b):
        yield Difference(path, _json(a), _json(b))


def _texts(
    a: Document, b: Document, turns_a: Turns, turns_b: Turns, volatile: Sequence[Pattern[str]]
) -> Iterator[Texts]:
    for one, other in zip(a.texts, b.texts, strict=True):
        yield Texts(_dotted(one.path), _told(one, turns_a, volatile), _told(other, turns_b, volatile))


def _told(text: Text, turns: Turns, volatile: Sequence[Pattern[str]]) -> Told:
    question = turns.question
    if question is not None and question.path == text.path:
        if turns.manner is Manner.NEAR:
            beside = "\n".join([place.text for place in turns.instructions])
            return Told(text.tag, text.text, tuple(steps(question.text, volatile, beside=beside)))
        return Told(
            text.tag, text.text, (Step(text.tag, "tools are offered: only outer blanks do not count", text.text),)
        )
    if text.tag == ORDERED:
        return Told(text.tag, text.text, (Step(ORDERED, "an answer's members come in its schema's order", text.text),))
    return Told(
        text.tag, text.text, (Step(text.tag, "instructions: only telemetry and outer blanks do not count", text.text),)
    )


def _parted(pair: Texts) -> Difference:
    one, other = ([told.tag, *parts_of(told.tag, told.text)] for told in (pair.a, pair.b))
    return Difference(pair.path, _json(one), _json(other))


def _dotted(path: Path) -> str:
    return "body" + "".join(f"[{step}]" if type(step) is int else f".{step}" for step in path)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
