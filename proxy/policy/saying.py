"""Between the verbs and the decision point: who is asked about, and what a rule says of a call, before its mode applies.

A verb is bound once to whoever calls and what they call (``Ground``). What it says is then the same for all their calls
(``Saying``), or a function of the facts of each (``Say``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from proxy.domain.decision import Denial, Inspection, Kind, Obligation, Reuse, Watch
from proxy.domain.trace import Note, Said
from proxy.policy.facts import Facts
from proxy.policy.rule import Mode, Rule

MODES: Mapping[Mode, str] = {Mode.AUDIT: "audit", Mode.WARN: "warn", Mode.ENFORCE: "enforce"}


class Ground(msgspec.Struct, frozen=True):
    """Whose call it is and of which model: everything that selects a rule. As long as it is equal, so is the selection."""

    org: str
    team: str
    user: str
    person: str  # pseudonym
    key: str
    project: str | None
    groups: tuple[str, ...]
    model: str
    family: str


class Granted(msgspec.Struct, frozen=True):
    """What exemptions of the moment give to a rule's budget."""

    nusd: int = 0
    by: tuple[str, ...] = ()


class Target(msgspec.Struct, frozen=True):
    """Another model that a rule sends the call to; empty with the reason where it has none that fits the dialect."""

    model: str
    unfit: str = ""
    owner: str = ""


class Effects(msgspec.Struct, frozen=True):
    """What a rule does to a call where it is in force."""

    denial: Denial | None = None
    clamp: int | None = None
    target: Target | None = None
    reuse: Reuse | None = None
    inspection: Inspection | None = None
    meters: tuple[Obligation, ...] = ()
    warning: str = ""
    watch: Watch | None = None
    from_ladder: bool = False  # its cache terms stand before those of a `cache` rule as specific


class Saying(msgspec.Struct, frozen=True):
    """What a rule says. ``rank`` is its specificity, which decides between single values."""

    note: Note
    effects: Effects | None = None
    rank: int = 0


Say = Callable[[Facts], Saying]


class Bound(msgspec.Struct, frozen=True):
    """A rule about to speak to a ground: what its verb needs."""

    rule: Rule
    ground: Ground
    rank: int
    granted: Granted
    serves: Callable[[str, str], bool]  # (family, model): whether some upstream does

    @property
    def mode(self) -> str:
        """The word for it."""
        return MODES[self.rule.mode]

    def says(self, said: Said, detail: str = "", effects: Effects | None = None) -> Saying:
        """Make the saying."""
        return Saying(note_of(self.rule, said, detail), effects, self.rank)

    def denies(self, kind: Kind, message: str, *, allowed: str = "", param: str = "", detail: str = "") -> Saying:
        """Make a denial: the message, the rule's own words, and whom to ask."""
        rule = self.rule
        words = " ".join(filter(None, [message, rule.message, f"Policy {rule.id}; ask {rule.owner}."]))
        denial = Denial(rule.id, kind, words, rule.place, rule.owner, allowed, param)
        return self.says(Said.DENY, detail or message, Effects(denial=denial))


def note_of(rule: Rule, said: Said, detail: str = "") -> Note:
    """Make a line of the trace."""
    return Note(rule.id, rule.verb, rule.place, MODES[rule.mode], said, detail)
