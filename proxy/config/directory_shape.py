"""The shape of ``directory.yaml``, member by member as users write it. What must agree is checked in ``directory_checks``."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from typing import Annotated

from pydantic import BeforeValidator, Field

from proxy.config.directory_names import Id, Name, Person
from proxy.config.jwt_shape import JwtShape
from proxy.config.masking import shown
from proxy.config.quantities import as_text
from proxy.config.shape import Shape

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_REPO = re.compile(r"[A-Za-z0-9._~-]+(?:/[A-Za-z0-9._~-]+)+")


def _digest(value: object) -> str:
    text = as_text(value, "a digest")
    if not _DIGEST.fullmatch(text):
        raise ValueError("is not a digest; `tallygate keys issue` writes sha256: and 64 hex digits")
    return text


def instant(value: object) -> float:
    """Read ``2027-01-01`` (its first moment, UTC) or a time with its offset; returns unix seconds."""
    text = as_text(value, "a date such as 2027-01-01")
    try:
        if len(text) == len("2027-01-01"):
            return datetime.combine(date.fromisoformat(text), time(), UTC).timestamp()
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{shown(text)} is not a date; write 2027-01-01 or 2027-01-01T18:00:00+01:00") from None
    if found.tzinfo is None:
        raise ValueError(f"{shown(text)} does not say in which zone; add Z or an offset such as +01:00")
    return found.timestamp()


def _repo(value: object) -> str:
    text = as_text(value, "a repository")
    if not _REPO.fullmatch(text):
        raise ValueError(f"{shown(text)} is not a repository; write host/owner/name without https://")
    return text


class TeamShape(Shape):
    """A team."""

    department: str | None = None
    projects: tuple[Name, ...] = ()


class UserShape(Shape):
    """A person."""

    team: Name
    groups: tuple[Name, ...] = ()


class KeyShape(Shape):
    """A key; ``team`` may be left to the user's."""

    id: Id
    digest: Annotated[str, BeforeValidator(_digest)]
    team: Name | None = None
    user: Person | None = None
    service: Id | None = None
    project: Name | None = None
    projects: tuple[Name, ...] | None = None
    expires: Annotated[float, BeforeValidator(instant)] | None = None


class DirectoryShape(Shape):
    """The whole file."""

    org: Name
    teams: dict[Name, TeamShape] = Field(default_factory=dict)
    groups: tuple[Name, ...] = ()
    users: dict[Person, UserShape] = Field(default_factory=dict)
    keys: tuple[KeyShape, ...] = ()
    repos: dict[Annotated[str, BeforeValidator(_repo)], Name] = Field(default_factory=dict)
    jwt: JwtShape | None = None
