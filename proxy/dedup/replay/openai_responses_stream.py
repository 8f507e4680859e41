"""The answer inside a Responses stream: its last event holds all of it, and every event before must agree with that.

Encrypted content is the exception: the provider encrypts it anew in each event, and the last one counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from proxy.dedup.replay import events
from proxy.dedup.replay.form import Members, Unfit
from proxy.dedup.replay.rejoin import member
from proxy.dedup.replay.strict import is_said, known, literal, mapping, objects, text

ITEMS: Final = {
    "message": frozenset(("id", "type", "status", "role", "content", "phase")),
    "reasoning": frozenset(("id", "type", "status", "summary", "encrypted_content")),
}
_BEGIN = ("response.created", "response.in_progress")
_END = ("response.completed", "response.incomplete")
_AROUND = frozenset(("type", "sequence_number", "response"))
_OF_ITEM = frozenset(("type", "sequence_number", "output_index", "item"))
_PARTS: Final = {  # kind of an item -> its parts, their frame, and their text
    "message": ("content", "content_part", "output_text"),
    "reasoning": ("summary", "reasoning_summary_part", "reasoning_summary_text"),
}
_IN_PART = frozenset(("type", "sequence_number", "item_id", "output_index", "obfuscation"))


def assemble(stream: bytes) -> bytes:
    """The answer, byte for byte as the last event holds it. Raises ``Unfit`` unless every event is understood."""
    came = events.read(stream)
    told = events.typed(came)
    _numbered(told)
    if len(told) < len(_BEGIN) or told[0].get("type") != _BEGIN[0]:
        raise Unfit
    begun = 2 if told[1].get("type") == _BEGIN[1] else 1
    literal(told[-1], "type", *_END)
    answer = mapping(told[-1], "response")
    for event in (*told[:begun], told[-1]):
        known(event, _AROUND)
        literal(mapping(event, "response"), "id", text(answer, "id"))
    following = iter(told[begun:-1])
    for index, item in enumerate(objects(answer, "output")):
        _item(following, index, item)
    if next(following, None) is not None:
        raise Unfit
    return member(came[-1].data, "response")


def _numbered(told: list[Members]) -> None:
    """Refuse a gap: events are numbered from 0 on, or, by servers of an older kind, not at all."""
    numbers = [event.get("sequence_number") for event in told]
    if numbers != list(range(len(told))) and any(number is not None for number in numbers):
        raise Unfit


def _item(following: Iterator[Members], index: int, item: Members) -> None:
    """Follow the events of one item, which must end before the next begins."""
    kind = text(item, "type")
    if kind not in _PARTS:
        raise Unfit
    parts, frame, stem = _PARTS[kind]
    opened = _expect(following, "response.output_item.added", _OF_ITEM, output_index=index)
    begun = mapping(opened, "item")
    known(begun, ITEMS[kind] - {parts})
    for name in ("id", "type"):
        literal(begun, name, item.get(name))
    for number, part in enumerate(objects(item, parts)):
        where = {"output_index": index, "item_id": item.get("id"), f"{parts}_index": number}
        names = _IN_PART | set(where)
        empty = mapping(_expect(following, f"response.{frame}.added", names | {"part"}, **where), "part")
        known(empty, ("type", "text"))
        literal(empty, "text", "")
        _spoken(following, f"response.{stem}", names, where, text(part, "text"))
        closed = _expect(following, f"response.{frame}.done", names | {"part"}, **where)
        if _comparable(closed.get("part")) != _comparable(part):
            raise Unfit
    done = _expect(following, "response.output_item.done", _OF_ITEM, output_index=index)
    if _comparable(mapping(done, "item")) != _comparable(item):
        raise Unfit


def _spoken(following: Iterator[Members], stem: str, names: frozenset[str], where: Members, whole: str) -> None:
    """Follow the deltas of one text to its end, which must say the same as they did together."""
    said: list[str] = []
    for event in following:
        for name, expected in where.items():
            literal(event, name, expected)
        if event.get("type") == f"{stem}.done":
            known(event, names | {"text"})
            if not text(event, "text") == whole == "".join(said):
                raise Unfit
            return
        literal(event, "type", f"{stem}.delta")
        known(event, names | {"delta"})
        said.append(text(event, "delta"))
    raise Unfit


def _expect(following: Iterator[Members], kind: str, names: frozenset[str], **where: object) -> Members:
    """The next event, which must be of this kind and at this place."""
    event = next(following, None)
    if event is None:
        raise Unfit
    for name, expected in {"type": kind, **where}.items():
        literal(event, name, expected)
    known(event, names)
    return event


def _comparable(value: Any) -> Any:
    """What a value says, but for what is encrypted."""
    if type(value) is list:
        return [_comparable(element) for element in value]
    if type(value) is not dict:
        return value
    return {name: _comparable(part) for name, part in value.items() if is_said(part) and name != "encrypted_content"}
