"""Who is who: the org, its teams and people, and the keys that open the door.

A key is 43 random characters; the directory knows only its SHA-256. Knowing the digest does not help to guess the key,
so no slow hash is needed, and a lookup costs less than a microsecond.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from types import MappingProxyType

import msgspec

from proxy.domain.principal import Principal


class Team(msgspec.Struct, frozen=True):
    """A team; its projects belong to it alone."""

    name: str
    department: str | None = None
    projects: tuple[str, ...] = ()


class User(msgspec.Struct, frozen=True):
    """A person."""

    name: str
    team: str
    groups: frozenset[str] = frozenset()


class VirtualKey(msgspec.Struct, frozen=True):
    """A key as it stands in the file: enough to recognise it, not enough to use it."""

    id: str
    digest: bytes
    team: str
    user: str | None = None
    service: str | None = None
    project: str | None = None
    projects: frozenset[str] = frozenset()
    expires_at: float | None = None  # unix seconds


class Jwt(msgspec.Struct, frozen=True):
    """Tokens of an identity provider: who issues them, for whom, and which of their claims say what."""

    issuer: str
    audience: tuple[str, ...]
    jwks: str  # URL of the key set
    claims: tuple[tuple[str, str], ...] = ()  # (our word, claim): ("team", "department")


class Directory:
    """One reading of ``directory.yaml``. Nothing in it changes."""

    def __init__(
        self,
        org: str,
        *,
        teams: Iterable[Team] = (),
        groups: Iterable[str] = (),
        users: Iterable[User] = (),
        keys: Iterable[tuple[VirtualKey, Principal]] = (),
        repos: Iterable[tuple[str, str]] = (),
        jwt: Jwt | None = None,
    ) -> None:
        self.org = org
        self.teams: Mapping[str, Team] = MappingProxyType({team.name: team for team in teams})
        self.groups = frozenset(groups)
        self.users: Mapping[str, User] = MappingProxyType({user.name: user for user in users})
        self.repos: Mapping[str, str] = MappingProxyType(dict(repos))
        self.jwt = jwt
        pairs = tuple(keys)
        self.keys = tuple(key for key, _ in pairs)
        self.projects: Mapping[str, str] = MappingProxyType(
            {project: team.name for team in self.teams.values() for project in team.projects}
        )
        self._by_digest = {key.digest: (key.digest, principal) for key, principal in pairs}
        # Compared with when nothing was found, so that a miss takes the steps of a hit.
        self._nobody = (bytes(32), Principal(key_id="", org=org, team="", pseudonym="", expires_at=0.0))

    def principal_of(self, key: str, now: float) -> Principal | None:
        """Return whom ``key`` stands for at ``now`` (unix seconds), or None: unknown and expired look the same."""
        digest = digest_of(key)
        stored, principal = self._by_digest.get(digest, self._nobody)
        is_equal = hmac.compare_digest(stored, digest)
        is_over = principal.expires_at is not None and now >= principal.expires_at
        return principal if is_equal and not is_over else None

    def __repr__(self) -> str:
        return f"Directory({self.org!r}, {len(self.teams)} teams, {len(self.users)} users, {len(self.keys)} keys)"


def digest_of(key: str) -> bytes:
    """Digest a whole key; any text a header can bring has one."""
    try:
        raw = key.encode()  # without an error handler: three times as fast
    except UnicodeEncodeError:
        raw = key.encode("utf-8", "surrogatepass")
    return hashlib.sha256(raw).digest()
