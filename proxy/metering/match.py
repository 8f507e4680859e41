"""Model names against the clauses of the price table, as genai-prices matches them: the first model that fits wins.

A clause is a JSON list: ``["=", a, b…]`` equal to one of them, ``["^", a]`` begins with, ``["$", a]`` ends with,
``["*", a]`` contains, ``["~", regex]``, ``["|", clause…]`` any, ``["&", clause…]`` all. Names are in lower case.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import Any, Final

Clause = list[Any]
Test = Callable[[str], bool]

_COMPACT_DATE: Final = re.compile(r"-(20\d{2})(\d{2})(\d{2})(?=-|:|$)")
_GEOGRAPHY: Final = re.compile(r"[a-z]{2}(?:-gov|ac)?\.(?=[a-z0-9-]+\.)")  # eu., apac., us-gov. before vendor and model
_SOLD_AS: Final = re.compile(r"(?:global|[a-z]{2}(?:-gov|ac)?)\.[a-z0-9-]+\.")
_LATEST: Final = re.compile(r"[-@:]latest\Z")
_AT_DATE: Final = re.compile(r"@(?=20\d{6}\Z)")  # Vertex AI's way of writing what Anthropic ends in "-20250929"
_VERSION: Final = re.compile(  # a lone digit is a new model's: claude-opus-4-1 is not claude-opus-4
    r"(?:[-@:](?:\d[\d.]+|v\d+|latest|preview)|:\d)*"
)
_VERSIONED: Final = re.compile(r"(?:-v\d+)?(?::[a-z0-9]+)*")  # what ends an id of Bedrock


def compile_clause(clause: Clause) -> Test:
    """Make a test for names in lower case. Raises ``ValueError`` for a clause of no known kind."""
    kind, *rest = clause
    if kind == "~":
        search = re.compile(rest[0]).search
        return lambda name: search(name) is not None
    if kind in ("|", "&"):
        tests = [compile_clause(part) for part in rest]
        combine = any if kind == "|" else all
        return lambda name: combine(test(name) for test in tests)
    words = [word.lower() for word in rest]
    word = words[0]
    if kind == "=":
        return frozenset(words).__contains__
    if kind == "^":
        return lambda name: name.startswith(word)
    if kind == "$":
        return lambda name: name.endswith(word)
    if kind == "*":
        return lambda name: word in name
    raise ValueError(f"{kind!r} is no kind of clause")


def dashed_date(name: str) -> str:
    """Rewrite ``gpt-5.2-20251211`` as ``gpt-5.2-2025-12-11``: gateways write dates without dashes."""

    def dashed(found: re.Match[str]) -> str:
        try:
            day = date(int(found[1]), int(found[2]), int(found[3]))
        except ValueError:
            return found[0]
        return f"-{day.isoformat()}"

    return _COMPACT_DATE.sub(dashed, name)


def spellings(name: str) -> Iterator[str]:
    """Give the names, in lower case, under which a model may be listed, the truest first.

    Bedrock's models have ids behind an ARN and within a geography, whose price is that of the region; only ``global.``
    has prices of its own.
    """
    bare = _without_arn(name)
    yield bare
    if (dashed := dashed_date(bare)) != bare:
        yield dashed
    if (place := _GEOGRAPHY.match(bare)) is not None:
        yield bare[place.end() :]


def is_same(asked: str, served: str) -> bool:
    """Tell whether a model calls itself ``served`` that was asked for as ``asked``: Bedrock's ids say more than its vendors."""
    if served == asked:
        return True
    if not served or served not in asked:
        return False
    before, _, after = _without_arn(asked).rpartition(served)
    return (before.endswith(".") and "/" not in before) and _VERSIONED.fullmatch(after) is not None


def is_version(asked: str, served: str) -> bool:
    """Tell whether ``served`` is ``asked``, or one dated or numbered version of it: no other model stood in for it.

    ``gpt-5`` is answered by ``gpt-5-2025-08-07``, and ``mistral-large-latest`` by ``mistral-large-2411``, but ``gpt-5-mini``
    is another model. What is not sure is no version.
    """
    if is_same(asked, served):
        return True
    wanted = _AT_DATE.sub("-", _LATEST.sub("", _without_arn(asked).rpartition("/")[2].lower()))
    given = _without_arn(served).rpartition("/")[2].lower()
    return given.startswith(wanted) and _VERSION.fullmatch(given, len(wanted)) is not None


def sold_as(asked: str, served: str) -> str:
    """Name the model that answered as it is sold where ``asked`` was: within the same geography, by the same vendor."""
    prefix = _SOLD_AS.match(_without_arn(asked))
    return served if prefix is None or "." in served or "/" in served else prefix[0] + served


def _without_arn(name: str) -> str:
    """Give what is last in an ARN."""
    return name.rpartition("/")[2] if name.startswith("arn:") else name


class NameIndex:
    """Positions of models by name. Plain names are looked up; only models before a hit are tried one by one."""

    __slots__ = ("_exact", "_tests")

    def __init__(self, clauses: Sequence[Clause]) -> None:
        self._exact: dict[str, int] = {}
        self._tests: list[tuple[int, Test]] = []
        for position, clause in enumerate(clauses):
            for part in clause[1:] if clause[0] == "|" else [clause]:
                if part[0] == "=":
                    for name in part[1:]:
                        self._exact.setdefault(name.lower(), position)
                else:
                    self._tests.append((position, compile_clause(part)))

    def find(self, name: str) -> int | None:
        """Find the position of the first model that a name in lower case fits."""
        hit = self._exact.get(name)
        for position, test in self._tests:
            if hit is not None and position >= hit:
                break
            if test(name):
                return position
        return hit
