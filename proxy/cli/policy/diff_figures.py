"""The figures of a comparison as all of its formats tell them, and whether a ``--fail-if`` holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from proxy.app.replay.comparing import Kind
from proxy.app.replay.conditions import DOUBTED, NOT_REPLAYED, Condition, Figure
from proxy.app.replay.replaying import Report
from proxy.app.replay.tallying import Line
from proxy.domain.money import format_usd

TITLES: Final[Mapping[Kind, str]] = {
    Kind.REFUSED: "newly refused",
    Kind.ADMITTED: "newly admitted",
    Kind.REROUTED: "rerouted",
    Kind.BACK: "no longer rerouted",
    Kind.WARNED: "newly warned",
    Kind.CLAMPED: "output ceiling lowered",
    Kind.OTHERWISE: "refused by another rule than before",
}
NONE: Final = "-"


def figures(report: Report) -> dict[str, Figure]:
    """What conditions may name."""
    tally, left = report.tally, sum(report.left.values())
    changed = {
        str(kind): Figure(found.whole.calls, tally.calls, found.whole.worth_nusd)
        for kind, found in tally.changed.items()
    }
    return changed | {
        NOT_REPLAYED: Figure(left, tally.calls + left),
        DOUBTED: Figure(tally.doubts.total(), tally.calls),
    }


def holding(report: Report, conditions: Iterable[Condition]) -> list[str]:
    """Those conditions that hold, with the figure found."""
    found = figures(report)
    told = []
    for one in conditions:
        if one.holds(found):
            figure = found[one.figure]
            money = "" if figure.worth_nusd is None else f", {usd(figure.worth_nusd)}"
            told.append(
                f"{one.text} ({figure.calls:,} of {figure.of:,} calls, {share(figure.calls, figure.of)}{money})"
            )
    return told


def lines(found: Mapping[str, Line]) -> list[tuple[str, Line]]:
    """The lines of a group, most calls first."""
    return sorted(found.items(), key=lambda item: (-item[1].calls, item[0]))


def place(report: Report, rule: str) -> str:
    """Where a rule stands; empty for what is no rule."""
    known = report.rules.get(rule)
    return known.place if known else ""


def share(count: int, of: int) -> str:
    """A part of a whole: ``0.8%``; what is more than nothing never shows as nothing."""
    if not of or not count:
        return "0%"
    percent = 100 * count / of
    return "<0.01%" if percent < 0.01 else f"{percent:.2f}%" if percent < 1 else f"{percent:.1f}%"  # noqa: PLR2004


def usd(nusd: int) -> str:
    """Money for people: cents, and more of them where it is little."""
    sign, amount = ("-" if nusd < 0 else ""), abs(nusd)
    return f"{sign}${format_usd(amount, places=2 if amount >= 10**9 or not amount else 6)}"


def signed(nusd: int) -> str:
    """A difference of money: ``+$1.20``."""
    return f"+{usd(nusd)}" if nusd > 0 else usd(nusd)


def people(count: int) -> str:
    """How many, never who."""
    return "1 person" if count == 1 else f"{count:,} people"


def when(at: float) -> str:
    """A moment in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%MZ")


def heads(report: Report) -> list[str]:
    """What was replayed, and what it comes to: a few sentences."""
    tally, (old, new) = report.tally, report.tally.totals
    left = sum(report.left.values())
    span = f"{tally.calls:,} calls from {when(report.since)} to {when(report.until)}"
    if left:
        span += f"; {left:,} more could not be replayed"
    if not tally.calls:
        return [span, "without calls nothing can be said of the rules"]
    cost = f"{usd(old.cost_nusd)} → {usd(new.cost_nusd)} ({signed(new.cost_nusd - old.cost_nusd)})"
    return [span, f"admitted {old.admitted:,} → {new.admitted:,}; cost {cost}"]


def doubts(report: Report) -> list[str]:
    """How far the replay of the policies in force is from what happened; empty where they are not compared."""
    if not report.is_running or not report.tally.calls:
        return []
    found = report.tally.doubts
    if not found:
        return [f"every decision of {report.names[0]} is the one that was made"]
    reasons = [f"{count:,} {reason}" for reason, count in found.most_common()]
    named = ", ".join(report.tally.doubted)
    return [
        f"{found.total():,} decisions of {report.names[0]} differ from what happened: {'; '.join(reasons)} ({named})"
    ]


def dearest(found: Sequence[tuple[str, Line]]) -> int:
    """The most calls of a line, for bars."""
    return max((line.calls for _, line in found), default=0)
