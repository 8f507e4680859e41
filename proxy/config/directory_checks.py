"""What must agree within a directory: every name that is used exists, and nothing is claimed twice.

A closed world: a misspelt team is an error at load, not a key that quietly belongs nowhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from proxy.config.directory_shape import DirectoryShape, KeyShape
from proxy.config.masking import shown
from proxy.config.problems import Problem, did_you_mean
from proxy.config.shape import dotted
from proxy.config.yaml_nodes import locate
from proxy.config.yaml_source import Source

Path = tuple[int | str, ...]
_PLACES = {"team": "teams:", "group": "groups:", "user": "users:", "project": "projects: of a team"}
Finding = tuple[Path, str, str]  # where, what, hint


def check(source: Source, shape: DirectoryShape) -> list[Problem]:
    """Find every contradiction of a directory, each with its place."""
    findings = [*_projects(shape), *_users(shape), *_keys(shape), *_repos(shape), *_jwt(shape)]
    return [source.problem(locate(source.root, path)[0], dotted(path), text, hint) for path, text, hint in findings]


def project_owners(shape: DirectoryShape) -> dict[str, str]:
    """Map each project to its team, the first one that lists it."""
    owners: dict[str, str] = {}
    for name, team in shape.teams.items():
        for project in team.projects:
            owners.setdefault(project, name)
    return owners


def _unknown(path: Path, what: str, name: str, known: Iterable[str]) -> Finding:
    return path, f"there is no {what} {shown(name)}", did_you_mean(name, known) or f"add it under {_PLACES[what]}"


def _projects(shape: DirectoryShape) -> Iterator[Finding]:
    owners = project_owners(shape)
    for name, team in shape.teams.items():
        for position, project in enumerate(team.projects):
            path = ("teams", name, "projects", position)
            if owners[project] != name:
                yield path, f"project {shown(project)} belongs to team {shown(owners[project])} already", ""
            elif project in team.projects[:position]:
                yield path, f"project {shown(project)} stands here twice", ""


def _users(shape: DirectoryShape) -> Iterator[Finding]:
    for name, user in shape.users.items():
        if user.team not in shape.teams:
            yield _unknown(("users", name, "team"), "team", user.team, shape.teams)
        for position, group in enumerate(user.groups):
            if group not in shape.groups:
                yield _unknown(("users", name, "groups", position), "group", group, shape.groups)


def _keys(shape: DirectoryShape) -> Iterator[Finding]:
    owners = project_owners(shape)
    ids: dict[str, int] = {}
    digests: dict[str, int] = {}
    for position, key in enumerate(shape.keys):
        here = ("keys", position)
        if (first := ids.setdefault(key.id, position)) != position:
            yield (*here, "id"), f"the id {shown(key.id)} is that of keys.{first} already", ""
        if (first := digests.setdefault(key.digest, position)) != position:
            yield (*here, "digest"), f"the same key stands at keys.{first} already", "issue one key for each"
        yield from _holder(here, key, shape)
        yield from _key_projects(here, key, owners, team_of(key, shape))


def team_of(key: KeyShape, shape: DirectoryShape) -> str | None:
    """Return the team that a key's calls are booked to: its own word, else its user's team."""
    user = shape.users.get(key.user or "")
    return key.team or (user.team if user else None)


def _holder(here: Path, key: KeyShape, shape: DirectoryShape) -> Iterator[Finding]:
    user = shape.users.get(key.user or "")
    if key.user is None and key.service is None:
        yield here, "a key belongs to a user or a service", "add user: or service:"
    elif key.user is not None and user is None:
        yield _unknown((*here, "user"), "user", key.user, shape.users)
    elif key.user is None and key.team is None:
        yield here, "a service's key needs a team", "add team:"
    if key.team is not None and key.team not in shape.teams:
        yield _unknown((*here, "team"), "team", key.team, shape.teams)
    elif key.team is not None and user is not None and user.team != key.team:
        yield (*here, "team"), f"user {shown(key.user or '')} is of team {shown(user.team)}", "leave team: out"


def _key_projects(here: Path, key: KeyShape, owners: dict[str, str], team: str | None) -> Iterator[Finding]:
    named: list[tuple[Path, str]] = [((*here, "project"), key.project)] if key.project else []
    named += [
        ((*here, "projects", at), project) for at, project in enumerate(key.projects or ()) if project != key.project
    ]
    for path, project in named:
        if project not in owners:
            yield _unknown(path, "project", project, owners)
        elif team is not None and owners[project] != team:
            told = (
                f"project {shown(project)} belongs to team {shown(owners[project])}, this key's team is {shown(team)}"
            )
            yield path, told, ""
    if key.project and key.projects is not None and key.project not in key.projects:
        told = f"project {shown(key.project)} is not among the key's own projects"
        yield (*here, "project"), told, "add it to projects: of the key, or leave projects: out"


def _repos(shape: DirectoryShape) -> Iterator[Finding]:
    owners = project_owners(shape)
    for repo, project in shape.repos.items():
        if project not in owners:
            yield _unknown(("repos", repo), "project", project, owners)


def _jwt(shape: DirectoryShape) -> Iterator[Finding]:
    jwt = shape.jwt
    if jwt is None:
        return
    for value, team in jwt.teams.items():
        if team not in shape.teams:
            yield _unknown(("jwt", "teams", value), "team", team, shape.teams)
    for value, group in jwt.groups.items():
        if group not in shape.groups:
            yield _unknown(("jwt", "groups", value), "group", group, shape.groups)
    for table, word in (("teams", "team"), ("groups", "groups")):
        if getattr(jwt, table) and word not in jwt.claims:
            yield ("jwt", table), f"maps values of a claim, and no claim says the {word}", f"add {word}: under claims:"
    if "team" not in jwt.claims and not shape.users:
        yield ("jwt",), "no token could have a team: no claim says it, and there are no users:", "add claims: {team: …}"
