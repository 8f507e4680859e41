"""What loads and was perhaps not meant: exemptions that end, limits nothing fits, models nobody can call, untested rules.

Remarks are told by ``policy validate``; they stop nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import combinations
from typing import Final

import msgspec

from proxy.config.directory import Directory
from proxy.domain.meter import Unit
from proxy.policy.amount_words import amount_text
from proxy.policy.case import Case
from proxy.policy.conflicts import together
from proxy.policy.documents.limits import bucket
from proxy.policy.globs import any_meet
from proxy.policy.loaded import Level, Remark
from proxy.policy.overlap import can_meet
from proxy.policy.places import Place
from proxy.policy.reach import covers, denied, unconditional
from proxy.policy.read_exemption import PlacedExemption
from proxy.policy.read_policy import Placed
from proxy.policy.rule import Mode
from proxy.policy.sums import overcommitted
from proxy.policy.terms import Budget, Cap, Models, Rate, Route

SOON_S: Final = 3 * 86_400


class Everything(msgspec.Struct, frozen=True):
    """What was loaded, and when."""

    rules: Sequence[Placed]
    exemptions: Sequence[PlacedExemption]
    cases: Sequence[Case]
    directory: Directory
    now: float


def remarks(all_of_it: Everything, *, notes: bool) -> tuple[Remark, ...]:
    """List every warning, and every note if ``notes``, in the order of files and lines."""
    found = [
        *_endings(all_of_it),
        *_idle_exemptions(all_of_it),
        *_narrow_buckets(all_of_it.rules),
        *_empty_allowances(all_of_it),
        *_unreachable(all_of_it),
        *_overcommitted(all_of_it),
        *(_untested(all_of_it) if notes else ()),
    ]
    return tuple(sorted(found, key=lambda one: (one.problem.file, one.problem.line, one.problem.col)))


def _warning(place: Place, message: str, hint: str, *below: int | str) -> Remark:
    return Remark(Level.WARNING, place.problem(message, hint, below))


def _endings(loaded: Everything) -> Iterator[Remark]:
    for one in loaded.exemptions:
        until, place = one.exemption.until, Place(one.place.source)
        if until <= loaded.now:
            yield _warning(place, f"exemption {one.exemption.name} ended {_day(until)}", "remove it", "until")
        elif until - loaded.now < SOON_S:
            hint = "those it helps should know"
            yield _warning(place, f"exemption {one.exemption.name} ends soon, {_day(until)}", hint, "until")
    for rule in loaded.rules:
        if rule.rule.until is not None and rule.rule.until <= loaded.now:
            yield _warning(rule.place, f"{rule.rule.id} ended {_day(rule.rule.until)}", "remove it", "until")


def _idle_exemptions(loaded: Everything) -> Iterator[Remark]:
    by_id = {one.rule.id: one.rule for one in loaded.rules}
    for one in loaded.exemptions:
        for named in sorted(one.exemption.lift | {rule for rule, _ in one.exemption.grant}):
            rule = by_id.get(named)
            if rule and not can_meet((*rule.match, one.exemption.match), loaded.directory):
                place = Place(one.place.source)
                yield _warning(place, f"{named} holds for nobody that match: names", "then it exempts nothing", "match")


def _narrow_buckets(rules: Iterable[Placed]) -> Iterator[Remark]:
    """GCRA can never admit what is larger than its bucket."""
    caps = [one.rule.terms for one in rules if isinstance(one.rule.terms, Cap) and unconditional(one.rule)]
    inputs = [cap.max_input_tokens for cap in caps if cap.max_input_tokens is not None]
    outputs = [cap.max_output_tokens for cap in caps if cap.max_output_tokens is not None]
    if not inputs:
        return
    largest = min(inputs) + (min(outputs) if outputs else 0)
    for one in rules:
        terms = one.rule.terms
        if isinstance(terms, Rate):
            for pace in terms.paces:
                room = bucket(pace, terms.burst_millionths)
                if pace.unit == "tokens" and room < largest:
                    message = f"lets {room} tokens pass at once; a call may have {largest}, which can never pass"
                    yield _warning(one.place, message, "raise the limit or burst:, or lower the caps", "rate")


def _empty_allowances(loaded: Everything) -> Iterator[Remark]:
    lists = [
        (one, one.rule.terms.allow)
        for one in loaded.rules
        if isinstance(one.rule.terms, Models) and one.rule.terms.allow is not None and one.rule.mode is not Mode.AUDIT
    ]
    for (first, some), (second, others) in combinations(lists, 2):
        if not any_meet(some, others) and together(first.rule, second.rule, loaded.directory):
            message = f"allows nothing that {first.rule.id} ({first.rule.place}) allows, too"
            yield _warning(
                second.place, message, "allow lists intersect: nobody under both can call anything", "models"
            )


def _unreachable(loaded: Everything) -> Iterator[Remark]:
    bans = [one.rule for one in loaded.rules if isinstance(one.rule.terms, Models) and unconditional(one.rule)]
    for one in loaded.rules:
        models = [glob for part in one.rule.match for glob in part.models]
        for ban in bans:
            if models and covers(ban, models):
                message = f"is never reached: {ban.id} ({ban.place}) denies all of these models"
                yield _warning(one.place, message, "", "match")
                break
        for target in _targets(one):
            closed = next((ban for ban in bans if denied(ban, target)), None)
            if closed is not None:
                message = f"routes to {target}, which {closed.id} ({closed.place}) does not allow"
                yield _warning(one.place, message, "route to a model that is allowed", one.rule.verb)


def _targets(one: Placed) -> Iterator[str]:
    terms = one.rule.terms
    route = terms if isinstance(terms, Route) else terms.when_spent if isinstance(terms, Budget) else None
    if isinstance(route, Route):
        yield from dict.fromkeys(model for _, model in route.to)


def _overcommitted(loaded: Everything) -> Iterator[Remark]:
    places = {one.rule.id: one.place for one in loaded.rules}
    for one in overcommitted([placed.rule for placed in loaded.rules], loaded.directory):
        teams, limit = amount_text(Unit.NUSD, one.sum_nusd), amount_text(Unit.NUSD, one.limit_nusd)
        message = f"allows {limit}, and the budgets of {len(one.teams)} teams allow {teams} together"
        yield _warning(
            places[one.rule.id], message, "not every team can spend its own: raise it, or lower theirs", "budget"
        )


def _untested(loaded: Everything) -> Iterator[Remark]:
    tested = {rule for case in loaded.cases for rule in case.rules()}
    for one in loaded.rules:
        if one.rule.id not in tested:
            yield Remark(Level.NOTE, one.place.problem(f"no test names {one.rule.id}", "", ("name",)))


def _day(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d}"
