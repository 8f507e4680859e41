"""Which rules there are, found without asking whether they are right.

A mistake in one file must not make the names in all others look wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from proxy.config.masking import shown
from proxy.config.problems import Problem
from proxy.config.yaml_source import Source
from proxy.policy.documents.rule import VERBS
from proxy.policy.places import Place, child, items_of, members_of, text_of


class Named(msgspec.Struct, frozen=True):
    """Something with a name of its own: a policy, a rule, an exemption, a detector."""

    what: str
    name: str  # "org/person-day"
    place: Place  # of the name
    verb: str = ""  # of a rule, where it can be told
    timezone: str = ""  # of a policy, as it is written


def named(sources: Sequence[Source]) -> list[Named]:
    """List everything that has a name, in the order of the files."""
    return [one for source in sources for one in _of(source)]


def repeated(names: Iterable[Named]) -> Iterator[Problem]:
    """Find names that are taken already."""
    first: dict[tuple[str, str], Named] = {}
    for one in names:
        before = first.setdefault((one.what, one.name), one)
        if before is not one:
            bare = shown(one.name.rpartition("/")[2])
            is_key = one.what == "detector"
            yield one.place.problem(f"there is {one.what} {bare} already, at {before.place.short}", key=is_key)


def _of(source: Source) -> Iterator[Named]:
    root = source.root
    kind, name = text_of(child(root, "kind")), text_of(child(root, "name"))
    if kind in {"Policy", "Exemption"} and name:
        yield Named(kind.lower(), name, Place(source, ("name",)), timezone=text_of(child(root, "timezone")))
    if kind == "Policy":
        for position, rule in enumerate(items_of(child(root, "rules"))):
            own = text_of(child(rule, "name"))
            verb = next((verb for verb in VERBS if verb in members_of(rule)), "")
            if own:
                yield Named("rule", f"{name}/{own}", Place(source, ("rules", position, "name")), verb)
    if kind == "Detectors":
        for group in ("secrets", "pii"):
            for detector in members_of(child(root, group)):
                yield Named("detector", f"{group}.{detector}", Place(source, (group, detector)))
