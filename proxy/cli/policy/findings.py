"""What a check found, for people, programs, pull requests on GitHub, and tools that read SARIF 2.1.0."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

import msgspec

from proxy.config.problems import Problem

_LEVELS: Final = ("error", "warning", "note")
_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"


class Format(StrEnum):
    """How findings are written."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"
    SARIF = "sarif"


class Found(msgspec.Struct, frozen=True):
    """One finding and how much it matters: error, warning or note."""

    level: str
    problem: Problem


def written(found: Sequence[Found], form: Format, summary: str) -> str:
    """Write findings in a format; ``summary`` is one line for people."""
    return _WRITERS[form](found, summary)


def _text(found: Sequence[Found], summary: str) -> str:
    lines = [str(one.problem) if one.level == "error" else f"{one.level}: {one.problem}" for one in found]
    return "\n".join([*lines, summary])


def _said(problem: Problem) -> str:
    told = "; ".join(part for part in (problem.message, problem.hint) if part)
    return f"{problem.path}: {told}" if problem.path else told


def _json(found: Sequence[Found], summary: str) -> str:
    counted = Counter(one.level for one in found)
    members = ("file", "line", "col", "path", "message", "hint")
    rows = [{"level": one.level} | {name: getattr(one.problem, name) for name in members} for one in found]
    document = {"summary": summary, "counts": {level: counted[level] for level in _LEVELS}, "findings": rows}
    return json.dumps(document, indent=2, ensure_ascii=False)


def _github(found: Sequence[Found], summary: str) -> str:
    """Write workflow commands: docs.github.com, "Workflow commands for GitHub Actions"."""
    names = {"error": "error", "warning": "warning", "note": "notice"}
    lines = []
    for one in found:
        at = one.problem
        where = f"file={_property(at.file)}" + (f",line={at.line},col={at.col}" if at.line else "")
        lines.append(f"::{names[one.level]} {where},title=tallygate policy::{_data(_said(at))}")
    return "\n".join([*lines, summary])


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _sarif(found: Sequence[Found], summary: str) -> str:
    rules = [{"id": f"policy-{level}", "shortDescription": {"text": f"A policy {level}"}} for level in _LEVELS]
    driver = {"name": "tallygate policy validate", "rules": rules}
    run = {"tool": {"driver": driver}, "results": [_result(one) for one in found], "properties": {"summary": summary}}
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False)


def _result(one: Found) -> dict[str, Any]:
    at = one.problem
    place: dict[str, Any] = {"artifactLocation": {"uri": at.file}}
    if at.line:
        place["region"] = {"startLine": at.line, "startColumn": at.col}
    return {
        "ruleId": f"policy-{one.level}",
        "level": one.level,
        "message": {"text": _said(at)},
        "locations": [{"physicalLocation": place}],
    }


_WRITERS: Final[Mapping[Format, Callable[[Sequence[Found], str], str]]] = {
    Format.TEXT: _text,
    Format.JSON: _json,
    Format.GITHUB: _github,
    Format.SARIF: _sarif,
}
