"""Whose budget is meant: a name from the command line, looked up in the directory, as the ground that rules see."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from proxy.config.directory import Directory
from proxy.config.directory_names import is_person
from proxy.config.masking import shown
from proxy.config.problems import did_you_mean
from proxy.policy.budgets import terms_of, unmet
from proxy.policy.rule import Rule
from proxy.policy.saying import Ground
from proxy.policy.terms import Budget

KINDS: Final = ("user", "service", "team", "key", "project", "model")
PEOPLE: Final = ("user", "key")  # per: whom these budgets count by themselves is nobody's list to read


class Whose(msgspec.Struct, frozen=True):
    """A name of one kind, both empty for the whole org, and all that is known of it."""

    kind: str
    name: str
    ground: Ground
    remark: str = ""  # what could not be checked

    def __str__(self) -> str:
        return f"{self.kind} {self.name or '(none)'}" if self.kind else "the organisation"


def everybody(directory: Directory) -> Whose:
    """The whole org."""
    return Whose("", "", _ground(directory))


def whose(directory: Directory, kind: str, name: str) -> Whose:
    """Look a name up; ``kind`` is one of ``KINDS``. Raises ``ValueError`` with the nearest that there is."""
    return _LOOKUPS[kind](directory, name)


def whose_scope(directory: Directory, kind: str, name: str) -> Whose:
    """A scope that the store has, also of what the directory no longer lists."""
    try:
        return whose(directory, kind, name)
    except ValueError:
        return Whose(kind, name, msgspec.structs.replace(_ground(directory), **{kind: name}))


def is_counted(terms: Budget, whom: Whose) -> bool:
    """Whether a budget has a meter of its own for calls of this one: those of the org, the team and so on included."""
    held = {"user": whom.ground.person, "key": whom.ground.key, "team": whom.ground.team, "model": whom.ground.model}
    if terms.per == "project":
        return whom.ground.project is not None
    return terms.per == "org" or bool(held.get(terms.per))


def check_fit(rule: Rule, whom: Whose) -> None:
    """Whether this name has one budget of its own by a rule. Raises ``ValueError`` that says which name the rule needs."""
    per = terms_of(rule).per
    wanted = {"org": (), "user": ("user", "service")}.get(per, (per,))
    if not wanted and whom.kind:
        raise ValueError(f"{rule.id} is one budget of the whole organisation; leave --{whom.kind} out")
    if wanted and whom.kind not in wanted:
        options = " or ".join(f"--{kind}" for kind in wanted)
        raise ValueError(f"{rule.id} is counted per {per}; say whose it is by {options}")
    if other := unmet(rule, whom.ground):
        raise ValueError(f"{rule.id} is not about {whom}: it is for {other} ({rule.place})")


def _user(directory: Directory, name: str) -> Whose:
    user = directory.users.get(name)
    if user is None and not (directory.jwt is not None and is_person(name)):
        raise _unknown("user", name, directory.users)
    ground = _ground(
        directory,
        team=user.team if user else "",
        user=name,
        person=directory.pseudonym("user", name),
        groups=tuple(sorted(user.groups)) if user else (),
    )
    return Whose("user", name, ground, "" if user else "the directory does not list them; tokens may name them")


def _service(directory: Directory, name: str) -> Whose:
    teams = {key.service: key.team for key in directory.keys if key.service and not key.user}
    if name not in teams:
        raise _unknown("service", name, teams)
    ground = _ground(directory, team=teams[name], person=directory.pseudonym("service", name))
    return Whose("service", name, ground)


def _team(directory: Directory, name: str) -> Whose:
    if name not in directory.teams:
        raise _unknown("team", name, directory.teams)
    return Whose("team", name, _ground(directory, team=name))


def _key(directory: Directory, name: str) -> Whose:
    keys = {key.id: key for key in directory.keys}
    if directory.jwt is not None and name == directory.jwt.key_id:
        return Whose("key", name, _ground(directory, key=name), "all tokens of the issuer share this budget")
    if name not in keys:
        raise _unknown("key", name, keys)
    key = keys[name]
    kind, holder = ("user", key.user) if key.user else ("service", key.service or "")
    user = directory.users.get(key.user or "")
    ground = _ground(
        directory,
        team=key.team,
        user=key.user or "",
        person=directory.pseudonym(kind, holder),
        key=name,
        project=key.project,
        groups=tuple(sorted(user.groups)) if user else (),
    )
    return Whose("key", name, ground)


def _project(directory: Directory, name: str) -> Whose:
    if name and name not in directory.projects:
        raise _unknown("project", name, directory.projects)
    return Whose("project", name, _ground(directory, team=directory.projects.get(name, ""), project=name))


def _model(directory: Directory, name: str) -> Whose:
    if not name:
        raise ValueError("a model has a name")
    return Whose("model", name, _ground(directory, model=name))


_LOOKUPS = {"user": _user, "service": _service, "team": _team, "key": _key, "project": _project, "model": _model}


def _ground(
    directory: Directory,
    *,
    team: str = "",
    user: str = "",
    person: str = "",
    key: str = "",
    project: str | None = None,
    model: str = "",
    groups: tuple[str, ...] = (),
) -> Ground:
    return Ground(directory.org, team, user, person, key, project, groups, model, "")


def _unknown(kind: str, name: str, known: Iterable[str]) -> ValueError:
    """Nobody of this name. People are suggested by likeness only, never listed."""
    names = list(known)
    near = did_you_mean(name, names)
    if not near and kind not in ("user", "key", "service"):
        near = f"there are {', '.join(sorted(names))}" if names else f"the directory has no {kind}s"
    return ValueError(f"the directory has no {kind} {shown(name)}" + (f"; {near}" if near else ""))
