"""What must be true of a store's counters: at every moment, and at rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import msgspec

from proxy.domain.meter import Charge, MeterKind


def check_reserved(raw: Any, org: str) -> None:
    """What budgets reserve is what open holds have drawn, at every moment."""
    pipeline = raw.pipeline()
    for name in raw.zrange(f"{{{org}}}:open", 0, -1):
        pipeline.hget(f"{{{org}}}:h:{name.decode()}", "draws")
    drawn: Counter[str] = Counter()
    for rows in pipeline.execute():
        flat = msgspec.msgpack.decode(rows)
        for i in range(0, len(flat), 7):
            if flat[i + 1] % 4 == 0:
                drawn[flat[i]] += flat[i + 2]
    for key, spent_held in _hashes(raw, f"{{{org}}}:m:*").items():
        assert int(spent_held.get(b"r", 0)) == drawn[key], f"{key} reserves what no hold has drawn"


def check_rest(raw: Any, org: str, journals: Iterable[Charge]) -> None:
    """Counters are the sum of the journals, grants are, too, and nothing is held."""
    due: Counter[tuple[str, MeterKind]] = Counter()
    for charge in journals:
        if charge.kind in (MeterKind.BUDGET, MeterKind.GRANT):
            due[charge.key, charge.kind] += charge.amount
    for key, counter in _hashes(raw, f"{{{org}}}:m:*").items():
        for kind, field in ((MeterKind.BUDGET, b"s"), (MeterKind.GRANT, b"g")):
            shown, owed = int(counter.get(field, 0)), due.pop((key, kind), 0)
            assert shown == owed, f"{field!r} of {key} shows {shown}, the journals say {owed}"
        reserved = int(counter.get(b"r", 0))
        assert reserved == 0, f"{key}: {reserved} is still reserved"
    assert not any(due.values()), f"not counted: {due}"
    assert not [key for key in raw.keys(f"{{{org}}}:m:*") if raw.type(key) == b"zset"], "a lease is left"
    assert raw.zcard(f"{{{org}}}:open") == 0, "a hold is open"
    assert not [key for key, fields in _hashes(raw, f"{{{org}}}:h:*").items() if b"draws" in fields], "a hold is left"


def _hashes(raw: Any, pattern: str) -> dict[str, dict[bytes, bytes]]:
    names = raw.keys(pattern)
    pipeline = raw.pipeline()
    for name in names:
        pipeline.type(name)
    hashes = [name for name, kind in zip(names, pipeline.execute(), strict=True) if kind == b"hash"]
    for name in hashes:
        pipeline.hgetall(name)
    return {name.decode(): fields for name, fields in zip(hashes, pipeline.execute(), strict=True)}
