"""The running texts of one answer: a filter for each, and what it holds until its text ends.

Texts of one choice follow each other: when another begins, the one before is over, and what its filter holds goes out
first. Texts under several names that say the same (``reasoning`` and ``reasoning_content``) have one kind and block.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal, Protocol

import msgspec

from proxy.domain.errors import UpstreamFailed

MOST_OPEN: Final = 1024
_NOT_TEXT: Final = frozenset(("type", "id", "status"))  # members of a tool call's values that name something

Kind = Literal["text", "reasoning", "refusal", "arguments", "input", "citation"]
Event = dict[str, Any]


class TextFilter(Protocol):
    """What all calls return, joined, is the filtered text. What it raises passes through, and cuts the answer."""

    def feed(self, text: str) -> str:
        """Return what may go on now."""
        ...

    def end(self) -> str:
        """Return what was held back."""
        ...


class Channel(msgspec.Struct, frozen=True):
    """One running text. ``form`` is where it stands, in its format's own words."""

    kind: Kind
    choice: int | str = 0
    block: int | str = 0  # content block, or call of a tool
    form: str = "text"
    within_json: bool = False  # the text is JSON source in pieces, as a tool's arguments are


Make = Callable[[Channel], TextFilter]
Alone = Callable[[Event, Channel, str], Event]


class _Open:
    """A text that has begun, and where its last piece stands."""

    __slots__ = ("channel", "filter", "holder", "name", "unit")

    def __init__(self, channel: Channel, text_filter: TextFilter, unit: Unit) -> None:
        self.channel, self.filter, self.unit = channel, text_filter, unit
        self.holder: Event = {}
        self.name = ""


class _Choice:
    """The texts of one choice, and which of them is being written."""

    __slots__ = ("open", "voice")

    def __init__(self) -> None:
        self.voice: tuple[str, int | str] | None = None
        self.open: dict[tuple[str, int | str, str], _Open] = {}


class Unit:
    """One unit while it is read: ``changes`` counts what was changed in it, ``before`` is what has to precede it."""

    __slots__ = ("before", "changes", "raw", "value")

    def __init__(self, raw: bytes, value: Any) -> None:
        self.raw, self.value = raw, value
        self.changes = 0
        self.before: list[tuple[Unit, Event]] = []  # the unit it is made after, and the event


class Channels:
    """What a format tells of each event, in the order of its texts."""

    def __init__(self, make: Make, alone: Alone) -> None:
        """``alone`` makes an event with nothing but one channel's text out of the last one that had some."""
        self._make, self._alone = make, alone
        self._choices: dict[int | str, _Choice] = {}
        self._opened = 0
        self.unit = Unit(b"", {})

    def piece(
        self,
        holder: Event,
        name: str,
        kind: Kind,
        choice: int | str = 0,
        block: int | str = 0,
        form: str = "",
        *,
        within_json: bool = False,
    ) -> None:
        """Pass the next piece of a running text, ``holder[name]``, if it is a string."""
        text = holder.get(name)
        if type(text) is not str:
            return
        own = self._choices.get(choice)
        known = None if own is None else own.open.get((kind, block, form or name))
        if text:
            if own is None or own.voice != (kind, block):
                own = self.turn(kind, choice, block)
            if known is None:
                known = self._begin(own, Channel(kind, choice, block, form or name, within_json))
            changed = known.filter.feed(text)
            if changed != text:
                holder[name] = changed
                self.unit.changes += 1
        elif known is None:
            return
        known.unit, known.holder, known.name = self.unit, holder, name

    def whole(
        self,
        holder: Event,
        name: str,
        kind: Kind,
        choice: int | str = 0,
        block: int | str = 0,
        *,
        within_json: bool = False,
        so_far: bool = False,
    ) -> None:
        """Change a string that stands for itself, or repeats a text. ``so_far``: as much of it as was written yet."""
        text = holder.get(name)
        if type(text) is not str or not text:
            return
        changed = self._filtered(text, Channel(kind, choice, block, name, within_json), so_far=so_far)
        if changed != text:
            holder[name] = changed
            self.unit.changes += 1

    def strings(self, holder: Event, name: str, kind: Kind, choice: int | str = 0, block: int | str = 0) -> None:
        """Change every string in a value; names of members stay."""
        channel = Channel(kind, choice, block, name)
        places: list[tuple[Any, Any, Any]] = [(holder, name, holder.get(name))]
        while places:
            within, key, value = places.pop()
            if type(value) is str:
                changed = self._filtered(value, channel) if value else value
                if changed != value:
                    within[key] = changed
                    self.unit.changes += 1
            elif type(value) is dict:
                places += [(value, member, inner) for member, inner in value.items() if member not in _NOT_TEXT]
            elif type(value) is list:
                places += [(value, place, inner) for place, inner in enumerate(value)]

    def turn(self, kind: Kind, choice: int | str = 0, block: int | str = 0) -> _Choice:
        """Something of this kind begins, or goes on: other texts of the choice are over."""
        own = self._choices.get(choice)
        if own is None:
            if len(self._choices) >= MOST_OPEN:
                raise _too_many()
            own = self._choices[choice] = _Choice()
        elif own.voice != (kind, block):
            self._close(own, [key for key in own.open if key[:2] != (kind, block)])
        own.voice = (kind, block)
        return own

    def end(self, choice: int | str = 0, block: int | str | None = None, form: str | None = None) -> None:
        """Texts of a choice are over: those of one block, or of one form, or all."""
        own = self._choices.get(choice)
        if own is None:
            return
        self._close(own, [key for key in own.open if block in (None, key[1]) and form in (None, key[2])])
        if block is None and form is None:
            del self._choices[choice]

    def end_all(self) -> None:
        """The answer is over."""
        for choice in list(self._choices):
            self.end(choice)

    def _begin(self, own: _Choice, channel: Channel) -> _Open:
        if self._opened >= MOST_OPEN:
            raise _too_many()
        self._opened += 1
        known = _Open(channel, self._make(channel), self.unit)
        own.open[channel.kind, channel.block, channel.form] = known
        return known

    def _close(self, own: _Choice, keys: list[tuple[str, int | str, str]]) -> None:
        for key in keys:
            known = own.open.pop(key)
            self._opened -= 1
            held = known.filter.end()
            if not held:
                continue
            if known.unit.raw is self.unit.raw:
                known.holder[known.name] += held
                self.unit.changes += 1
            else:
                self.unit.before.append((known.unit, self._alone(known.unit.value, known.channel, held)))

    def _filtered(self, text: str, channel: Channel, *, so_far: bool = False) -> str:
        fresh = self._make(channel)
        passed = fresh.feed(text)
        return passed if so_far else passed + fresh.end()


def _too_many() -> UpstreamFailed:
    return UpstreamFailed("The upstream's answer has too many texts at once to be checked.", code="unreadable_answer")
