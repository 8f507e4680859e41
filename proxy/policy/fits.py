"""Whether a call's model and caller fit a selector.

Names of models are compared without regard to case where that restricts (selectors and bans): to many upstreams
``GPT-5`` is ``gpt-5``. An allow list is taken at its word.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import translate
from functools import lru_cache

from proxy.policy.rule import Selector
from proxy.policy.saying import Ground


@lru_cache(maxsize=4096)
def _patterns(globs: tuple[str, ...], flags: int) -> tuple[re.Pattern[str], ...]:
    # One by one: joined, their groups would have the same names.
    return tuple(re.compile(translate(glob), flags) for glob in globs)


def allowed(model: str, globs: tuple[str, ...]) -> bool:
    """Whether some pattern of an allow list fits."""
    return any(pattern.match(model) for pattern in _patterns(globs, 0))


def banned(model: str, globs: tuple[str, ...]) -> bool:
    """Whether some pattern of a ban or a selector fits."""
    return any(pattern.match(model) for pattern in _patterns(globs, re.IGNORECASE))


def fits(selectors: Iterable[Selector], ground: Ground) -> bool:
    """Whether every part of every selector fits."""
    return all(_fits(selector, ground) for selector in selectors)


def _fits(selector: Selector, ground: Ground) -> bool:
    return (
        (not selector.teams or ground.team in selector.teams)
        and (not selector.users or ground.user in selector.users)
        and (not selector.keys or ground.key in selector.keys)
        and (not selector.projects or ground.project in selector.projects)
        and (not selector.groups or not selector.groups.isdisjoint(ground.groups))
        and (not selector.models or banned(ground.model, selector.models))
    )
