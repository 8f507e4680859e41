"""The report of repeats: what the store counted of each team's day, with what the record says was saved, above the floor."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from typing import Final

import msgspec

from proxy.app.budgets.house import House
from proxy.app.budgets.standing import reaching
from proxy.domain.repeat import SMALLER, names
from proxy.journal.floor import folded, together
from proxy.journal.reused import DAY_S, Recorded, day_name, read_recorded
from proxy.journal.table import Source
from proxy.stores.repeats import days_of

GROUPS: Final = ("team", "day")
KEPT_DAYS: Final = 35  # of what the store counted
Figures = tuple[int, int, int]  # calls, input tokens, nano-dollars
_NONE: Final = (0, 0, 0)


class Line(msgspec.Struct, frozen=True):
    """One line: a team, a day, a team's day, or the whole."""

    team: str | None
    day: str | None
    counted: Mapping[str, Figures]  # by ``domain.repeat.names``
    reused: int  # calls answered from the cache, which repeat and cost nothing
    saved_nusd: int

    def figures(self, *wanted: str) -> Figures:
        """Calls, tokens and nano-dollars of all that was counted under these words: ``("near",)``, ``("loop",)``."""
        parts = [figures for name, figures in self.counted.items() if set(name.split(":")) & set(wanted)]
        return _sum(parts)

    @property
    def compared(self) -> Figures:
        """Calls that were compared with earlier ones."""
        everything, unread = self.counted["all"], self.counted["unread"]
        return (everything[0] - unread[0], everything[1] - unread[1], everything[2] - unread[2])

    def share(self, *wanted: str) -> float:
        """Their part of the input tokens that were compared, 0 to 1."""
        return self.figures(*wanted)[1] / self.compared[1] if self.compared[1] else 0.0


class Report(msgspec.Struct, frozen=True):
    """Lines, dearest repeats first or day by day, and their total."""

    by: tuple[str, ...]
    days: tuple[str, ...]
    lines: tuple[Line, ...]
    total: Line


Counted = Mapping[tuple[str, int], Mapping[str, Figures]]


def redundancy(house: House, source: Source, by: Sequence[str], since: float, until: float) -> Report:
    """Read and put together: whole UTC days, ``until`` excluded. Raises ``StoreAway``, ``Unreadable`` and ``ValueError`` (see ``check``)."""
    groups = check(by)
    end = -int(-until // DAY_S)  # a day that has begun counts
    days = range(max(int(since // DAY_S), end - KEPT_DAYS), end)
    recorded = read_recorded(source, days)
    teams = sorted({*house.directory.teams, *(team for team, _ in recorded)})
    counted = asyncio.run(_counted(house, teams, days))
    return arranged(groups, [day_name(day) for day in days], days, counted, recorded)


def check(by: Sequence[str]) -> tuple[str, ...]:
    """The groups as asked, each once. Raises ``ValueError`` that says what can be asked."""
    for name in by:
        if name not in GROUPS:
            raise ValueError(f"no repeats by {name!r}: ask by {' or '.join(GROUPS)}; no report ranks people")
    return tuple(dict.fromkeys(by))


def arranged(
    by: Sequence[str],
    named: Sequence[str],
    days: Sequence[int],
    counted: Counted,
    recorded: Mapping[tuple[str, int], Recorded],
) -> Report:
    """Group what was found; teams below the floor go together, in each day by itself where days are told apart. Pure."""
    cells = sorted(counted.keys() | recorded.keys())
    blocks = [[day] for day in days] if "day" in by else [list(days)]
    lines: list[Line] = []
    for block in blocks:
        inside = [cell for cell in cells if cell[1] in block]
        small = _small(inside, recorded) if "team" in by else frozenset()
        members: dict[str | None, list[tuple[str, int]]] = {}
        for cell in inside:
            members.setdefault((SMALLER if cell[0] in small else cell[0]) if "team" in by else None, []).append(cell)
        day = day_name(block[0]) if "day" in by else None
        lines += [_line(team, day, mine, counted, recorded) for team, mine in members.items()]
    lines = [line for line in lines if line.counted["all"][0] or line.reused]
    if "day" not in by:
        lines.sort(key=lambda line: -line.figures("exact", "near")[2])
    return Report(tuple(by), tuple(named), tuple(lines), _line(None, None, cells, counted, recorded))


def _small(cells: Iterable[tuple[str, int]], recorded: Mapping[tuple[str, int], Recorded]) -> frozenset[str]:
    """Teams that may not stand alone. One that the record knows nothing of is among them."""
    nobody = Recorded()
    mine: dict[str, list[Recorded]] = {}
    for cell in cells:
        mine.setdefault(cell[0], []).append(recorded.get(cell, nobody))
    return folded({team: together(one.people for one in found) for team, found in mine.items()})


def _line(
    team: str | None,
    day: str | None,
    cells: Sequence[tuple[str, int]],
    counted: Counted,
    recorded: Mapping[tuple[str, int], Recorded],
) -> Line:
    found = [recorded[cell] for cell in cells if cell in recorded]
    return Line(
        team,
        day,
        {name: _sum([counted[cell][name] for cell in cells if cell in counted]) for name in names()},
        sum(one.reused for one in found),
        sum(one.saved_nusd for one in found),
    )


def _sum(parts: Iterable[Figures]) -> Figures:
    calls, tokens, nusd = (sum(column) for column in zip(_NONE, *parts, strict=True))
    return calls, tokens, nusd


async def _counted(house: House, teams: Sequence[str], days: Sequence[int]) -> Counted:
    async with reaching(house) as store:
        return {
            (team, day): found
            for team, day in product(teams, days)
            if (found := await days_of(store, house.org, team, day_name(day)))["all"][0]
        }
