"""Which meters a store has: a look through its keys, a slice at a time, so that it goes on serving meanwhile."""

from __future__ import annotations

import re
from typing import Final

from proxy.stores.store import Store

_SLICE: Final = 1000
_DEADLINE_S: Final = 2.0
_SPECIAL: Final = re.compile(r"([*?\[\]\\^-])")  # in the patterns of SCAN


async def scopes_between(store: Store, org: str, before: str, behind: str) -> set[str]:
    """What stands between two parts of the names of an org's keys. Raises ``StoreAway``."""
    found: set[str] = set()
    cursor = b"0"
    while True:
        command = ("SCAN", cursor, "MATCH", f"{_literally(before)}*{_literally(behind)}", "COUNT", _SLICE)
        cursor, names = await store.of(org).command(*command, deadline_s=_DEADLINE_S)
        found.update(_between(name.decode(errors="replace"), before, behind) for name in names)
        if cursor == b"0":
            return found


def _between(name: str, before: str, behind: str) -> str:
    return name.removeprefix(before).removesuffix(behind)


def _literally(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", text)
