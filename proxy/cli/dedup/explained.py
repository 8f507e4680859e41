"""A comparison of two requests, for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from proxy.dedup.canonical import parts_of
from proxy.dedup.comparing import Comparison, Difference, Side, Texts, Told
from proxy.dedup.requests.base import Manner

_SHOWN = 120  # characters of a value
_AROUND = 24  # characters before the place where two texts part
_PARTS = ("the days", "the instruction", "the payload")
_MANNERS = {
    Manner.NEAR: "the question by its canonical form, instructions without telemetry",
    Manner.EDGES: "tools are offered, so of the question only blanks at its edges do not count",
    Manner.EXACT: "byte for byte",
}


def document(comparison: Comparison) -> dict[str, Any]:
    """Everything."""
    return {
        "shared": comparison.is_shared,
        "a": _side(comparison.a),
        "b": _side(comparison.b),
        "differences": [one._asdict() for one in comparison.differences],
        "texts": [
            {"path": pair.path, "equal": pair.is_equal, "a": _told(pair.a), "b": _told(pair.b)}
            for pair in comparison.texts
        ],
    }


def lines(comparison: Comparison) -> None:
    """Write the verdict, the reason, and the steps of the texts."""
    console = Console(highlight=False, soft_wrap=True)
    for line in _verdict(comparison):
        console.print(Text(line))
    for pair in comparison.texts:
        console.print()
        console.print(_steps(pair), soft_wrap=False)
        if not pair.is_equal:
            console.print(Text(_parting(pair)))


def _verdict(comparison: Comparison) -> Iterator[str]:
    yield "They share a key." if comparison.is_shared else "They do not share a key."
    for name, side in (("a", comparison.a), ("b", comparison.b)):
        if side.bypass:
            yield f"  {name} is left alone by the cache: {side.bypass}"
        why = f": {side.turns.why}" if side.turns.why else ""
        yield f"  {name} is compared thus: {_MANNERS[side.turns.manner]}{why}"
    for number, one in enumerate(comparison.differences):
        yield f"  {'also' if number else 'first difference'}: {_difference(one)}"


def _difference(one: Difference) -> str:
    return f"{one.path}: {_value(one.a)} in a, {_value(one.b)} in b"


def _value(value: str | None) -> str:
    return "nothing" if value is None else _visible(value)


def _steps(pair: Texts) -> Table:
    table = Table(Column("", no_wrap=True), Column("a", ratio=1), Column("b", ratio=1), title=pair.path, expand=True)
    table.title_justify = "left"
    for one, other in zip_longest(pair.a.steps, pair.b.steps):
        same = one is not None and other is not None and one.text == other.text
        cells = [Text("") if step is None else _cell(step.name, step.why, step.text) for step in (one, other)]
        table.add_row("=" if same else "≠", *cells)
    return table


def _cell(name: str, why: str, text: str) -> Text:
    """A step as it is read: a form of several parts as these, each in its own quotation marks."""
    told = " + ".join([_quoted(part) for part in parts_of(name, text) if part] or ['""'])
    return Text.assemble((f"{_spelled(f'{name}: {why}')}\n", "bold"), _visible(told))


def _parting(pair: Texts) -> str:
    """Where the final forms part, with a little of what stands there."""
    if pair.a.tag != pair.b.tag:
        return f"They part by their kind: {pair.a.tag} in a, {pair.b.tag} in b."
    all_parts = zip(*(parts_of(one.tag, one.text) for one in (pair.a, pair.b)), strict=True)
    number, texts = next((number, texts) for number, texts in enumerate(all_parts) if texts[0] != texts[1])
    at = next((at for at, (one, other) in enumerate(zip(*texts, strict=False)) if one != other), min(map(len, texts)))
    seen = [_visible(_quoted(text[max(0, at - _AROUND) : at + _AROUND])) for text in texts]
    where = f" of {_PARTS[number]}" if pair.a.tag == "near" else ""
    return f"They part at character {at + 1}{where}: {seen[0]} in a, {seen[1]} in b."


def _visible(text: str) -> str:
    """What cannot be seen, spelled out."""
    return _spelled(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…")


def _spelled(text: str) -> str:
    return "".join(one if one.isprintable() else json.dumps(one)[1:-1] for one in text)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _side(side: Side) -> dict[str, str]:
    return {"bypass": side.bypass, "manner": side.turns.manner.value, "why": side.turns.why}


def _told(told: Told) -> dict[str, Any]:
    return {"tag": told.tag, "text": told.text, "steps": [step._asdict() for step in told.steps]}
