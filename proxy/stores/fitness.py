"""Whether a server may hold budgets: not a replica, never evicting, new enough for the scripts."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from proxy.stores.errors import Refused, Unfit

REDIS_FLOOR: Final = (7, 0)  # flags in a script's first line
VALKEY_FLOOR: Final = (7, 2)


class Server(msgspec.Struct, frozen=True):
    """What a server says of itself."""

    kind: str  # "redis" or "valkey"
    version: tuple[int, ...]
    run_id: str
    uptime_s: int
    replica: bool


def read_server(info: bytes) -> Server:
    """Read the answer of ``INFO``. Missing fields read as the oldest server there could be."""
    fields = dict(line.partition(":")[::2] for line in info.decode("utf-8", "replace").splitlines() if ":" in line)
    kind = "valkey" if "valkey_version" in fields else "redis"
    version = fields.get(f"{kind}_version", "0")
    return Server(
        kind=kind,
        version=tuple(int(part) for part in version.split(".")[:3] if part.isdecimal()),
        run_id=fields.get("run_id", ""),
        uptime_s=int(fields.get("uptime_in_seconds", "0")),
        replica=fields.get("role") == "slave",
    )


def check(server: Server, policy: Any, *, may_evict: bool) -> None:
    """Raise ``Unfit`` with what to change, or ``Refused`` for a replica. ``policy`` is the answer of ``CONFIG GET``.

    Hosted services refuse ``CONFIG``; what cannot be asked is not held against the server.
    """
    floor = VALKEY_FLOOR if server.kind == "valkey" else REDIS_FLOOR
    if server.version < floor:
        have, want = (".".join(map(str, version)) for version in (server.version, floor))
        raise Unfit(f"the store is {server.kind} {have}; the meters need {want} or newer")
    if server.replica:
        raise Refused("READONLY the store is a replica")
    if isinstance(policy, list) and len(policy) == 2 and not may_evict and policy[1] != b"noeviction":  # noqa: PLR2004  # a name and its value
        raise Unfit(
            f"the store's maxmemory-policy is {policy[1].decode('utf-8', 'replace')}; budgets would vanish when it evicts: "
            "set it to noeviction, or name another server"
        )
