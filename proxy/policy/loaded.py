"""What loading a folder of policies gives: the rules in force, and everything that people should be told about them."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from proxy.config.problems import Problem
from proxy.policy.case import Case
from proxy.policy.rule import PolicySet


class Level(StrEnum):
    """How much a remark matters."""

    WARNING = "warning"  # probably not what was meant
    NOTE = "note"  # could be better


class Remark(msgspec.Struct, frozen=True):
    """Something about policies that load: they do what they say, and perhaps not what was meant."""

    level: Level
    problem: Problem


class Loaded(msgspec.Struct, frozen=True):
    """One reading of the policies. ``facts`` are those that any ``when:`` uses; an activation needs no others."""

    policy: PolicySet
    warnings: tuple[Remark, ...] = ()
    cases: tuple[Case, ...] = ()
    facts: frozenset[str] = frozenset()
