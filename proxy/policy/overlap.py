"""Whether some call can fit several selectors at once, as far as the directory knows who is who."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import msgspec

from proxy.config.directory import Directory
from proxy.policy.globs import any_meet
from proxy.policy.rule import Selector


class _Wanted(msgspec.Struct, frozen=True):
    """What all selectors together leave; None: not restricted."""

    teams: frozenset[str] | None
    users: frozenset[str] | None
    keys: frozenset[str] | None
    projects: frozenset[str] | None
    groups: tuple[frozenset[str], ...]  # of each, one at least


def can_meet(match: Sequence[Selector], directory: Directory) -> bool:
    """Tell whether a call can fit all of them; True also where only an identity provider knows."""
    listed = [part.models for part in match if part.models]
    for position, models in enumerate(listed):
        if not all(any_meet(models, other) for other in listed[position + 1 :]):
            return False
    return _somebody(
        _Wanted(
            teams=_common([part.teams for part in match]),
            users=_common([part.users for part in match]),
            keys=_common([part.keys for part in match]),
            projects=_common([part.projects for part in match]),
            groups=tuple(part.groups for part in match if part.groups),
        ),
        directory,
    )


def _common(sets: list[frozenset[str]]) -> frozenset[str] | None:
    given = [some for some in sets if some]
    return reduce(frozenset.intersection, given) if given else None


def _somebody(wanted: _Wanted, directory: Directory) -> bool:
    if wanted.keys is not None:
        return any(
            key.id in wanted.keys
            and _within(key.user, wanted.users)
            and _within(key.team, wanted.teams)
            and (wanted.projects is None or not wanted.projects.isdisjoint(key.projects))
            and _in_groups(key.user, wanted, directory)
            for key in directory.keys
        )
    teams = wanted.teams
    if wanted.projects is not None:
        owners = frozenset(directory.projects[project] for project in wanted.projects if project in directory.projects)
        teams = owners if teams is None else teams & owners
    if wanted.users is not None:
        return any(
            name in directory.users
            and _within(directory.users[name].team, teams)
            and _in_groups(name, wanted, directory)
            for name in wanted.users
        )
    return teams is None or bool(teams)


def _within(name: str | None, some: frozenset[str] | None) -> bool:
    return some is None or name in some


def _in_groups(user: str | None, wanted: _Wanted, directory: Directory) -> bool:
    known = directory.users.get(user or "")
    mine = known.groups if known else frozenset()
    return all(not groups.isdisjoint(mine) for groups in wanted.groups)
