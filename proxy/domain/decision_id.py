"""The names of decisions: short enough to be read out, and each leads back to its call without an index of its own.

A call's id is a UUIDv7, hence its time and then chance; its decision is named by the time and the end of it. All attempts
of a call share the name.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

_NAMED: Final = re.compile(r"d_([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{10})")
_REQUEST: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Sought(msgspec.Struct, frozen=True):
    """What the id of a request begins and ends with."""

    begin: str
    end: str


def decision_id(request_id: str) -> str:
    """Name the decision about a call: ``d_0196a1f2b3c49d3f2a4b5c``."""
    return f"d_{request_id[:8]}{request_id[9:13]}{request_id[-10:]}"


def sought(name: str) -> Sought | None:
    """Whose decision a name is: the decision's own, or the id of its request; None for anything else."""
    if found := _NAMED.fullmatch(name):
        high, low, end = found.groups()
        return Sought(f"{high}-{low}-", end)
    return Sought(name, "") if _REQUEST.fullmatch(name) else None
