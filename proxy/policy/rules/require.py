"""The verb ``require``: tags that a call must carry. ``project`` is also there where the call is booked to one."""

from __future__ import annotations

from proxy.domain.decision import Kind
from proxy.domain.trace import Said
from proxy.policy.facts import Facts
from proxy.policy.saying import Bound, Say, Saying
from proxy.policy.terms import Require

_PROJECT = "project"


def bind(bound: Bound, terms: Require) -> Say:
    """Look at the tags of each call."""
    wanted = frozenset(terms.tags) - ({_PROJECT} if bound.ground.project else set())
    passes = bound.says(Said.OK)

    def say(facts: Facts) -> Saying:
        missing = wanted.difference([name for name, value in facts.tags if value])
        return _missing(bound, [tag for tag in terms.tags if tag in missing]) if missing else passes

    return say


def _missing(bound: Bound, tags: list[str]) -> Saying:
    told = f"The call lacks the tag{'s' if len(tags) > 1 else ''} {', '.join(tags)}."
    written = ",".join(f"{tag}=…" for tag in tags)
    how = f"Send the header x-tally-tags: {written}"
    if _PROJECT in tags:
        how += ", or put /p/{project} in front of the path"
    return bound.denies(Kind.TAGS, f"{told} {how}.", allowed=written, param="x-tally-tags", detail=told)
