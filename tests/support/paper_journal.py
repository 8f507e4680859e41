"""The file of a machine's journals, on paper: the rules that ``proxy/journal`` keeps with SQLite, in a page.

Entries are numbered per journal. One row stands for an attempt, whichever of its holds it ends: a final one replaces a swept
one, which stays as a neutral entry; nothing replaces a final one; a second sweep finds the row that stands and sends that
entry again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import msgspec

from proxy.domain.meter import Charge, MeterKind, Settlement


class Entry(msgspec.Struct):
    """A line of a journal; ``void`` when a better row took its place."""

    hold_id: str
    charges: tuple[Charge, ...]
    swept: bool = False
    void: bool = False


class PaperJournals:
    """All journals of one machine, for one org."""

    def __init__(self, org: str, names: Sequence[str]) -> None:
        self._org = org
        self._entries: dict[str, list[Entry]] = {name: [] for name in names}
        self._standing: dict[str, tuple[str, int]] = {}  # attempt: journal and index of its row

    def last(self, name: str) -> int:
        """The last seq of a journal."""
        return len(self._entries[name])

    def end(self, name: str, hold_id: str, charges: tuple[Charge, ...]) -> None:
        """Write the final row of a call."""
        if _attempt(hold_id) in self._standing:
            journal, index = self._standing[_attempt(hold_id)]
            old = self._entries[journal][index]
            assert old.swept, "one call, two ends"
            old.void = True
        self._write(name, Entry(hold_id, charges))

    def sweep(self, name: str, hold_id: str, charges: tuple[Charge, ...]) -> Settlement | None:
        """Write a swept row, or return the entry that stands already: it is to be sent again."""
        if _attempt(hold_id) in self._standing:
            journal, index = self._standing[_attempt(hold_id)]
            return self.read(journal, index, 1)[0]
        self._write(name, Entry(hold_id, charges, swept=True))
        return None

    def amend(self, name: str, charge: Charge) -> None:
        """Write a grant or an adjustment, which ends no call."""
        self._entries[name].append(Entry("", (charge,)))

    def read(self, name: str, after: int, limit: int) -> list[Settlement]:
        """The entries behind ``after``, as they stand now."""
        return [
            Settlement(self._org, name, seq, "", ())
            if entry.void
            else Settlement(self._org, name, seq, entry.hold_id, entry.charges, entry.swept)
            for seq, entry in enumerate(self._entries[name][after : after + limit], after + 1)
        ]

    def totals(self, *names: str) -> list[Charge]:
        """What journals have spent and granted, per budget."""
        sums: Counter[tuple[str, MeterKind, int]] = Counter()
        for charge in self._charges(names):
            if charge.kind in (MeterKind.BUDGET, MeterKind.GRANT):
                sums[charge.key, charge.kind, charge.period_end] += charge.amount
        return [Charge(key, kind, amount, 0, end) for (key, kind, end), amount in sums.items()]

    def _charges(self, names: Sequence[str]) -> Iterator[Charge]:
        for name in names:
            for entry in self._entries[name]:
                if not entry.void:
                    yield from entry.charges

    def _write(self, name: str, entry: Entry) -> None:
        self._entries[name].append(entry)
        self._standing[_attempt(entry.hold_id)] = name, len(self._entries[name]) - 1


def _attempt(hold_id: str) -> str:
    """``r:1`` of ``r:1.2``, the third hold that an attempt asked for."""
    return hold_id.partition(".")[0]
