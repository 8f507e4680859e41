"""The JSON Schema of policy files, for editors: completion and red lines while typing. ``policy validate`` is the judge."""

from __future__ import annotations

from typing import Any, Final

from pydantic.json_schema import models_json_schema

from proxy.config.shape import Shape
from proxy.policy.documents.detectors import DetectorsShape
from proxy.policy.documents.exemption import ExemptionShape
from proxy.policy.documents.policy import PolicyShape
from proxy.policy.documents.tests import TestsShape

KINDS: Final[tuple[tuple[str, type[Shape]], ...]] = (
    ("Policy", PolicyShape),
    ("Exemption", ExemptionShape),
    ("Detectors", DetectorsShape),
    ("Tests", TestsShape),
)


def json_schema() -> dict[str, Any]:
    """Write one schema for all kinds; ``kind`` chooses, so that an editor tells the mistakes of that kind only."""
    refs, defined = models_json_schema([(shape, "validation") for _, shape in KINDS], by_alias=True)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Tallygate policy",
        "type": "object",
        "required": ["kind"],
        "properties": {"kind": {"enum": [kind for kind, _ in KINDS]}},
        "allOf": [
            {
                "if": {"required": ["kind"], "properties": {"kind": {"const": kind}}},
                "then": refs[shape, "validation"],
            }
            for kind, shape in KINDS
        ],
        "$defs": _bare(defined["$defs"]),
    }


def _bare(schema: Any, *, of_names: bool = True) -> Any:
    """Leave out titles, which repeat names, and defaults, which are in seconds and millionths here."""
    if isinstance(schema, list):
        return [_bare(item, of_names=False) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept = schema.items() if of_names else [pair for pair in schema.items() if pair[0] not in {"title", "default"}]
    return {name: _bare(value, of_names=not of_names and name in {"properties", "$defs"}) for name, value in kept}
