"""Lays a pydantic model over a parsed file and tells every mismatch in our own words, with its place.

Pydantic knows what is wrong and where in the tree; the source knows where that stands in the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, model_validator
from pydantic_core import ErrorDetails

from proxy.config import quantities
from proxy.config.masking import shown, sounds_secret
from proxy.config.problems import Problem, did_you_mean
from proxy.config.yaml_nodes import locate, plain
from proxy.config.yaml_source import Source
from proxy.config.yaml_tree import MAX_PROBLEMS

Duration = Annotated[float, BeforeValidator(quantities.duration_s)]
PositiveDuration = Annotated[float, BeforeValidator(quantities.positive_duration_s)]
Size = Annotated[int, BeforeValidator(quantities.size_bytes)]
Share = Annotated[int, BeforeValidator(quantities.share_millionths)]
Factor = Annotated[int, BeforeValidator(quantities.factor_millionths)]
Price = Annotated[int, BeforeValidator(quantities.price_nusd)]
Whole = Annotated[int, BeforeValidator(quantities.whole)]
Switch = Annotated[bool, BeforeValidator(quantities.yes_or_no)]

_WANTED = {
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "list_type": "a list",
    "tuple_type": "a list",
    "string_type": "text",
}
M = TypeVar("M", bound="Shape")


class Shape(BaseModel):
    """A mapping of the file: unknown names are errors; a name without a value is as good as absent."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _drop_empty(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {name: item for name, item in value.items() if item is not None or name not in cls.model_fields}


def fit(shape: type[M], source: Source, context: Mapping[str, Any] | None = None) -> tuple[M | None, list[Problem]]:
    """Read the file as ``shape`` (None if it does not fit) with all problems so far; never raises for what it holds."""
    problems = list(source.problems)
    try:
        return shape.model_validate(plain(source.root), context=dict(context or {})), problems
    except ValidationError as error:
        found = error.errors(include_url=False)[:MAX_PROBLEMS]
        return None, problems + [_problem(shape, source, one) for one in found]


def text_or_mapping(value: object) -> str:
    """Discriminate the two forms of a member that takes a word or a mapping; the names never stand in a file."""
    return "<mapping>" if isinstance(value, dict) else "<text>"


def dotted(path: Iterable[int | str]) -> str:
    """Write a path the way messages do: ``upstreams.openai.models.0``."""
    return ".".join(str(step) for step in path)


def one_of(value: str, words: tuple[str, ...], what: str) -> str:
    """``value`` if it is one of ``words``; ``ValueError`` with the nearest of them otherwise."""
    if value in words:
        return value
    raise ValueError(f"{shown(value)} is no {what}; " + (did_you_mean(value, words) or f"one of {', '.join(words)}"))


def _problem(shape: type[Shape], source: Source, found: ErrorDetails) -> Problem:
    # "[key]" is pydantic's sign for a mistake in a name itself.
    path = tuple(step for step in found["loc"] if step != "[key]")
    mark, real = locate(source.root, path, key=found["type"] == "extra_forbidden" or "[key]" in found["loc"])
    message, hint = _words(shape, found, path)
    # An unknown name is told by the message; the path is that of the mapping it stands in.
    shown_path = real[:-1] if found["type"] == "extra_forbidden" else real
    return source.problem(mark, dotted(shown_path), message, hint)


def _words(shape: type[Shape], found: ErrorDetails, path: tuple[int | str, ...]) -> tuple[str, str]:
    kind, last = found["type"], str(path[-1]) if path else ""
    if kind == "extra_forbidden":
        known = _known_names(shape, path[:-1])
        hint = did_you_mean(last, known)
        return f"unknown key {shown(last)}", hint or f"known are {', '.join(known)}"
    if kind == "missing":
        return f"{last!r} is missing", ""
    if kind == "literal_error":
        words = re.findall(r"'([^']*)'", str(found.get("ctx", {}).get("expected", "")))
        value = found["input"]
        if isinstance(value, str) and not sounds_secret(last):
            return f"{shown(value)} is not one of {', '.join(words)}", did_you_mean(value, words)
        return f"wants one of {', '.join(words)}", ""
    if kind in _WANTED:
        return f"wants {_WANTED[kind]}, found {_kind(found['input'])}", ""
    if kind == "value_error":
        return str(found["ctx"]["error"]), ""
    return found["msg"][:1].lower() + found["msg"][1:], ""


def _kind(value: object) -> str:
    if isinstance(value, str):
        return "text"
    return "a mapping" if isinstance(value, dict) else "a list" if isinstance(value, list) else "nothing"


def _known_names(shape: type[Shape], path: tuple[int | str, ...]) -> list[str]:
    """List the names that the mapping at ``path`` may hold."""
    kind: Any = shape
    for step in path:
        kind = _child(kind, step)
    fields = getattr(kind, "model_fields", {})
    return [field.alias or name for name, field in fields.items()]


def _child(kind: Any, step: int | str) -> Any:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        for name, field in kind.model_fields.items():
            if step in {name, field.alias}:
                return _unwrapped(field.annotation)
        return kind  # the step names an alternative of a union, not a member
    if get_origin(kind) is dict:
        return _unwrapped(get_args(kind)[1])
    return _unwrapped(get_args(kind)[0]) if get_origin(kind) is tuple else None


def _unwrapped(annotation: Any) -> Any:
    """Strip ``X | None``, ``Annotated[X, …]`` and unions of text and a shape down to what has members."""
    if get_origin(annotation) in {dict, tuple} or not get_args(annotation):
        return annotation
    if get_origin(annotation) is Annotated:
        return _unwrapped(get_args(annotation)[0])
    inner = [_unwrapped(argument) for argument in get_args(annotation)]
    return next((kind for kind in inner if get_origin(kind) or issubclass(kind, BaseModel)), inner[0])
