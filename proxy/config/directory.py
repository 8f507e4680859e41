"""Who is who: the org, its teams and people, and the keys that open the door.

A key is 43 random characters; the directory knows only its SHA-256. Knowing the digest does not help to guess the key,
so no slow hash is needed, and a lookup costs less than a microsecond.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

import msgspec

from proxy.config.pseudonym import answers_key, fingerprint_key, placeholder_key, pseudonym
from proxy.domain.principal import Principal

REFRESH_S = 3600.0
_NO_ID = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST_ID = 60


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
    jwks: str  # URL of the key set, or path of its file
    claims: tuple[tuple[str, str], ...] = ()  # (our word, claim): ("team", "department")
    teams: tuple[tuple[str, str], ...] = ()  # (value of the claim, our team)
    groups: tuple[tuple[str, str], ...] = ()  # (value of the claim, our group)
    refresh_s: float = REFRESH_S  # how old what a URL gave may get
    ca_file: Path | None = None  # whose certificates the URL's server may show; None: the system's
    document: bytes | None = None  # what the file held; None: the key set is at a URL

    @property
    def key_id(self) -> str:
        """What stands where a key's id does: one word for all tokens of the issuer. No virtual key can be named so."""
        host = urlsplit(self.issuer).hostname or self.issuer
        return "jwt:" + _NO_ID.sub("-", host)[:_LONGEST_ID]


class Listed(msgspec.Struct, frozen=True):
    """All that makes a directory, as plain values: what one process hands to another."""

    org: str
    teams: tuple[Team, ...]
    groups: frozenset[str]
    users: tuple[User, ...]
    keys: tuple[tuple[VirtualKey, Principal], ...]
    repos: tuple[tuple[str, str], ...]
    jwt: Jwt | None
    secret: bytes


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
        secret: bytes = b"",
    ) -> None:
        """``secret`` is the state folder's, for pseudonyms."""
        self.org = org
        self.teams: Mapping[str, Team] = MappingProxyType({team.name: team for team in teams})
        self.groups = frozenset(groups)
        self.users: Mapping[str, User] = MappingProxyType({user.name: user for user in users})
        self.repos: Mapping[str, str] = MappingProxyType(dict(repos))
        self.jwt = jwt
        self._secret = secret
        self.answers_key = answers_key(secret, org)  # of what stands for requests in the cache
        self.fingerprint_key = fingerprint_key(secret, org)  # of the prints by which repeats are counted
        pairs = tuple(keys)
        self.keys = tuple(key for key, _ in pairs)
        self.projects: Mapping[str, str] = MappingProxyType(
            {project: team.name for team in self.teams.values() for project in team.projects}
        )
        self._by_digest = {key.digest: (key.digest, principal) for key, principal in pairs}
        # Compared with when nothing was found, so that a miss takes the steps of a hit.
        self._nobody = (bytes(32), Principal(key_id="", org=org, team="", pseudonym="", expires_at=0.0))

    @classmethod
    def of(cls, listed: Listed) -> Directory:
        """Make the directory that gave ``listed``."""
        return cls(**msgspec.structs.asdict(listed))

    @property
    def listed(self) -> Listed:
        """All that makes it."""
        return Listed(
            org=self.org,
            teams=tuple(self.teams.values()),
            groups=self.groups,
            users=tuple(self.users.values()),
            keys=tuple((key, self._by_digest[key.digest][1]) for key in self.keys),
            repos=tuple(self.repos.items()),
            jwt=self.jwt,
            secret=self._secret,
        )

    def principal_of(self, key: str, now: float) -> Principal | None:
        """Return whom ``key`` stands for at ``now`` (unix seconds), or None: unknown and expired look the same."""
        digest = digest_of(key)
        stored, principal = self._by_digest.get(digest, self._nobody)
        is_equal = hmac.compare_digest(stored, digest)
        is_over = principal.expires_at is not None and now >= principal.expires_at
        return principal if is_equal and not is_over else None

    @property
    def files(self) -> tuple[Path, ...]:
        """List the files that were read with it."""
        return (Path(self.jwt.jwks),) if self.jwt is not None and self.jwt.document is not None else ()

    def pseudonym(self, kind: str, name: str) -> str:
        """What stands in rows for a ``user`` or ``service`` of this org, listed here or not."""
        return pseudonym(self._secret, self.org, kind, name)

    def placeholder_key(self, person: str) -> bytes:
        """Give the key of what stands for values that are redacted in prompts of ``person``, a pseudonym."""
        return placeholder_key(self._secret, self.org, person)

    def __repr__(self) -> str:
        return f"Directory({self.org!r}, {len(self.teams)} teams, {len(self.users)} users, {len(self.keys)} keys)"


def digest_of(key: str) -> bytes:
    """Digest a whole key; any text a header can bring has one."""
    try:
        raw = key.encode()  # without an error handler: three times as fast
    except UnicodeEncodeError:
        raw = key.encode("utf-8", "surrogatepass")
    return hashlib.sha256(raw).digest()
