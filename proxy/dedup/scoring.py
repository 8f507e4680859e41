"""How good the key is on pairs that people have labelled: wrong answers it would give, and right ones it would miss.

The keys are those of real calls. A text is asked as the only message of a chat; of whole requests, those that the cache
leaves alone equal nothing. Prompts that speak of now are judged like others: labels are about meaning, not about age.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from statistics import median
from typing import Any, Final, NamedTuple

from proxy.dedup.envelope import Sent
from proxy.dedup.key import NEAR, request_keys
from proxy.dedup.requests.base import Body

# Kinds that differ in form only, so that a careful cache should recognise them.
BENIGN: Final = frozenset(
    """whitespace terminal_punctuation case greeting politeness_lead politeness_trail unicode_form contraction request_id
    timestamp combined json_key_order""".split()  # noqa: SIM905 - a table
)
_SECRET: Final = b"of no use but to compare"
_SAME, _DIFFERENT = "same", "different"

Key = Callable[[Any], bytes | None]  # None: the cache leaves it alone


class Pair(NamedTuple):
    """One line of a set. ``a`` and ``b`` are texts, or whole requests."""

    id: str
    a: Any
    b: Any
    is_same: bool
    kind: str


class Count(NamedTuple):
    """The pairs of one kind: how many, how many that mean the same, and how many of either share a key."""

    pairs: int = 0
    same: int = 0
    hits: int = 0
    false_hits: int = 0


class Score:
    """What was found so far; ``false_hits`` and ``misses`` are the pairs that were judged wrongly."""

    def __init__(self) -> None:
        self.by_kind: dict[str, Count] = {}
        self.false_hits: list[Pair] = []
        self.misses: list[Pair] = []
        self._key_ns: list[float] = []

    def judge(self, pair: Pair, key: Key, now_ns: Callable[[], int]) -> None:
        """Compare the keys of a pair; ``now_ns`` is a clock."""
        began = now_ns()
        one, other = key(pair.a), key(pair.b)
        self._key_ns.append((now_ns() - began) / 2)
        equal = one is not None and one == other
        if equal and not pair.is_same:
            self.false_hits.append(pair)
        if pair.is_same and not equal:
            self.misses.append(pair)
        old = self.by_kind.get(pair.kind, Count())
        hit, false = equal and pair.is_same, equal and not pair.is_same
        self.by_kind[pair.kind] = Count(old.pairs + 1, old.same + pair.is_same, old.hits + hit, old.false_hits + false)

    @property
    def pairs(self) -> int:
        """All that were judged."""
        return sum(count.pairs for count in self.by_kind.values())

    @property
    def different(self) -> int:
        """Those that must not share a key."""
        return sum(count.pairs - count.same for count in self.by_kind.values())

    @property
    def benign(self) -> int:
        """Those that differ in form only."""
        return sum(count.same for kind, count in self.by_kind.items() if kind in BENIGN)

    @property
    def benign_recall(self) -> float | None:
        """The share of benign pairs that share a key; None where there are none."""
        hits = sum(count.hits for kind, count in self.by_kind.items() if kind in BENIGN)
        return hits / self.benign if self.benign else None

    @property
    def us_per_key(self) -> float | None:
        """The median time of one key in µs; None where nothing was judged."""
        return median(self._key_ns) / 1000 if self._key_ns else None


def pair_of(line: bytes, *, whole: bool) -> Pair:
    """Read a line: with texts, or with ``whole`` requests. Raises ``ValueError`` saying what is wrong with it."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:  # of JSON, of UTF-8, and of what nests without end
        raise ValueError(f"is no JSON: {error}") from None
    if type(row) is not dict:
        raise ValueError("is no JSON object")
    missing = [name for name in ("a", "b", "label", "kind") if name not in row]
    if missing:
        raise ValueError(f"has no {missing[0]!r}")
    if row["label"] not in (_SAME, _DIFFERENT):
        raise ValueError(f"'label' must be {_SAME} or {_DIFFERENT}")
    wanted, told = (dict, "an object {tenant, headers, path?, body}") if whole else (str, "a text")
    for name in ("a", "b"):
        if type(row[name]) is not wanted:
            hint = "" if whole or type(row[name]) is not dict else "; whole requests are scored with --envelope"
            raise ValueError(f"{name!r} must be {told}{hint}")
    return Pair(str(row.get("id", "")), row["a"], row["b"], row["label"] == _SAME, str(row["kind"]))


def text_key(text: str) -> bytes:
    """The key of a text that is asked on its own."""
    body: Body = {"model": "m", "messages": [{"role": "user", "content": text}]}
    return keyed("eval", Sent("openai.chat", "/chat/completions", (), body))


def keyed(scope: str, sent: Sent) -> bytes:
    """The key of a request in a scope."""
    return request_keys(_SECRET, scope, sent, NEAR).digest
