"""How budgets are shown: a table with a bar for people, exact figures for programs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich import box
from rich.table import Column, Table
from rich.text import Text

from proxy.app.budgets.standing import Budget
from proxy.domain.meter import Unit
from proxy.domain.money import exact_usd
from proxy.policy.amount_words import amount_text

_MONEY = ("limit", "granted", "spent", "held", "left")
_BAR = 10
_WIDE = 130  # characters of a terminal in which all columns have room
_FULL, _NEAR = 1.0, 0.8


def dollars(nusd: int) -> str:
    """``$14.62``, ``-$3.00``."""
    return ("-" if nusd < 0 else "") + amount_text(Unit.NUSD, abs(nusd))


def table(found: Sequence[Budget], width: int) -> Table:
    """For people. A narrow terminal gets no lines, bars and times, and every figure whole."""
    wide = width >= _WIDE
    shown = Table(
        Column("budget", overflow="fold", min_width=12),
        Column("of", overflow="fold", min_width=8),
        *(Column(name, justify="right", no_wrap=name != "granted", overflow="fold") for name in _MONEY),
        Column("", no_wrap=True),
        *([Column("resets", overflow="fold")] if wide else []),
        box=box.HEAVY_HEAD if wide else box.SIMPLE_HEAD,
        padding=(0, 1) if wide else (0, 1, 0, 0),
        show_edge=wide,
    )
    for one in found:
        figures = {
            "limit": dollars(one.limit),
            "granted": _granted(one),
            "spent": dollars(one.stands.spent),
            "held": dollars(one.stands.held),
            "left": dollars(one.left),
        }
        mode = "" if one.wish.mode == "enforce" else f" ({one.wish.mode})"
        shown.add_row(
            one.rule.id + mode,
            Text(owner(one)),
            *(figures[name] for name in _MONEY),
            _bar(one.share, _BAR if wide else 0),
            *([resets(one)] if wide else []),
        )
    return shown


def owner(one: Budget) -> str:
    """Whose it is: ``organisation``, ``team growth``."""
    if one.per == "org":
        return "organisation"
    name = "".join([sign if sign.isprintable() else "·" for sign in one.name])  # callers choose names of models
    return f"{one.per} {name}" if name else "calls of no project"


def resets(one: Budget) -> str:
    """When its period ends, in its own timezone."""
    return (one.period.resets_at or "never").replace("T", " ")


def document(found: Iterable[Budget]) -> list[dict[str, object]]:
    """For programs: exact dollars as text."""
    return [
        {
            "rule": one.rule.id,
            "per": one.per,
            "of": one.name or None,
            "mode": one.wish.mode,
            "period": one.period.name,
            "limit_usd": exact_usd(one.limit),
            "grace_usd": exact_usd(one.grace),
            "granted_by_file_usd": exact_usd(one.wish.granted),
            "granted_usd": exact_usd(one.stands.granted),
            "spent_usd": exact_usd(one.stands.spent),
            "held_usd": exact_usd(one.stands.held),
            "left_usd": exact_usd(one.left),
            "resets_at": one.period.resets_at,
            "owner": one.rule.owner,
            "place": one.rule.place,
        }
        for one in found
    ]


def _granted(one: Budget) -> str:
    """Both kinds, told apart: those of files are exemptions, which end by themselves."""
    parts = [(one.stands.granted, ""), (one.wish.granted, " by file")]
    return " + ".join(f"{dollars(amount)}{how}" for amount, how in parts if amount) or "-"


def _bar(share: float, width: int) -> Text:
    full = max(0, min(width, round(share * width)))
    style = "red" if share >= _FULL else "yellow" if share >= _NEAR else "green"
    return Text("▇" * full, style).append("░" * (width - full), "dim").append(f" {share:4.0%}")
