"""From a ``kind: Exemption`` file to a compiled exemption."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from proxy.config.problems import Problem
from proxy.config.shape import fit_part
from proxy.config.yaml_source import Source
from proxy.policy.documents.exemption import ExemptionShape
from proxy.policy.documents.fields import Around, timezone
from proxy.policy.names import Names
from proxy.policy.places import Place, child, items_of, members_of, text_of
from proxy.policy.rule import Exemption


class PlacedExemption(msgspec.Struct, frozen=True):
    """An exemption and where it stands."""

    exemption: Exemption
    place: Place


def read_exemption(
    source: Source, names: Names, zones: Mapping[str, str]
) -> tuple[PlacedExemption | None, list[Problem]]:
    """Read the file, or say what is wrong with it. ``zones``: the timezone of every policy, as it is written."""
    context = {"around": Around(names, _zone(source, zones))}
    shape, problems = fit_part(ExemptionShape, source, source.root, (), context)
    if shape is None:
        return None, problems
    place = Place(source, ("name",))
    compiled = Exemption(
        name=shape.name,
        owner=shape.owner,
        approved_by=shape.approved_by,
        reason=shape.reason,
        place=place.short,
        match=shape.match.selector(),
        since=shape.since,
        until=shape.until,
        lift=frozenset(shape.lift),
        grant=tuple(shape.grant.items()),
    )
    return PlacedExemption(compiled, place), problems


def _zone(source: Source, zones: Mapping[str, str]) -> str:
    """Say in which timezone its dates are read: its own, else that of the policies whose rules it names, if they agree."""
    root = source.root
    written = text_of(child(root, "timezone"))
    lift = child(root, "lift")
    named = [*map(text_of, items_of(lift)), text_of(lift), *members_of(child(root, "grant"))]
    theirs = {zones[policy] for policy in (rule.partition("/")[0] for rule in named) if policy in zones}
    try:
        return timezone(written or (theirs.pop() if len(theirs) == 1 else "") or "UTC")
    except ValueError:
        return "UTC"
