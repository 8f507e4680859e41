"""What the doctor says: one line for each thing it looked at."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class State(StrEnum):
    """``fail`` must be mended before calls are served as configured; ``warn`` should be looked at; ``off`` was not asked."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    OFF = "off"


class Finding(msgspec.Struct, frozen=True):
    """One line. ``advice`` says what to do; nothing in it is secret."""

    name: str
    state: State
    said: str
    advice: str = ""


def ok(name: str, said: str) -> Finding:
    """All is well."""
    return Finding(name, State.OK, said)


def warn(name: str, said: str, advice: str = "") -> Finding:
    """It works, and somebody should look."""
    return Finding(name, State.WARN, said, advice)


def fail(name: str, said: str, advice: str = "") -> Finding:
    """It does not work."""
    return Finding(name, State.FAIL, said, advice)


def off(name: str, said: str, advice: str = "") -> Finding:
    """It could not be asked, and that is no fault."""
    return Finding(name, State.OFF, said, advice)
