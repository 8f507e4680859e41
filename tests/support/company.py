"""A company with as many people as a test wants, their keys made here: issuing them costs a process each."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

DOMAIN = "acme.example"
HOME = "growth"  # whose projects have short names: crm and site, and research-crm elsewhere


def key_of(name: str) -> str:
    """The virtual key of this name: always the same one."""
    digest = hashlib.sha256(name.encode()).digest()
    return "tg_" + base64.urlsafe_b64encode(digest).decode().rstrip("=")


def write_directory(home: Path, people: Mapping[str, str], keys: Mapping[str, str] | None = None) -> None:
    """Write ``directory.yaml``: ``people`` by name with their teams, each with a key of that name for its team's crm.

    ``keys`` are further ones: name to "person/project". Ann of growth is always there, for ``RunningProxy``.
    """
    everybody = {"ann": HOME, **people}
    teams = sorted(set(everybody.values()))
    lines = ["org: acme", "teams:"]
    lines += [f"  {team}: {{ projects: [{', '.join(_projects(team))}] }}" for team in teams]
    lines += ["users:", *[f"  {name}@{DOMAIN}: {{ team: {team} }}" for name, team in everybody.items()], "keys:"]
    holders = {**{name: f"{name}/{_projects(team)[0]}" for name, team in everybody.items()}, **(keys or {})}
    for name, holder in holders.items():
        person, _, project = holder.partition("/")
        lines.append(_row(name, person, project, _projects(everybody[person])))
    home.mkdir(parents=True, exist_ok=True)
    (home / "directory.yaml").write_text("\n".join(lines) + "\n", "utf-8")


def write_policies(home: Path, files: Mapping[str, str]) -> None:
    """Write files below ``policies/``."""
    for name, text in files.items():
        path = home / "policies" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


def only(*names: str) -> str:
    """``match:`` for these people, as a flow mapping."""
    return f"match: {{ users: [{', '.join(mails(names))}] }}"


def mails(names: Sequence[str]) -> list[str]:
    """Their addresses."""
    return [f"{name}@{DOMAIN}" for name in names]


def _projects(team: str) -> list[str]:
    return [name if team == HOME else f"{team}-{name}" for name in ("crm", "site")]


def _row(name: str, person: str, project: str, projects: Sequence[str]) -> str:
    digest = hashlib.sha256(key_of(name).encode()).hexdigest()
    return (
        f'  - {{ id: k_{name}, digest: "sha256:{digest}", user: {person}@{DOMAIN}, project: {project}, '
        f"projects: [{', '.join(projects)}] }}"
    )
