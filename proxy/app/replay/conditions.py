"""``--fail-if``: a figure of the report, a comparison and a number. Pure.

``newly_refused > 0.5%``, ``rerouted >= 100``, ``newly_refused > $20``: a share is one of all replayed calls, money is what
these calls cost or would have cost.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final

import msgspec

from proxy.app.replay.comparing import Kind
from proxy.config.masking import shown
from proxy.config.problems import did_you_mean
from proxy.domain.money import NANO_PER_USD

_WRITTEN: Final = re.compile(
    r"\s*(?P<figure>[A-Za-z_][\w-]*)\s*(?P<sign>[^\w\s$.%]+)\s*(?P<usd>\$)?\s*(?P<number>\d{1,15}(?:\.\d{1,9})?)\s*(?P<share>%)?\s*"
)
_SIGNS: Final[Mapping[str, Callable[[Decimal, Decimal], bool]]] = {
    ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le, "==": operator.eq, "!=": operator.ne,
}  # fmt: skip
NOT_REPLAYED: Final = "not_replayed"
DOUBTED: Final = "differ_from_record"
FIGURES: Final = (*(str(kind) for kind in Kind), NOT_REPLAYED, DOUBTED)
_EXAMPLE: Final = "newly_refused > 0.5%"


class Figure(msgspec.Struct, frozen=True):
    """A figure of the report; ``of``: what a share is a share of."""

    calls: int
    of: int
    worth_nusd: int | None = None


class Condition(msgspec.Struct, frozen=True):
    """One ``--fail-if``, as it was written and as it is meant."""

    text: str
    figure: str
    sign: str
    number: Decimal
    unit: str = ""  # "" calls | "%" | "$"

    def holds(self, figures: Mapping[str, Figure]) -> bool:
        """Whether the report is as bad as that."""
        return _SIGNS[self.sign](self._value(figures[self.figure]), self.number)

    def _value(self, found: Figure) -> Decimal:
        if self.unit == "%":
            return Decimal(100 * found.calls) / found.of if found.of else Decimal(0)
        return Decimal(found.worth_nusd or 0) / NANO_PER_USD if self.unit == "$" else Decimal(found.calls)


def condition(text: str) -> Condition:
    """Read a condition. Raises ``ValueError`` with a sentence that shows the right form."""
    found = _WRITTEN.fullmatch(text)
    if not found:
        raise ValueError(f"{shown(text)} is no condition; write it as {_EXAMPLE}")
    figure, sign = found["figure"].replace("-", "_").lower(), found["sign"]
    if figure not in FIGURES:
        hint = did_you_mean(figure, FIGURES) or f"one of {', '.join(FIGURES)}"
        raise ValueError(f"{shown(found['figure'])} is no figure of the report; {hint}")
    if sign not in _SIGNS:
        meant = {"=": "==", "=>": ">=", "=<": "<=", "<>": "!="}.get(sign)
        raise ValueError(
            f"{shown(sign)} is no comparison; "
            + (f"did you mean {meant!r}?" if meant else f"one of {' '.join(_SIGNS)}")
        )
    if found["usd"] and (found["share"] or figure in (NOT_REPLAYED, DOUBTED)):
        raise ValueError(f"{shown(text)}: there is no such amount of money; write it as newly_refused > $20")
    return Condition(text.strip(), figure, sign, Decimal(found["number"]), found["usd"] or found["share"] or "")
