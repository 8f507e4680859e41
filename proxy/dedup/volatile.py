"""Telemetry around a prompt: labelled request ids, and clock times, of which the day stays.

The assumption is that a line such as ``request_id: …`` was put there by a machine for a machine. It is only visible where
the line stands at the edge of the text and nothing else speaks of ids, requests, logs or time. Ids of sessions, jobs,
orders and threads name things that people ask about: they always stay, and so does every unlabelled number and date.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from re import Pattern
from typing import Final, NamedTuple

from proxy.dedup import references
from proxy.dedup.spaces import closed_up
from proxy.dedup.words import ASKS, TASKS, quoted, words_of

_ID = r"(?:x[-_ ])?(?:request|req|trace|span|correlation)[-_ ]?(?:id|uuid|guid)|trace_?parent|idempotency[-_ ]key"
_CLOCK = r"timestamp|ts|current[ _](?:date[ _]and[ _])?time|now|date[ _]?time|(?:sent|generated)[ _]at|(?:local|server)[ _]time"
_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_VALUE = r"(?=[^\s\]<]{0,79}[0-9])[0-9A-Za-z][\w.+/-]{11,79}"
_TIME = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:\s?(?:Z|UTC|GMT|[+-]\d\d:?\d\d))?"
_END = r"[ ]*(?:\n\s*|\Z)"


def _forms(label: str, value: str) -> str:
    """Give the three ways to write a labelled value: a line, in brackets, as a tag."""
    pair = rf"(?:{label})[ ]?[:=][ ]?(?P<%s>{value})"
    return (
        rf"(?:{pair % 'line'}{_END}|\[{pair % 'bracket'}\]\s*|"
        rf"<(?P<tag>{label})>\s?(?P<tagged>{value})\s?</(?P=tag)>\s*)"
    )


_FRONT_ID = re.compile(_forms(_ID, _VALUE), re.IGNORECASE)
_FRONT_CLOCK = re.compile(_forms(_CLOCK, _TIME), re.IGNORECASE)
_BARE_ID = re.compile(rf"\[(?P<bracket>{_UUID})\]\s+", re.IGNORECASE)
_BARE_CLOCK = re.compile(rf"\[(?P<bracket>{_TIME})\]\s+", re.IGNORECASE)
_DAY = re.compile(r"(\d{4}-\d\d-\d\d).*?(Z|UTC|GMT|[+-]\d\d:?\d\d)?\Z", re.IGNORECASE | re.DOTALL)

_LABEL_WORD = re.compile(r"\w{3,}")
_ADDRESSED = re.compile(rf"(?:{'|'.join(sorted(ASKS | TASKS))}|hi|hello|please|i|my|we)\b", re.IGNORECASE)
_MOST: Final = 4  # telemetry lines on one side
_SHORTEST: Final = 8  # characters that are a prompt and not the rest of a record


class Masked(NamedTuple):
    """A text without its telemetry."""

    text: str
    days: tuple[str, ...]  # the days of the clock times, with their zone
    values: tuple[str, ...]  # what was dropped, for the guard against answers that repeat it
    veto: str = ""  # words, quoted, that may speak of the telemetry, so that it stayed


def compile_volatile(labels: Sequence[str]) -> tuple[Pattern[str], ...]:
    """Give patterns for an operator's own labels: ``Build`` drops ``Build: anything`` where it stands at an edge.

    A label is literal text and a value a bounded part of one line, so no pattern can take long.
    """
    return tuple(
        re.compile(_forms(re.escape(label.strip(" :=")), r"[^\n\]<]{1,200}?"), re.IGNORECASE)
        for label in labels
        if label.strip(" :=")
    )


def masked(text: str, volatile: Sequence[Pattern[str]] = (), *, beside: str = "", is_system: bool = False) -> Masked:
    """Give a text without the telemetry at its edges, or all of it if anything in it, or beside it, may refer to that.

    Telemetry at the end may belong to a payload of several lines, so there it stays; not so in a system prompt.
    """
    if ":" not in text and "=" not in text and text[:1] not in ("[", "<"):
        return Masked(text, (), ())
    found = list(_front(text, volatile))
    rest = text[found[-1].end :] if found else text
    behind = list(_behind(rest, volatile, is_system=is_system))
    if behind:
        rest = rest[: behind[-1].start].rstrip(" \n")
    found += behind
    if any(not each.label.strip("[") for each in found) and not (_ADDRESSED.match(rest) or rest.endswith("?")):
        return Masked(text, (), ())  # `[2026-…] disk full` is a line of a log
    if not found or len(rest) < _SHORTEST:
        return Masked(text, (), ())
    asking = beside if is_system else rest
    veto = references.leans_on_context(asking, is_alone=not is_system) or _speaks_of(found, rest + "\n" + beside)
    if veto:
        return Masked(text, (), (), veto)
    days = sorted({_day(each.value) for each in found if each.kind == "clock"})
    return Masked(rest, tuple(days), tuple(each.value for each in found))


class _Telemetry(NamedTuple):
    kind: str  # "id" | "clock" | "own"
    value: str
    label: str
    start: int
    end: int


def _front(text: str, volatile: Sequence[Pattern[str]]) -> Iterator[_Telemetry]:
    """Give the telemetry that a text starts with."""
    at = 0
    for _ in range(_MOST):
        one = _at(text, at, (("id", _BARE_ID), ("clock", _BARE_CLOCK), *_labelled(volatile)))
        if one is None:
            return
        yield one
        at = one.end


def _behind(text: str, volatile: Sequence[Pattern[str]], *, is_system: bool) -> Iterator[_Telemetry]:
    """Give the telemetry that a text of one line, or a system prompt, ends with; the last one first."""
    end = len(text.rstrip(" \n"))
    found = []
    for _ in range(_MOST):
        start = text.rfind("\n", 0, end) + 1
        one = _at(text[:end], start, _labelled(volatile)) if start else None
        if one is None or one.end != end:
            break
        found.append(one)
        end = len(text[:start].rstrip(" \n"))
    if is_system or "\n" not in text[:end]:
        yield from found


def _labelled(volatile: Sequence[Pattern[str]]) -> tuple[tuple[str, Pattern[str]], ...]:
    return (("id", _FRONT_ID), ("clock", _FRONT_CLOCK), *(("own", each) for each in volatile))


def _at(text: str, at: int, patterns: Sequence[tuple[str, Pattern[str]]]) -> _Telemetry | None:
    for kind, pattern in patterns:
        found = pattern.match(text, at)
        if found:
            value = next(filter(None, map(found.groupdict().get, ("bracket", "line", "tagged"))))
            label = found.group()[: found.group().find(value)]
            return _Telemetry(kind, value, label, found.start(), found.end())
    return None


def _speaks_of(found: Sequence[_Telemetry], around: str) -> str:
    """Give "" or, quoted, the words of the rest that may ask about what would be dropped."""
    kinds = {each.kind for each in found}
    lowered = closed_up(around.lower())
    words = words_of(lowered)
    if "clock" in kinds and (told := references.may_refer_to_time(words, lowered)):
        return told
    if kinds - {"clock"} and (told := references.may_refer_to_id(words, lowered)):
        return told
    own = {word for each in found if each.kind == "own" for word in _LABEL_WORD.findall(each.label.lower())}
    return quoted(own.intersection(_LABEL_WORD.findall(lowered))) if own else ""


def _day(value: str) -> str:
    """Give the day of a clock time with the zone it is told in."""
    found = _DAY.match(value)
    return "".join(filter(None, found.groups())).upper() if found else value
