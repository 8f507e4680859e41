"""A score, for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from proxy.dedup.scoring import BENIGN, Pair, Score

_SHOWN = 160  # characters of a text; whole requests are named by their id
_DIGITS = 4


def document(score: Score) -> dict[str, Any]:
    """The score of a set of texts."""
    return {
        "pairs": score.pairs,
        "different": score.different,
        "false_hits": len(score.false_hits),
        "benign": score.benign,
        "benign_recall": _rounded(score.benign_recall),
        "by_kind": _by_kind(score),
        "us_per_key": _rounded(score.us_per_key),
    }


def envelope_document(score: Score) -> dict[str, Any]:
    """The score of a set of requests."""
    return {
        "pairs": score.pairs,
        "false_hits": len(score.false_hits),
        "false_misses": len(score.misses),
        "by_kind": _by_kind(score),
    }


def lines(score: Score, *, whole: bool) -> Iterator[str]:
    """What was judged wrongly, then each kind, then the sum: what matters most is last on a screen."""
    for name, pairs in (("miss", score.misses), ("FALSE HIT", score.false_hits)):
        for pair in pairs:
            yield from _wrong(name, pair, whole=whole)
    width = max(map(len, score.by_kind), default=0)
    yield f"{'kind':{width}}   pairs  same  hits  recall  false hits"
    for kind, count in sorted(score.by_kind.items(), key=lambda item: (item[0] not in BENIGN, item[0])):
        recall = f"{count.hits / count.same:7.1%}" if count.same else "      -"
        mark = "*" if kind in BENIGN and not whole else " "
        yield f"{kind:{width}} {mark} {count.pairs:5,} {count.same:5,} {count.hits:5,} {recall}  {count.false_hits:10,}"
    yield ""
    yield from _sum(score, whole=whole)


def _sum(score: Score, *, whole: bool) -> Iterator[str]:
    yield f"{len(score.false_hits):,} false hits of {score.different:,} different pairs"
    if whole:
        yield f"{len(score.misses):,} misses of {score.pairs - score.different:,} pairs that mean the same"
    elif score.benign_recall is not None:
        yield f"{score.benign_recall:.1%} of {score.benign:,} benign pairs (*) recognised"
    if score.us_per_key is not None:
        yield f"{score.us_per_key:.0f} µs per key (median)"


def _wrong(name: str, pair: Pair, *, whole: bool) -> Iterator[str]:
    yield f"{name}: {pair.id or 'a pair'} ({pair.kind})"
    if not whole:
        yield f"    a: {_shown(pair.a)}"
        yield f"    b: {_shown(pair.b)}"


def _shown(text: str) -> str:
    """On one line, with everything that cannot be seen spelled out."""
    cut = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
    return "".join(one if one.isprintable() else json.dumps(one)[1:-1] for one in json.dumps(cut, ensure_ascii=False))


def _by_kind(score: Score) -> dict[str, dict[str, int]]:
    return {kind: count._asdict() for kind, count in sorted(score.by_kind.items())}


def _rounded(figure: float | None) -> float | None:
    return None if figure is None else round(figure, _DIGITS)
