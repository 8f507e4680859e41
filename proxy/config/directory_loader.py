"""From ``directory.yaml`` to a ``Directory``, with every problem told at once."""

from __future__ import annotations

from pathlib import Path

from proxy.config.directory import Directory, Team, User, VirtualKey
from proxy.config.directory_checks import check, team_of
from proxy.config.directory_shape import DirectoryShape, KeyShape
from proxy.config.jwt_loader import Nearby, load_jwt
from proxy.config.look import Look
from proxy.config.problems import ConfigError, Problem
from proxy.config.pseudonym import pseudonym
from proxy.config.shape import fit
from proxy.config.yaml_source import Source, parse_source, read_source
from proxy.domain.principal import Principal


def load_directory(path: Path, secret: bytes, look: Look | None = None) -> Directory:
    """Read the directory; ``secret`` is the state folder's, for pseudonyms. Raises ``ConfigError``."""
    look = look or Look()
    if not path.exists():
        raise ConfigError([Problem(str(path), 0, 0, "", "there is no such file", "`tallygate init` writes one")])
    return _directory(read_source(path, look), secret, Nearby(path.parent.absolute(), look))


def parse_directory(raw: bytes, name: str, secret: bytes) -> Directory:
    """Read a directory from bytes; ``name`` is what messages call it. Raises ``ConfigError``.

    Files that it names are not read.
    """
    return _directory(parse_source(raw, name), secret)


def _directory(source: Source, secret: bytes, nearby: Nearby | None = None) -> Directory:
    shape, problems = fit(DirectoryShape, source)
    jwt = None
    if shape is not None:
        problems += check(source, shape)
        jwt = load_jwt(source, shape.jwt, nearby, problems) if shape.jwt else None
    if shape is None or problems:
        raise ConfigError(problems)
    return Directory(
        shape.org,
        teams=[Team(name, team.department, team.projects) for name, team in shape.teams.items()],
        groups=shape.groups,
        users=[User(name, user.team, frozenset(user.groups)) for name, user in shape.users.items()],
        keys=[_key(key, shape, secret) for key in shape.keys],
        repos=shape.repos.items(),
        jwt=jwt,
        secret=secret,
    )


def _key(key: KeyShape, shape: DirectoryShape, secret: bytes) -> tuple[VirtualKey, Principal]:
    team = team_of(key, shape) or ""
    user = shape.users.get(key.user or "")
    kind, name = ("user", key.user) if key.user else ("service", key.service or "")
    projects = _projects(key, shape.teams[team].projects)
    stored = VirtualKey(
        id=key.id,
        digest=bytes.fromhex(key.digest.removeprefix("sha256:")),
        team=team,
        user=key.user,
        service=key.service,
        project=key.project,
        projects=projects,
        expires_at=key.expires,
    )
    principal = Principal(
        key_id=key.id,
        org=shape.org,
        team=team,
        pseudonym=pseudonym(secret, shape.org, kind, name),
        user=key.user,
        service=key.service,
        project=key.project,
        projects=projects,
        groups=frozenset(user.groups) if user else frozenset(),
        expires_at=key.expires,
    )
    return stored, principal


def _projects(key: KeyShape, of_team: tuple[str, ...]) -> frozenset[str]:
    """Say which projects calls may name: those listed, else the default one only, else all of the team."""
    if key.projects is not None:
        return frozenset(key.projects)
    return frozenset({key.project}) if key.project else frozenset(of_team)
