"""Rows into the ledger: one statement for a batch, safe to send any number of times in any order from any machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from proxy.journal.ledger.columns import COLUMNS, LIST, MACHINE, NAMES, Key, Line, key_of, rank_of, shippable
from proxy.journal.ledger.door import Connection
from proxy.journal.schema import FINAL, SWEPT

_ALL: Final = (*NAMES, MACHINE)
_BETTER: Final = f"attempts.rank = {SWEPT} AND excluded.rank = {FINAL}"
_MENDED: Final = (
    f"attempts.machine = excluded.machine AND attempts.rank = excluded.rank"
    f" AND ({', '.join(f'attempts.{name}' for name in NAMES)}) IS DISTINCT FROM"
    f" ({', '.join(f'excluded.{name}' for name in NAMES)})"
)
# Arrays in binary (%b): as text every quote of every doc is escaped by hand, which takes four times as long.
_UPSERT: Final = (
    f"INSERT INTO tallygate.attempts AS attempts ({', '.join(_ALL)})"  # noqa: S608  # constants only
    f" SELECT {LIST}, %s FROM unnest({', '.join(f'%b::{kind}[]' for _, kind in COLUMNS)}) AS given ({LIST})"
    " ON CONFLICT (request_id, attempt) DO UPDATE SET"
    f" {', '.join(f'{name} = excluded.{name}' for name in _ALL)} WHERE "
)
_SHIP: Final = _UPSERT + _BETTER
_REBUILD: Final = f"{_UPSERT}({_BETTER}) OR ({_MENDED})"
_SHIPPED: Final = (
    "INSERT INTO tallygate.shipped (machine, journal, seq) SELECT %s, * FROM unnest(%s::bigint[], %s::bigint[])"
    " ON CONFLICT (machine, journal) DO UPDATE SET seq = excluded.seq"
)


def send(connection: Connection, machine: str, lines: Sequence[Line], *, mend: bool = False) -> int:
    """Insert rows, let final ones replace swept ones, leave all others; how many were written.

    ``mend``: a row of this machine that differs from what the file says is replaced, too. The rows go in the order of
    their keys, so that two machines which tell of the same attempts wait for each other and never cross. Raises
    psycopg's errors; the caller's transaction is then as it was.
    """
    best: dict[Key, Line] = {}  # a statement may touch a row once
    for line in lines:
        key = key_of(line)
        if key not in best or rank_of(best[key]) < rank_of(line):
            best[key] = line
    if not best:
        return 0
    columns = zip(*(shippable(best[key]) for key in sorted(best)), strict=True)
    done = connection.execute(_REBUILD if mend else _SHIP, (machine, *map(list, columns)))
    return done.rowcount


def save_positions(connection: Connection, machine: str, positions: Mapping[int, int]) -> None:
    """Note how far this machine's journals (by number) were sent, in the transaction that sends them."""
    journals = sorted(positions)
    connection.execute(_SHIPPED, (machine, journals, [positions[journal] for journal in journals]))


def positions(connection: Connection, machine: str) -> dict[int, int]:
    """How far the ledger has a machine's journals, by number."""
    found = connection.execute("SELECT journal, seq FROM tallygate.shipped WHERE machine = %s", (machine,))
    return {int(journal): int(seq) for journal, seq in found}
