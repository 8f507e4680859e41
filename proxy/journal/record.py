"""A row as SQLite keeps it, and back: every field comes out as it went in.

``doc`` is the whole row as JSON; the other columns repeat what lookups and reports ask for. On the walk of every call, so
values are bound as exact ``int``, ``float`` and ``str`` only: for anything else (None, bytes, an enum) sqlite3 looks
for an adapter first, which costs more than all the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from proxy.domain.errors import PolicyNote
from proxy.domain.meter import Charge
from proxy.domain.row import Rank, Row
from proxy.domain.usage import Usage
from proxy.journal.schema import FINAL, OPEN, SWEPT

COLUMNS: Final = (
    "id, request_id, attempt, rank, at, principal, team, project, upstream, model, outcome, usage_source, "
    "input, output, cached_read, cache_write, reasoning, cost_nusd, saved_nusd, hold, doc"
)
WIDTH: Final = COLUMNS.count(",") + 1
_RANKS: Final[Mapping[int, Rank]] = {OPEN: Rank.OPEN, SWEPT: Rank.SWEPT, FINAL: Rank.FINAL}
_MAX_INT: Final = 2**63 - 1

Values = tuple[int | float | str, ...]


class _Charges(msgspec.Struct, frozen=True):
    """What a settlement needs of a row."""

    charges: tuple[Charge, ...] = ()


_to_json: Final = msgspec.json.Encoder().encode
_row: Final = msgspec.json.Decoder(Row).decode
_charges: Final = msgspec.json.Decoder(_Charges).decode


def values(row: Row, entry: int, hold_id: str, rank: int) -> Values:
    """What to bind for ``COLUMNS``. Raises ``UnicodeEncodeError`` for text that is no Unicode; see ``salvaged``."""
    usage = row.usage
    return (
        entry,
        row.request_id,
        row.attempt,
        rank,
        row.at,
        row.principal,
        row.team,
        row.project or "",
        row.upstream or "",
        row.model or "",
        row.outcome._value_,  # a plain str: an enum would be adapted
        usage.usage_source._value_,
        usage.input or 0,
        usage.output or 0,
        usage.cached_read or 0,
        usage.cache_write or 0,
        usage.reasoning or 0,
        row.cost_nusd,
        row.saved_nusd,
        hold_id,
        _to_json(row).decode(),
    )


def row_from(doc: str, rank: int) -> Row:
    """The row of a line; its column tells the rank (never of a void one)."""
    row = _row(doc)
    known = _RANKS[rank]
    return row if row.rank is known else msgspec.structs.replace(row, rank=known)


def charges_from(doc: str) -> tuple[Charge, ...]:
    """The charges of a line, without reading the rest."""
    return _charges(doc).charges


def salvaged(row: Row) -> Row:
    """The nearest row that can be written: one header with broken bytes must not stop a journal.

    Text that is no Unicode is escaped, numbers beyond 64 bits are cut; everything else stays.
    """
    changes: dict[str, Any] = {name: _salvaged(getattr(row, name)) for name in Row.__struct_fields__}
    return msgspec.structs.replace(row, **changes)


def _salvaged(value: Any) -> Any:
    if type(value) is str:
        return value.encode("utf-8", "backslashreplace").decode()
    if type(value) is int:
        return max(-_MAX_INT, min(value, _MAX_INT))
    if type(value) is tuple:
        return tuple(_salvaged(item) for item in value)
    if isinstance(value, (Charge, PolicyNote, Usage)):
        return type(value)(*(_salvaged(getattr(value, name)) for name in value.__struct_fields__))
    return value
