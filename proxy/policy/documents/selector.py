"""``match:``, whom and what a rule is about. Every part that is there must fit; no ``match`` means everyone."""

from __future__ import annotations

from pydantic import Field

from proxy.config.shape import Shape
from proxy.policy.documents.fields import Groups, Keys, ModelGlobs, Projects, Teams, Users
from proxy.policy.rule import Selector


class MatchShape(Shape):
    """Whom and what it is about; every part that is there must fit."""

    teams: Teams = Field(default=(), description="Teams of the directory.")
    users: Users = Field(default=(), description="People of the directory.")
    keys: Keys = Field(default=(), description="Ids of virtual keys.")
    projects: Projects = Field(default=(), description="Projects of teams.")
    models: ModelGlobs = Field(default=(), description="Names or patterns: gpt-5*.")
    groups: Groups = Field(default=(), description="Groups of the directory.")

    def selector(self) -> Selector:
        """Give the compiled form."""
        return Selector(
            teams=frozenset(self.teams),
            users=frozenset(self.users),
            keys=frozenset(self.keys),
            projects=frozenset(self.projects),
            groups=frozenset(self.groups),
            models=self.models,
        )
