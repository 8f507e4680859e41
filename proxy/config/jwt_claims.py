"""From the claims of a verified token to the principal: which claim says the team, the user, the groups.

The directory stays a closed world: a claim can choose among its teams, projects and groups and add none. People may be
unknown to it, as long as their team is not.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from proxy.config.directory import Directory, Jwt, Team
from proxy.config.directory_names import is_id, is_person
from proxy.domain.principal import Principal


class Unmapped(Exception):
    """A genuine token of somebody who has no place here. The sentence names claims, never what they hold."""


def principal_of(directory: Directory, jwt: Jwt, claims: Mapping[str, Any], expires_at: float) -> Principal:
    """Say who holds a verified token. Raises ``Unmapped``."""
    words = dict(jwt.claims)
    user, service = _holder(words, claims)
    known = directory.users.get(user) if user else None
    team = _team(directory, jwt, words.get("team"), claims, known.team if known else None)
    project, projects = _projects(team, words.get("project"), claims)
    groups = set(_named(claims, words.get("groups"), dict(jwt.groups), directory.groups))
    kind, name = ("user", user) if user else ("service", service or "")
    return Principal(
        key_id=jwt.key_id,
        org=directory.org,
        team=team.name,
        pseudonym=directory.pseudonym(kind, name),
        user=user,
        service=service,
        project=project,
        projects=projects,
        groups=frozenset(groups | (known.groups if known else frozenset())),
        expires_at=expires_at,
    )


def claim(claims: Mapping[str, Any], path: str) -> Any:
    """What stands at a dotted path (``realm_access.roles``), or None.

    A claim whose own name has dots (``https://acme.example/team``) is found under that name first.
    """
    if path in claims:
        return claims[path]
    found: Any = claims
    for step in path.split("."):
        if not isinstance(found, dict) or step not in found:
            return None
        found = found[step]
    return found


def _holder(words: Mapping[str, str], claims: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """User and service; without a word about either, the subject is the user."""
    service = _text(claims, words.get("service"))
    if service is not None and not is_id(service):
        raise Unmapped(f"The claim {words['service']!r} of your token is not usable as the name of a service.")
    path = words.get("user") or ("sub" if service is None else None)
    user = _text(claims, path)
    if user is None and service is None:
        raise Unmapped(f"Your token has no claim {path!r} of text, which would say who calls.")
    if user is not None and not is_person(user):
        raise Unmapped(f"The claim {path!r} of your token is not usable as a user: it is too long or has spaces.")
    if user is not None and path is not None and _is_unverified(claims, path):
        raise Unmapped(f"The claim {path!r} of your token is not verified: its email_verified is false.")
    return user, service


def _is_unverified(claims: Mapping[str, Any], path: str) -> bool:
    """OpenID Connect, 5.1: an address that nobody verified is what somebody typed, perhaps a colleague's."""
    above, _, last = path.rpartition(".")
    if last != "email":
        return False
    beside = claim(claims, f"{above}.email_verified" if above else "email_verified")
    return beside is False or beside == "false"


def _team(directory: Directory, jwt: Jwt, path: str | None, claims: Mapping[str, Any], own: str | None) -> Team:
    said = claim(claims, path) if path else None
    if path is None or said is None:
        if own is None:
            lack = f"has no claim {path!r}, which would say the team" if path else "says no team"
            raise Unmapped(f"Your token {lack}, and the directory does not list you under users:.")
        return directory.teams[own]
    found = _named(claims, path, dict(jwt.teams), directory.teams)
    if not found:
        raise Unmapped(
            f"The claim {path!r} of your token names no team of the directory; map its value under jwt.teams:."
        )
    if len(found) > 1:
        raise Unmapped(f"The claim {path!r} of your token names several teams of the directory; it must name one.")
    return directory.teams[found[0]]


def _projects(team: Team, path: str | None, claims: Mapping[str, Any]) -> tuple[str | None, frozenset[str]]:
    """Default project and those that calls may name, by the rule of keys: those listed, the only one, else the team's."""
    said = claim(claims, path) if path else None
    if said is None:
        return None, frozenset(team.projects)
    found = _named(claims, path, {}, team.projects)
    if not found:
        raise Unmapped(f"The claim {path!r} of your token names no project of your team.")
    return (found[0] if len(found) == 1 else None), frozenset(found)


def _named(
    claims: Mapping[str, Any], path: str | None, table: Mapping[str, str], known: Collection[str]
) -> tuple[str, ...]:
    """Which of our ``known`` names a claim holds, each once: a list, a text, or words with spaces between."""
    said = claim(claims, path) if path else None
    texts = [said] if isinstance(said, str) else said if isinstance(said, list) else []
    found: dict[str, None] = {}
    for text in texts:
        if isinstance(text, str):
            whole = table.get(text, text)
            names = [whole] if whole in known else [table.get(word, word) for word in text.split()]
            found.update(dict.fromkeys(name for name in names if name in known))
    return tuple(found)


def _text(claims: Mapping[str, Any], path: str | None) -> str | None:
    """The text of a claim, or None where it is absent, empty or of another kind."""
    found = claim(claims, path) if path else None
    return found if isinstance(found, str) and found else None
