"""What scopes did lately, on paper."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from proxy.domain.decision import Watch
from proxy.domain.lately import Counts, Lately


class PaperUsage:
    """Satisfies ``ports.Usage``: what is written into ``known`` is known at once; notes what it is asked and told."""

    def __init__(self) -> None:
        self.known: dict[str, Lately] = {}
        self.asked: list[tuple[str, str, tuple[str, ...]]] = []
        self.added: list[tuple[str, tuple[str, ...], Counts]] = []
        self.watched: list[tuple[str, Watch]] = []

    def add(self, org: str, scopes: Iterable[str], counts: Counts) -> None:
        self.added.append((org, tuple(scopes), counts))

    def of(self, org: str, scope: str, ladders: Sequence[str]) -> Lately:
        self.asked.append((org, scope, tuple(ladders)))
        return self.known.get(scope, Lately(Counts(), Counts()))

    def watch(self, org: str, watch: Watch) -> None:
        self.watched.append((org, watch))
