"""What the cache must know of a wire format: which members cannot change an answer, and where its texts stand.

One file per format beside this one. Everything here fails closed: a member that a format does not name stays in the key
as it is, and a request that is not plainly one question is compared byte for byte.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from typing import Any, Final, NamedTuple

Body = dict[str, Any]
Path = tuple[str | int, ...]
LARGEST_PICTURE: Final = 1 << 20  # characters of base64; beyond, hashing holds up other calls for too long


class Bypass(StrEnum):
    """Why a request is neither looked up nor stored; stable, they stand in headers and metrics."""

    OFF = "off"  # the rule says so
    DIALECT = "dialect"  # an operation whose answers we cannot replay
    STATEFUL = "stateful"  # reads or makes state at the provider
    SERVER_TOOLS = "server-tools"  # the provider looks something up, or runs something
    TEMPERATURE = "temperature"  # the caller wants answers that vary
    CHOICES = "choices"  # several answers of one request
    LOGPROBS = "logprobs"
    MEDIA_IN = "media-in"  # files, sound, and pictures that are only linked: what lies there may change
    MEDIA_OUT = "media-out"
    TIME_SENSITIVE = "time-sensitive"
    UNKNOWN = "unknown"  # something here is not understood


class Manner(StrEnum):
    """How the texts of a request are compared."""

    NEAR = "near"  # the question by its canonical form, instructions without their telemetry
    EDGES = "edges"  # tools are offered: as NEAR, but of the question only blanks at its edges
    EXACT = "exact"  # byte for byte


class Place(NamedTuple):
    """A text in a body: the path of the value it is the whole of, and the text."""

    path: Path
    text: str


class Turns(NamedTuple):
    """Where instructions and question stand; ``why`` tells people why a request is compared byte for byte."""

    manner: Manner
    instructions: tuple[Place, ...] = ()
    question: Place | None = None
    why: str = ""


class Format(NamedTuple):
    """One wire format. ``body`` in what follows is one without inert members and markers."""

    api: str
    serves: Callable[[str], bool]  # whether a path (without query) generates answers that can be replayed
    neutral: Callable[[str], str]  # a target without what only says how an answer is delivered
    inert: frozenset[str]  # top-level members that no answer depends on
    known: frozenset[str]  # top-level members that the format defines: null there means absent, or is refused
    ordered: tuple[Path, ...]  # JSON schemas of answers: members of an answer come in the order of the schema's
    unmarked: Callable[[Body], Body]  # a body without markers for the provider's own cache
    turns: Callable[[Body], Turns]
    asked: Callable[[Body], Iterator[str]]  # the texts of user turns
    sampling: Callable[[Body], Mapping[str, Any]]  # the object that holds `temperature`
    bypass: Callable[[str, Body], str]  # path and body → a reason, or ""


def exact(why: str) -> Turns:
    """Texts are compared byte for byte."""
    return Turns(Manner.EXACT, why=why)


def is_set(body: Mapping[str, Any], name: str) -> bool:
    """Whether a switch is on, or a reference there: anything but absent, null, false and an empty list."""
    value = body.get(name)
    return value is not None and value is not False and value != []


def is_several(value: Any) -> bool:
    """Whether more than one answer is asked for, or something that is no number."""
    return value is not None and (type(value) is not int or value != 1)


def as_written(value: str) -> str:
    """A target that says nothing of delivery."""
    return value
