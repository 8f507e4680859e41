"""A caller's JSON, read strictly: what is forwarded must mean to every reader what it meant to us.

Duplicate members, NaN, bad UTF-8 and deep nesting are refused, because the next parser may read them otherwise
(RFC 8259, sections 4 and 9). Errors name a position, never the text that stands there: it is a prompt.
"""

from __future__ import annotations

import re
from typing import Any, Final

import jiter

from proxy.domain.errors import BadRequest

MAX_DEPTH = 64  # containers with something in them
_JITER_DEPTH = 200  # the same for jiter, which refuses the next one
_SMALL = 4096  # bytes; counting brackets is cheaper than the detour below
_LARGE = 128 * 1024  # bytes; copying costs more than walking the containers
_PADDING = _JITER_DEPTH - MAX_DEPTH
_OPEN, _CLOSE = b"[" * _PADDING, b"]" * _PADDING
_CONTAINERS = frozenset((dict, list))
_BIGGEST = 2**63 - 1
_POSITION = re.compile(r"at line \d+ column \d+$")
_REASONS = (
    "Detected duplicate key",
    "EOF while parsing",
    "expected value",
    "invalid unicode code point",
    "number out of range",
    "invalid number",
    "key must be a string",
    "trailing comma",
    "trailing characters",
    "control character",
)
# Members that decide what a call may cost, and what is written into it.
DECISIVE: Final = frozenset(
    {
        "model",
        "stream",
        "stream_options",
        "n",
        "max_tokens",
        "max_completion_tokens",
        "max_output_tokens",
        "service_tier",
    }
)


def parse(body: bytes) -> dict[str, Any]:
    """The object that ``body`` holds.

    Raises ``BadRequest`` (code ``invalid_json``) with line and column when it is not strict JSON, nests deeper than
    ``MAX_DEPTH`` containers, or is no object.
    """
    size = len(body)
    if size > _LARGE:
        tree = _read(body)
        deep = _deeper(tree)
    elif size > _SMALL or body.count(b"{") + body.count(b"[") > MAX_DEPTH:
        tree, deep = _read_padded(body)
    else:
        tree, deep = _read(body), False
    if deep:
        raise BadRequest(f"The body nests deeper than {MAX_DEPTH} levels.", code="invalid_json")
    if type(tree) is not dict:
        raise BadRequest("The body must be a JSON object.", code="invalid_json")
    return tree


def _read(body: bytes) -> Any:
    try:
        return jiter.from_json(body, catch_duplicate_keys=True, allow_inf_nan=False)
    except ValueError as problem:
        raise BadRequest(_told(str(problem)), code="invalid_json") from None


def _read_padded(body: bytes) -> tuple[Any, bool]:
    """The value of ``body``, and whether it is too deep, which jiter finds out in C when part of its depth is used up.

    Each list of the padding must have come back with one element: a body that closes one and opens another is no JSON.
    """
    try:
        tree = jiter.from_json(_OPEN + body + _CLOSE, catch_duplicate_keys=True, allow_inf_nan=False)
        for _ in range(_PADDING):
            (tree,) = tree
    except ValueError:
        return _read(body), True  # of two faults the malformed text is told first, with its true position
    return tree, False


def _deeper(tree: Any) -> bool:
    level = [tree] if tree and type(tree) in _CONTAINERS else []
    for _ in range(MAX_DEPTH):
        level = [
            part
            for container in level
            for part in (container.values() if type(container) is dict else container)
            if part and type(part) in _CONTAINERS
        ]
        if not level:
            return False
    return True


def _told(problem: str) -> str:
    """The parser's words without the caller's: a duplicate's name stays out."""
    if problem.startswith("recursion limit"):
        return f"The body nests deeper than {MAX_DEPTH} levels."
    position = _POSITION.search(problem)
    reason = next((known for known in _REASONS if problem.startswith(known)), "malformed")
    reason = "a member appears twice" if reason.startswith("Detected") else reason
    return f"The body is not valid JSON: {reason} {position.group() if position else ''}".rstrip() + "."


def string(members: dict[str, Any], name: str) -> str | None:
    """The string member ``name``, None when absent or null. Raises ``BadRequest`` with ``param``."""
    value = members.get(name)
    if value is None or type(value) is str:
        return value
    raise _mistyped(name, "a string")


def text(members: dict[str, Any], name: str) -> str:
    """The string member ``name``, which must be there and not empty. Raises ``BadRequest`` with ``param``."""
    value = members.get(name)
    if type(value) is str and value:
        return value
    raise _mistyped(name, "a non-empty string")


def exactly_spelled(members: dict[str, Any], known: frozenset[str] = DECISIVE) -> None:
    """Refuse a known member in other letters: a server written in Go would take ``Model`` for ``model``, and we would not.

    (``encoding/json``: "preferring exact matches but also accepting case-insensitive matches", the last one wins; Ollama and
    LocalAI read requests so.) Raises ``BadRequest`` with ``param``.
    """
    if all(map(str.islower, members)) and all(
        map(str.isascii, members)
    ):  # the long s is lower case, too, and folds to `s`
        return
    for name in members:
        if name not in known and (meant := name.casefold()) in known:
            raise BadRequest(f"Write '{meant}' in lower case.", param=meant, code="invalid_member")


def boolean(members: dict[str, Any], name: str) -> bool:
    """The boolean member ``name``, False when absent or null. Raises ``BadRequest`` with ``param``."""
    value = members.get(name)
    if value is None or type(value) is bool:
        return bool(value)
    raise _mistyped(name, "true or false")


def integer(members: dict[str, Any], name: str, *, least: int = 1) -> int | None:
    """The integer member ``name``, None when absent or null. Raises ``BadRequest`` with ``param`` below ``least``."""
    value = members.get(name)
    if value is None:
        return None
    if type(value) is int and least <= value <= _BIGGEST:
        return value
    raise _mistyped(name, f"an integer from {least} on")


def mapping(members: dict[str, Any], name: str) -> dict[str, Any]:
    """The object member ``name``, empty when absent or null. Raises ``BadRequest`` with ``param``."""
    value = members.get(name)
    if value is None:
        return {}
    if type(value) is dict:
        return value
    raise _mistyped(name, "an object")


def _mistyped(name: str, expected: str) -> BadRequest:
    return BadRequest(f"'{name}' must be {expected}.", param=name, code="invalid_type")
