"""The schema for editors comes from the models that read, so it knows every word and no other."""

from __future__ import annotations

import json
import re
from typing import Any

from proxy.config.yaml_nodes import plain
from proxy.config.yaml_source import parse_source
from proxy.policy.documents.rule import VERBS
from proxy.policy.documents.schema import json_schema
from tests.support.policies import EXAMPLE


def fits(value: object, schema: dict[str, Any], whole: dict[str, Any]) -> bool:
    """Judge as JSON Schema does, in so far as our schema uses it; scalars are text here, as YAML's are to us."""
    if "$ref" in schema:
        return fits(value, whole["$defs"][schema["$ref"].rpartition("/")[2]], whole)
    for one in schema.get("allOf", ()):
        if fits(value, one.get("if", {}), whole) and not fits(value, one.get("then", one), whole):
            return False
    if "anyOf" in schema or "oneOf" in schema:
        return any(fits(value, one, whole) for one in schema.get("anyOf", schema.get("oneOf", ())))
    if "const" in schema or "enum" in schema:
        return value in [str(one) for one in schema.get("enum", [schema.get("const")])]
    return _is_of_kind(value, schema, whole)


def _is_of_kind(value: object, schema: dict[str, Any], whole: dict[str, Any]) -> bool:
    kind = schema.get("type", "object" if "properties" in schema else None)
    if kind == "object":
        return isinstance(value, dict) and _members_fit(value, schema, whole)
    if kind == "array":
        return isinstance(value, list) and all(fits(item, schema.get("items", {}), whole) for item in value)
    if kind in {"integer", "number"}:
        return isinstance(value, str) and re.fullmatch(r"[0-9.]+", value) is not None
    if kind == "boolean":
        return value in {"true", "false"}
    if kind == "null":
        return value is None
    return kind is None or (isinstance(value, str) and re.search(schema.get("pattern", ""), value) is not None)


def _members_fit(value: dict[str, object], schema: dict[str, Any], whole: dict[str, Any]) -> bool:
    known, other = schema.get("properties", {}), schema.get("additionalProperties", True)
    if not set(schema.get("required", ())) <= value.keys():
        return False
    for name, item in value.items():
        rule = known.get(name, other)
        if rule is False or (isinstance(rule, dict) and not fits(item, rule, whole)):
            return False
    return True


def test_every_file_of_the_example_fits() -> None:
    schema = json_schema()
    for path in (EXAMPLE / "policies").rglob("*.yaml"):
        assert fits(plain(parse_source(path.read_bytes(), path.name).root), schema, schema), path


def test_misspelt_words_do_not_fit() -> None:
    schema = json_schema()
    text = (EXAMPLE / "policies" / "org.yaml").read_text()
    for right, wrong in (
        ("budget:", "buget:"),
        ("mode: enforce", "mode: enfroce"),
        ("$15/day", "$15/dya"),
        ("owner:", "onwer:"),
        ("80%, ", "80, "),
    ):
        root = parse_source(text.replace(right, wrong, 1).encode(), "org.yaml").root
        assert not fits(plain(root), schema, schema), wrong


def test_it_is_json_and_knows_every_verb_without_our_inner_units() -> None:
    schema = json_schema()
    rule = schema["$defs"]["RuleShape"]
    assert set(VERBS) < set(rule["properties"])
    assert {"from", "until", "match", "when", "message", "mode"} < set(rule["properties"])
    assert rule["additionalProperties"] is False
    text = json.dumps(schema)
    assert '"default":' not in text.replace('"default": {', "")
