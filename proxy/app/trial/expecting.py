"""What a test expects against what came of it."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Final

from proxy.app.trial.outcome import Outcome
from proxy.policy.case import Case

_COMPARE: Final[Mapping[str, Callable[[float, float], bool]]] = MappingProxyType(
    {"<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt, "==": operator.eq}
)
_GROUP_ENDS: Final = "."


def disagreements(case: Case, got: Outcome) -> Iterator[str]:
    """Say what came out otherwise, a line each: ``deny: expected org/a, got org/b``. What is left out is not looked at."""
    want = case.expected
    plain = (
        ("allow", want.allow, got.admitted),
        ("status", want.status, got.status),
        ("route", want.route, got.route),
        ("max_output_tokens", want.max_output_tokens, got.max_output),
        ("cache", want.cache, got.cache),
    )
    if want.deny is not None and want.deny not in got.refusing:
        yield _said("deny", want.deny, ", ".join(got.refusing) or "no refusal by a rule")
    yield from (_said(name, _word(one), _word(other)) for name, one, other in plain if one is not None and one != other)
    for name, rules, others in (("warn", want.warn, got.warned), ("audit", want.audit, got.unfelt)):
        if rules is not None and frozenset(rules) != others:
            yield _said(name, _listed(rules), _listed(others))
    if want.notes is not None and not got.speaking.issuperset(want.notes):
        yield _said("notes", f"{_listed(want.notes)} among others", _listed(got.speaking))
    if want.found is not None and not _finds(want.found, got.detectors):
        yield _said("found", _listed(want.found), _listed(got.detectors))
    yield from _waits(case, got)


def _finds(wanted: Iterable[str], found: frozenset[str]) -> bool:
    """Tell whether everything wanted was found and nothing else. ``pii`` stands for any of its detectors."""
    wanted = tuple(wanted)
    every = all(any(_is(name, one) for name in found) for one in wanted)
    return every and all(any(_is(name, one) for one in wanted) for name in found)


def _is(name: str, wanted: str) -> bool:
    return wanted in (name, name.partition(_GROUP_ENDS)[0])


def _waits(case: Case, got: Outcome) -> Iterator[str]:
    if case.expected.retry_after is None:
        return
    comparison, seconds = case.expected.retry_after
    wait_s = got.error.retry_after_s if got.error else None
    if wait_s is None or not _COMPARE[comparison](wait_s, seconds):
        told = "no wait that helps" if wait_s is None else f"{wait_s:g}s"
        yield _said("retry_after", f"{comparison} {seconds:g}s", told)


def _said(name: str, want: str, got: str) -> str:
    return f"{name}: expected {want}, got {got}"


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) or value is None else str(value)


def _listed(names: Iterable[str]) -> str:
    return f"[{', '.join(sorted(names))}]"
