"""The columns that rows have in the file and in the ledger alike: one list for statements, tables and queries.

``machine``, whose file a row of the ledger came from, exists only there. PostgreSQL keeps no NUL in a text, so such a
character is replaced on the way; ``doc`` is JSON, where it is an escape, and travels as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

TEXT, WHOLE, REAL = "text", "bigint", "double precision"

COLUMNS: Final[tuple[tuple[str, str], ...]] = (
    ("request_id", TEXT),
    ("attempt", WHOLE),
    ("rank", WHOLE),
    ("at", REAL),
    ("principal", TEXT),
    ("team", TEXT),
    ("project", TEXT),
    ("upstream", TEXT),
    ("model", TEXT),
    ("outcome", TEXT),
    ("usage_source", TEXT),
    ("input", WHOLE),
    ("output", WHOLE),
    ("cached_read", WHOLE),
    ("cache_write", WHOLE),
    ("reasoning", WHOLE),
    ("cost_nusd", WHOLE),
    ("saved_nusd", WHOLE),
    ("doc", TEXT),
)
NAMES: Final = tuple(name for name, _ in COLUMNS)
MACHINE: Final = "machine"
LIST: Final = ", ".join(NAMES)

Line = tuple[Any, ...]  # the values of a row, in the order of NAMES
Key = tuple[str, int]  # request id and attempt

_RANK: Final = NAMES.index("rank")


def key_of(line: Line) -> Key:
    """What names the attempt of a line."""
    return line[0], line[1]


def rank_of(line: Line) -> int:
    """How sure a line is, as ``journal.schema`` counts."""
    return int(line[_RANK])


def shippable(line: Sequence[Any]) -> Line:
    """A line as PostgreSQL can keep it."""
    return tuple([value.replace("\0", "\ufffd") if type(value) is str and "\0" in value else value for value in line])
