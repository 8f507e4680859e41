"""Pairs that were written without sight of the code: no trap may hit, and harmless rewriting should."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from proxy.dedup.canonical import canonical

TRAPS: Final = Path(__file__).parent / "traps"

FLOOR: Final = 0.6
"""The share of benign pairs that must hit. Misses cost money; false hits cost trust, so there is no floor for those."""


class Pair(NamedTuple):
    """Two prompts, and whether the stored answer to one may be served to the other."""

    id: str
    a: str
    b: str
    label: str
    kind: str
    source: str

    def hits(self) -> bool:
        one, other = canonical(self.a), canonical(self.b)
        return (one.tag, one.text) == (other.tag, other.text)

    def shown(self) -> str:
        return f"{self.id} ({self.kind})\n  a: {self.a!r}\n  b: {self.b!r}"


def pairs(path: Path) -> list[Pair]:
    return [Pair(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


FILES: Final = sorted(TRAPS.glob("*.jsonl"))
PAIRS: Final = [pair for path in FILES for pair in pairs(path)]


@pytest.mark.parametrize("path", [path for path in FILES if path.stem != "benign"], ids=lambda path: path.stem)
def test_no_trap_hits(path: Path) -> None:
    false_hits = [pair for pair in pairs(path) if pair.label == "different" and pair.hits()]
    assert not false_hits, "\n".join([f"{len(false_hits)} false hits", *(pair.shown() for pair in false_hits)])


def test_most_harmless_rewriting_hits() -> None:
    benign = [pair for pair in PAIRS if pair.label == "same"]
    missed = [pair for pair in benign if not pair.hits()]
    recall = 1 - len(missed) / len(benign)
    by_kind = Counter(pair.kind for pair in missed).most_common()
    assert recall >= FLOOR, "\n".join(
        [f"recall {recall:.3f}", f"missed: {by_kind}", *(pair.shown() for pair in missed)]
    )


def test_the_data_is_sound() -> None:
    assert len({pair.id for pair in PAIRS}) == len(PAIRS)
    assert len({frozenset((pair.a, pair.b)) for pair in PAIRS}) == len(PAIRS)
    assert all(pair.a != pair.b for pair in PAIRS)
    labels = Counter(pair.label for pair in PAIRS)
    assert labels.keys() == {"same", "different"}
    assert labels["different"] >= 400
    assert labels["same"] >= 200
    kinds = Counter(pair.kind for pair in PAIRS if pair.label == "same")
    assert len(kinds) == 12
    assert min(kinds.values()) >= 15
