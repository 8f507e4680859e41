"""What a meter counts by itself: a scope's name, as it stands in meter keys. People are there by pseudonym."""

from __future__ import annotations

from typing import Protocol

TOKENS = "jwt:"  # how the id begins that stands for all tokens of an identity provider


class Whose(Protocol):
    """Who calls, for what, and which model."""

    @property
    def team(self) -> str:
        """Who pays."""
        ...

    @property
    def person(self) -> str:
        """The pseudonym."""
        ...

    @property
    def key(self) -> str:
        """The key's id."""
        ...

    @property
    def project(self) -> str | None:
        """What for."""
        ...

    @property
    def model(self) -> str:
        """As callers name it."""
        ...


def scope(per: str, whose: Whose) -> str:
    """Name the scope that a call falls into. Calls of no project share one; the tokens of one person are one key."""
    if per == "org":
        return "org"
    if per == "team":
        return f"team:{whose.team}"
    if per == "user":
        return f"user:{whose.person}"
    if per == "key":
        return f"key:{whose.key}:{whose.person}" if whose.key.startswith(TOKENS) else f"key:{whose.key}"
    if per == "project":
        return f"project:{whose.project or ''}"
    if per == "model":
        return f"model:{whose.model}"
    raise ValueError(f"nothing is counted per {per!r}")
