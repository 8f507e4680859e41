"""Facts as ``when:`` expressions see them: under dotted names, laid out once for a call and only where one is asked.

Whoever asks in another timezone sees another clock, so there is one layout for each timezone that needs its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from operator import attrgetter
from types import MappingProxyType
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from proxy.policy.facts import Facts, Recent

Activate = Callable[[Mapping[str, object]], Any]  # lays values out for the engine: `expr.activation`
ANY_ZONE: Final = ""
_MOST: Final = 2**63 - 1  # the engine's whole numbers; callers may ask for more
_NANO: Final = 1_000_000_000


_VALUES: Final[Mapping[str, Callable[[Facts], object]]] = MappingProxyType(
    {
        "principal.org": attrgetter("org"),
        "principal.team": attrgetter("team"),
        "principal.user": attrgetter("user"),
        "principal.key": attrgetter("key"),
        "principal.project": lambda facts: facts.project or "",
        "principal.groups": lambda facts: list(facts.groups),
        "request.model": attrgetter("model"),
        "request.provider": attrgetter("upstream"),
        "request.endpoint": attrgetter("endpoint"),
        "request.user_agent": attrgetter("user_agent"),
        "request.input_tokens": lambda facts: min(facts.input_tokens, _MOST),
        "request.max_output_tokens": lambda facts: min(facts.max_output or 0, _MOST),
        "request.messages": attrgetter("messages"),
        "request.stream": attrgetter("stream"),
        "request.tools": lambda facts: facts.tools > 0,
        "request.cost_usd": lambda facts: facts.cost_nusd / _NANO,
        "request.tags": lambda facts: dict(facts.tags),
    }
)
_USAGE: Final[Mapping[str, Callable[[Recent], object]]] = MappingProxyType(
    {
        "usage.requests_1h": attrgetter("requests_1h"),
        "usage.requests_24h": attrgetter("requests_24h"),
        "usage.redundancy_1h": attrgetter("redundancy_1h"),
        "usage.redundancy_24h": attrgetter("redundancy_24h"),
        "usage.errors_1h": attrgetter("errors_1h"),
        "usage.abandoned_1h": attrgetter("abandoned_1h"),
        "usage.cost_24h": attrgetter("cost_24h"),
    }
)
_LOCAL: Final[Mapping[str, Callable[[datetime], object]]] = MappingProxyType(
    {
        "clock.hour": attrgetter("hour"),
        "clock.weekday": lambda now: now.isoweekday(),
        "clock.now": lambda now: now,
    }
)
NAMES: Final = frozenset((*_VALUES, *_USAGE, *_LOCAL))


class Layout(msgspec.Struct, frozen=True):
    """Which facts the expressions of a generation use; the others are not gathered."""

    activate: Activate
    values: tuple[tuple[str, Callable[[Facts], object]], ...]
    usage: tuple[tuple[str, Callable[[Recent], object]], ...]
    local: tuple[tuple[str, Callable[[datetime], object]], ...]

    @classmethod
    def of(cls, activate: Activate, uses: Iterable[str]) -> Layout:
        """Choose them. ``uses`` may name facts that nobody here knows: the engine has its zero for them."""
        names = sorted(uses)
        return cls(
            activate,
            tuple((name, _VALUES[name]) for name in names if name in _VALUES),
            tuple((name, _USAGE[name]) for name in names if name in _USAGE),
            tuple((name, _LOCAL[name]) for name in names if name in _LOCAL),
        )

    def zone(self, timezone: str) -> str:
        """The layout that a rule of this timezone sees."""
        return timezone if self.local else ANY_ZONE


class Views:
    """The layouts of one call."""

    __slots__ = ("_facts", "_layout", "_made")

    def __init__(self, layout: Layout, facts: Facts) -> None:
        """Nothing is laid out yet."""
        self._layout = layout
        self._facts = facts
        self._made: dict[str, Any] = {}

    def of(self, zone: str) -> Any:
        """What the engine is given for an expression."""
        if zone not in self._made:
            self._made[zone] = self._layout.activate(self._values(zone))
        return self._made[zone]

    def _values(self, zone: str) -> dict[str, object]:
        facts, layout = self._facts, self._layout
        values = {name: value(facts) for name, value in layout.values}
        if layout.usage:
            recent = facts.recent(f"user:{facts.person}")
            values.update([(name, value(recent)) for name, value in layout.usage])
        if zone:
            now = datetime.fromtimestamp(facts.clock, UTC).astimezone(ZoneInfo(zone))
            values.update([(name, value(now)) for name, value in layout.local])
        return values
