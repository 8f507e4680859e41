"""Lays a pydantic model over a parsed file and tells every mismatch in our own words, with its place.

Pydantic knows what is wrong and where in the tree; the source knows where that stands in the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, WithJsonSchema, model_validator
from pydantic_core import ErrorDetails

from proxy.config import quantities
from proxy.config.masking import shown, sounds_secret
from proxy.config.problems import Problem, did_you_mean
from proxy.config.yaml_nodes import Node, locate, plain
from proxy.config.yaml_source import Source
from proxy.config.yaml_tree import MAX_PROBLEMS


def written(pattern: str, *, number: bool = False) -> WithJsonSchema:
    """Say for editors how a quantity is written; ``number``: a bare number is right, too."""
    text: dict[str, Any] = {"type": "string", "pattern": f"^{pattern}$"}
    return WithJsonSchema({"anyOf": [{"type": "number"}, text]} if number else text)


_DURATION = written(r"[0-9.]+ ?(ms|s|m|h|d)")
Duration = Annotated[float, BeforeValidator(quantities.duration_s), _DURATION]
PositiveDuration = Annotated[float, BeforeValidator(quantities.positive_duration_s), _DURATION]
Size = Annotated[int, BeforeValidator(quantities.size_bytes), written(r"[0-9.]+ ?(B|[KMG]i?B)")]
Share = Annotated[int, BeforeValidator(quantities.share_millionths), written(r"[0-9.]+ ?%")]
Factor = Annotated[int, BeforeValidator(quantities.factor_millionths), WithJsonSchema({"type": "number"})]
Price = Annotated[int, BeforeValidator(quantities.price_nusd), written(r"\$?[0-9.]+", number=True)]
Whole = Annotated[int, BeforeValidator(quantities.whole), WithJsonSchema({"type": "integer", "minimum": 0})]
Switch = Annotated[bool, BeforeValidator(quantities.yes_or_no), WithJsonSchema({"type": "boolean"})]

_WANTED = {
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "list_type": "a list",
    "tuple_type": "a list",
    "string_type": "text",
}
M = TypeVar("M", bound="Shape")


class Misfit(ValueError):
    """Members that do not fit each other: raised by a validator of a whole mapping, told at the member ``at``."""

    def __init__(
        self, at: tuple[int | str, ...], message: str, *, key: bool = False, beside: Iterable[Misfit] = ()
    ) -> None:
        """``key``: the member's name is what is wrong, not its value. ``beside`` are told with it."""
        super().__init__(message)
        self.at, self.key, self.beside = at, key, tuple(beside)

    @classmethod
    def tell(cls, found: Iterable[Misfit]) -> None:
        """Raise all of them as one; return if there is none."""
        several = tuple(found)
        if several:
            first = several[0]
            raise cls(first.at, str(first), key=first.key, beside=several[1:])


class Shape(BaseModel):
    """A mapping of the file: unknown names are errors; a name without a value is as good as absent."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _drop_empty(cls, value: Any) -> Any:
        if not isinstance(value, dict) or None not in value.values():
            return value
        known = cls.names()
        return {name: item for name, item in value.items() if item is not None or name not in known}

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """List the names that such a mapping may hold, as they are written."""
        return tuple(field.alias or name for name, field in cls.model_fields.items())


def fit(shape: type[M], source: Source, context: Mapping[str, Any] | None = None) -> tuple[M | None, list[Problem]]:
    """Read the file as ``shape`` (None if it does not fit) with all problems so far; never raises for what it holds."""
    fitted, problems = fit_part(shape, source, source.root, (), context)
    return fitted, [*source.problems, *problems]


def fit_part(
    shape: type[M], source: Source, node: Node, path: tuple[int | str, ...], context: Mapping[str, Any] | None = None
) -> tuple[M | None, list[Problem]]:
    """Read ``node``, which stands at ``path`` of the file, as ``shape``: one bad part hides no mistake of another."""
    try:
        return shape.model_validate(plain(node), context=dict(context or {})), []
    except ValidationError as error:
        found = error.errors(include_url=False)[:MAX_PROBLEMS]
        return None, [_problem(shape, source, one, path) for several in found for one in _each(several)]


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


def _problem(shape: type[Shape], source: Source, found: ErrorDetails, above: tuple[int | str, ...] = ()) -> Problem:
    # "[key]" is pydantic's sign for a mistake in a name itself.
    path = tuple(step for step in found["loc"] if step != "[key]")
    in_name = found["type"] == "extra_forbidden" or "[key]" in found["loc"]
    cause = found.get("ctx", {}).get("error")
    below = cause.at if isinstance(cause, Misfit) else ()
    in_name = in_name or (isinstance(cause, Misfit) and cause.key)
    mark, real = locate(source.root, (*above, *path, *below), key=in_name)
    message, hint = _words(shape, found, path, credentials=source.credentials)
    # An unknown name is told by the message; the path is that of the mapping it stands in.
    shown_path = real[:-1] if found["type"] == "extra_forbidden" else real
    return source.problem(mark, dotted(shown_path), message, hint)


def _each(found: ErrorDetails) -> Iterator[ErrorDetails]:
    """Unpack what a validator of a whole mapping told together."""
    yield found
    cause = found.get("ctx", {}).get("error")
    for one in cause.beside if isinstance(cause, Misfit) else ():
        yield {**found, "ctx": {"error": one}}


def _words(
    shape: type[Shape], found: ErrorDetails, path: tuple[int | str, ...], *, credentials: bool
) -> tuple[str, str]:
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
        if isinstance(value, str) and not (credentials and sounds_secret(last)):
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
    return list(kind.names()) if isinstance(kind, type) and issubclass(kind, Shape) else []


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
    if get_origin(annotation) in {dict, tuple, Literal} or not get_args(annotation):
        return annotation
    if get_origin(annotation) is Annotated:
        return _unwrapped(get_args(annotation)[0])
    inner = [_unwrapped(argument) for argument in get_args(annotation)]
    shapes = (kind for kind in inner if isinstance(kind, type) and issubclass(kind, BaseModel))
    generic = (kind for kind in inner if get_origin(kind) in {dict, tuple})
    return next(shapes, None) or next(generic, inner[0])
