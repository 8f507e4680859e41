"""Who calls: what the directory knows about the holder of a virtual key."""

from __future__ import annotations

import msgspec


class Principal(msgspec.Struct, frozen=True):
    """The identity behind a key. Money and team come from here only; headers and paths may only narrow the project."""

    key_id: str
    org: str
    team: str
    pseudonym: str  # stands for the person in rows and logs; derived from the user, never reversible without the secret
    user: str | None = None
    service: str | None = None
    project: str | None = None  # where calls go that name none
    projects: frozenset[str] = frozenset()  # that calls may name
    groups: frozenset[str] = frozenset()
    expires_at: float | None = None  # unix seconds

    def __repr__(self) -> str:
        """Name the key and the team, not the person."""
        return f"Principal(key_id={self.key_id!r}, team={self.team!r})"
