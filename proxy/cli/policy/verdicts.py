"""What tests of policies came to, for people, programs and pull requests on GitHub."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from proxy.cli.policy.findings import Format as FindingsFormat
from proxy.cli.policy.findings import Found, written
from proxy.config.problems import Problem

if TYPE_CHECKING:
    from proxy.app.trial.judge import Verdict
    from proxy.policy.rule import Rule


class Format(StrEnum):
    """How results are written."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"


@dataclass(frozen=True, slots=True)
class Results:
    """``unfired``: rules that no test makes act; None where nobody asked."""

    verdicts: tuple[Verdict, ...]
    took_s: float
    unfired: tuple[Rule, ...] | None = None

    @property
    def failed(self) -> tuple[Verdict, ...]:
        """Those that somebody must look at."""
        return tuple(one for one in self.verdicts if not one.good)

    @property
    def mended(self) -> tuple[Verdict, ...]:
        """Those known to fail that pass."""
        return tuple(one for one in self.verdicts if one.passed and one.case.todo)

    @property
    def summary(self) -> str:
        """One line."""
        total, failed, todo = len(self.verdicts), len(self.failed), sum(one.case.todo for one in self.verdicts)
        told = [f"{total - failed - todo:,} passed", f"{failed:,} failed", *([f"{todo:,} todo"] if todo else [])]
        idle = len(self.unfired or ())
        covered = [f"{idle:,} rule{'' if idle == 1 else 's'} that no test fires"] if idle else []
        return f"{', '.join([*told, *covered])} in {self.took_s:.2f} s"


def unfired(rules: Sequence[Rule], verdicts: Sequence[Verdict]) -> tuple[Rule, ...]:
    """The rules that said nothing in any test: neither refused, warned, changed nor counted past a limit."""
    fired = frozenset[str]().union(*[one.outcome.speaking | one.outcome.unfelt for one in verdicts if one.outcome])
    return tuple(rule for rule in rules if rule.id not in fired)


def told(results: Results, form: Format, *, every: bool = False) -> str:
    """Write results; ``every``: those that passed are listed, too, where people read."""
    if form is Format.TEXT:
        return "\n".join(_text(results, every=every))
    return _WRITERS[form](results)


def _text(results: Results, *, every: bool) -> Iterator[str]:
    for one in results.verdicts:
        place = f"{one.case.place}:{one.case.col}"
        if not one.good:
            yield f"FAIL {place}: {one.case.name}"
            yield from (f"  {fault}" for fault in one.faults)
            yield from (f"    {line}" for line in _why(one))
        elif one.case.todo:
            told = "passes now; take todo: away" if one.passed else "fails, as is known"
            yield f"todo {place}: {one.case.name} ({told})"
        elif every:
            yield f"ok   {place}: {one.case.name}"
    for rule in results.unfired or ():
        yield f"no test fires {rule.id} ({rule.place})"
    yield results.summary


def _why(one: Verdict) -> tuple[str, ...]:
    """What the decision says; beside it what a caller is told where no rule refuses."""
    outcome = one.outcome
    if outcome is None:
        return ()
    unruled = outcome.error is not None and not outcome.decision.denials and not outcome.seen
    return (*outcome.lines(), *([f"refused {outcome.status}  {outcome.error}"] if unruled else []))


def _json(results: Results) -> str:
    document = {
        "summary": results.summary,
        "counts": {
            "passed": sum(one.passed and not one.case.todo for one in results.verdicts),
            "failed": len(results.failed),
            "todo": sum(one.case.todo for one in results.verdicts),
        },
        "tests": [_member(one) for one in results.verdicts],
    }
    if results.unfired is not None:
        document["unfired"] = [{"rule": rule.id, "place": rule.place} for rule in results.unfired]
    return json.dumps(document, indent=2, ensure_ascii=False)


def _member(one: Verdict) -> dict[str, Any]:
    file, _, line = one.case.place.rpartition(":")
    found: dict[str, Any] = {
        "name": one.case.name,
        "file": file,
        "line": int(line),
        "col": one.case.col,
        "passed": one.passed,
        "todo": one.case.todo,
        "faults": list(one.faults),
    }
    if (got := one.outcome) is not None:
        found["got"] = {
            "allow": got.admitted,
            "status": got.status,
            "deny": list(got.refusing),
            "route": got.route,
            "warn": sorted(got.warned),
            "audit": sorted(got.unfelt),
            "notes": sorted(got.speaking),
            "found": sorted(got.detectors),
            "max_output_tokens": got.max_output,
            "cache": got.cache,
        }
        found["why"] = list(_why(one))
    return found


def _github(results: Results) -> str:
    found = [Found("error", _problem(one, "; ".join(one.faults))) for one in results.failed]
    found += [Found("warning", _problem(one, "passes now; take todo: away")) for one in results.mended]
    for rule in results.unfired or ():
        file, _, line = rule.place.rpartition(":")
        found.append(Found("note", Problem(file, int(line), 1, rule.id, "no test fires it")))
    return written(found, FindingsFormat.GITHUB, results.summary)


def _problem(one: Verdict, message: str) -> Problem:
    file, _, line = one.case.place.rpartition(":")
    return Problem(file, int(line), one.case.col, one.case.name, message)


_WRITERS: Final[Mapping[Format, Callable[[Results], str]]] = {Format.JSON: _json, Format.GITHUB: _github}
