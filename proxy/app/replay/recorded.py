"""A call as a replay needs it, one JSON object a line: what the policies saw, how it ended, what it cost. No names, no prompt."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from proxy.config.problems import ConfigError, Problem
from proxy.domain.usage import NO_USAGE, Usage
from proxy.policy.facts import Facts

BACKWARDS_S: Final = 60.0  # clocks are set back a little; more means lines out of order
_LONGEST: Final = 1 << 20


class Recorded(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One call with all its attempts. ``facts`` are those of the first, with org, key and pseudonym."""

    id: str  # of the request
    at: float  # unix seconds
    facts: Facts
    answered: bool = True  # False: a policy refused it
    refused_by: str = ""  # the rule, where the record names it
    seconds: float = 0.0  # how long it ran; of a refused one how long those of its model ran on average
    cost_nusd: int = 0  # of all attempts
    last_nusd: int = 0  # of the last attempt
    held_nusd: int = 0  # the most that a budget held for the first attempt
    tokens: int = 0  # in and out, of all attempts
    usage: Usage = NO_USAGE  # of the last attempt
    routed: str = ""  # the model that rules sent it to
    generation: str = ""
    local: bool = False  # admitted while the store was away

    @property
    def model(self) -> str:
        """The model that it went to, as callers name it."""
        return self.routed or self.facts.model

    @property
    def worth_nusd(self) -> int:
        """What it cost, or would have cost."""
        return self.cost_nusd if self.answered else self.facts.cost_nusd


_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(Recorded).decode


def line_of(call: Recorded) -> bytes:
    """A call as its line."""
    return _encode(call) + b"\n"


def read(path: Path) -> Iterator[Recorded]:
    """Read calls in the order of their times. Raises ``ConfigError`` that names the line which cannot be used."""
    latest = 0.0
    try:
        with path.open("rb") as file:
            for number, line in enumerate(iter(lambda: file.readline(_LONGEST), b""), 1):
                if not line.strip():
                    continue
                call = _read_line(path, number, line)
                if call.at < latest - BACKWARDS_S:
                    raise _wrong(path, number, "is earlier than the line before it", "sort the lines by `at`")
                latest = max(latest, call.at)
                yield call
    except OSError as error:
        raise ConfigError([Problem(str(path), 0, 0, "", f"cannot be read: {error.strerror}")]) from None


def read_own(path: Path) -> Iterator[Recorded]:
    """Read what we wrote a moment ago."""
    with path.open("rb") as file:
        yield from map(_decode, file)


def _read_line(path: Path, number: int, line: bytes) -> Recorded:
    try:
        return _decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:  # msgspec names members and types, never values
        raise _wrong(path, number, f"is no recorded call: {error}", "`tallygate policy traffic` writes them") from None


def _wrong(path: Path, number: int, message: str, hint: str) -> ConfigError:
    return ConfigError([Problem(str(path), number, 1, "", message, hint)])
