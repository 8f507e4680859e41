"""Which models a rule that holds for everyone takes away from all others; what is said here is certain, not complete."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

from proxy.policy.globs import is_glob
from proxy.policy.rule import Mode, Rule
from proxy.policy.terms import Models


def unconditional(rule: Rule) -> bool:
    """Tell whether a rule is in force for every call."""
    return (
        rule.mode is Mode.ENFORCE and not rule.match and rule.when is None and rule.since is None and rule.until is None
    )


def covers(ban: Rule, globs: Iterable[str]) -> bool:
    """Tell whether ``ban`` denies everything that fits any of ``globs``."""
    terms = ban.terms
    # `*` stands for any text, another pattern's stars included; `?` and `[…]` do not.
    sure = [deny for deny in terms.deny if not set("?[") & set(deny)] if isinstance(terms, Models) else []
    return all(any(glob == deny or fnmatchcase(glob, deny) for deny in sure) for glob in globs)


def denied(ban: Rule, model: str) -> bool:
    """Tell whether ``ban`` keeps everyone from a model."""
    terms = ban.terms
    if not isinstance(terms, Models) or is_glob(model):
        return False
    if any(fnmatchcase(model, deny) for deny in terms.deny):
        return True
    return terms.allow is not None and not any(fnmatchcase(model, allow) for allow in terms.allow)
