"""From a ``kind: Detectors`` file to detectors that ``inspect`` can use."""

from __future__ import annotations

from typing import Literal

from proxy.config.problems import Problem
from proxy.config.shape import fit_part
from proxy.config.yaml_source import Source
from proxy.policy.content.detector import Detector
from proxy.policy.content.own import own_detector
from proxy.policy.documents.detectors import DetectorShape, DetectorsShape
from proxy.policy.documents.fields import Around
from proxy.policy.names import Names
from proxy.policy.places import Path, Place

Group = Literal["secrets", "pii"]


def read_detectors(source: Source, names: Names) -> tuple[list[Detector], list[Problem]]:
    """Read the detectors of a file that can be used, and every problem of the file."""
    shape, problems = fit_part(DetectorsShape, source, source.root, (), {"around": Around(names)})
    found: list[Detector] = []
    groups: tuple[tuple[Group, dict[str, DetectorShape]], ...] = (
        (("secrets", shape.secrets), ("pii", shape.pii)) if shape else ()
    )
    for group, detectors in groups:
        for name, one in detectors.items():
            place = Place(source, (group, name))
            try:
                found.append(_compiled(name, group, one))
            except ValueError as error:
                problems.append(place.problem(str(error), below=_culprit(str(error))))
    return found, problems


def _compiled(name: str, group: Group, one: DetectorShape) -> Detector:
    return own_detector(name, group, one.regex, hint=one.hint, min_entropy=one.min_entropy, check=one.check)


def _culprit(message: str) -> Path:
    """Say which member a refusal speaks of."""
    return next(((member,) for member in ("hint", "regex") if f"the {member}" in message), ())
