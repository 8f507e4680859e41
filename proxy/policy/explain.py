"""A decision in plain words, line by line: for the command line, ``/v1/policy/decisions/{id}`` and whoever was refused.

Which rule, where it stands, the numbers, when it resets, whom to ask, what would be allowed. No name of a person, no
prompt: the reader is the one who called, or may read the policies anyway.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from proxy.domain.decision import Decision, Denial, Kind, Obligation, Reuse
from proxy.domain.meter import MeterKind, Unit
from proxy.domain.trace import Note, Said
from proxy.policy.amount_words import amount_text, limit_text, scope_text, span_text
from proxy.policy.levels import Reading
from proxy.policy.levels import warnings as meter_warnings
from proxy.policy.periods import period_at

_MICRO = 1_000_000
_LONG_WAIT_S = 60
_STATUS = {Kind.FORBIDDEN: 403, Kind.TAGS: 400, Kind.CAP: 400, Kind.CONTENT: 400}
_QUIET = (Said.OK, Said.ASIDE)


def explain(decision: Decision, seen: Sequence[Reading] = (), now_us: int = 0) -> tuple[str, ...]:
    """The lines. ``seen``: the meters as the store answered, with its clock; without them only rules are told."""
    trace = sorted(decision.trace, key=lambda note: note.rule)
    over = [one for one in seen if one.level.over and one.wish.enforce]
    lines = [*_refused(decision, decision.denials, over, now_us)]
    if not lines:
        lines = [_head("admitted", "", "", decision), *_changes(decision)]
    lines += [f"warning  {one.rule}: {one.text}" for one in (*decision.warnings, *meter_warnings(seen))]
    lines += _list("checked", _checked(decision, trace, seen))
    lines += _list("audit", _unfelt(decision, trace, seen))
    lines += _list("aside", [f"{note.rule} ({note.place})" for note in trace if note.said is Said.ASIDE])
    lines += _list("failed", [f"{note.rule}: {note.detail}" for note in trace if note.said is Said.FAILED])
    lines += _list("lifted", [f"{note.rule} {note.detail}" for note in trace if note.said is Said.LIFTED])
    return tuple(lines)


def _refused(decision: Decision, denials: Iterable[Denial], over: Iterable[Reading], now_us: int) -> Iterator[str]:
    for denial in denials:
        yield _head(f"refused {_STATUS[denial.kind]}", denial.rule, denial.place, decision)
        yield f"  why    {denial.message}"
        if denial.allowed:
            yield f"  passes {denial.allowed}"
        yield f"  ask    {denial.owner}"
    if decision.denials:
        return  # nothing was held, so what meters said is of no moment
    for one in over:
        yield _head("refused 429", one.wish.rule, one.wish.place, decision)
        yield f"  why    {why(one)}"
        yield from (f"  resets {text}" for text in resets(one, now_us))
        if one.wish.message:
            yield f"  says   {one.wish.message}"
        if one.wish.owner:
            yield f"  ask    {one.wish.owner}"


def why(one: Reading) -> str:
    """The numbers of a meter: what is used, what is allowed, what the call would take."""
    wish, used = one.wish, amount_text(one.wish.unit, one.level.level)
    who = scope_text(wish)
    have = "have" if who == "you" else "has"
    if wish.kind is MeterKind.BUDGET:
        takes = amount_text(wish.unit, one.amount)
        period = "in all" if wish.period == "total" else f"this {wish.period}"
        return f"{who} {have} {used} of {limit_text(wish)} spent or held {period}; this call holds {takes}"
    if wish.kind is MeterKind.PARALLEL:
        return f"{who} {have} {used} calls running of {wish.limit:,}"
    takes = f"{one.amount:,} {wish.unit}"
    if one.amount > wish.limit:
        return f"this call takes {takes}; {limit_text(wish)} lets at most {wish.limit:,} pass at once"
    return f"{who} {have} used {used} of {wish.limit:,} {wish.unit} at {limit_text(wish)}; this call takes {takes}"


def resets(one: Reading, now_us: int) -> Iterator[str]:
    """When there is room again, and whether waiting for it makes sense; nothing where there never is."""
    wish = one.wish
    if wish.kind is MeterKind.BUDGET:
        period = period_at(wish.period, wish.timezone, now_us)
        if period.resets_at is not None:
            at = datetime.fromisoformat(period.resets_at)
            left = span_text(period.end - now_us / _MICRO)
            yield f"{at:%Y-%m-%d %H:%M} {wish.timezone} (in {left}); retrying before does not help"
        return
    if one.level.wait_us < 0:
        yield "never: waiting does not help"
        return
    seconds = one.level.wait_us / _MICRO
    at = datetime.fromtimestamp((now_us + one.level.wait_us) / _MICRO, UTC)
    advice = "retry then" if seconds <= _LONG_WAIT_S else "retrying before does not help"
    yield f"{at:%Y-%m-%d %H:%M:%S} UTC (in {span_text(seconds)}); {advice}"


def _head(what: str, rule: str, place: str, decision: Decision) -> str:
    named = f"  {rule}  ({place})" if rule and place else f"  {rule}" if rule else ""
    known = f"  generation {decision.generation}, decision {decision.id}" if decision.id else ""  # else it was no call
    return f"{what}{named}{known}"


def _changes(decision: Decision) -> Iterator[str]:
    if decision.route:
        yield f"  goes   to {decision.route.model} instead of {decision.route.asked}, by {decision.route.rule}"
    if decision.max_output is not None:
        yield f"  output at most {decision.max_output:,} tokens"
    if decision.reuse is not None and decision.reuse.mode != "off":
        yield f"  cache  {reuse_words(decision.reuse)}, by {decision.reuse.rule}"


def reuse_words(terms: Reuse) -> str:
    """What a rule lets be answered from the cache."""
    same = "means provably the same" if terms.mode == "near" else "is the same byte for byte"
    whose = "the caller asked" if terms.share == "user" else f"the {terms.share} asked"
    does = "would be answered as before; only counted" if terms.shadow else "is answered as before, at no cost"
    return f"what {same} as {whose} within {span_text(terms.ttl_s)} {does}"


def _checked(decision: Decision, trace: Iterable[Note], seen: Iterable[Reading]) -> Iterator[str]:
    levels = {_meter(one.wish): one for one in seen}
    for note in trace:
        if note.mode != "audit" and note.said not in (Said.ASIDE, Said.FAILED, Said.LIFTED, Said.METER):
            told = "ok" if note.said is Said.OK else note.detail
            yield f"{note.rule} {told}{'' if note.mode == 'enforce' else ' (warns only)'}"
    for wish in decision.obligations:
        if wish.mode != "audit":
            yield _standing(wish, levels.get(_meter(wish)))


def _meter(wish: Obligation) -> tuple[str, str, int]:
    """Which of a decision's meters it is, whatever its store has added to it."""
    return wish.rule, wish.unit, wish.span_s


def _standing(wish: Obligation, one: Reading | None) -> str:
    named = f"{wish.rule} {wish.unit}" if wish.kind is MeterKind.RATE else wish.rule
    if one is None:
        return f"{named} {limit_text(wish)}"
    wish = one.wish
    if wish.unit is Unit.CALLS:
        return f"{named} {one.level.level:,} of {wish.limit:,}"
    share = one.after * 100 // wish.limit if wish.limit else 100
    over = "" if not one.level.over else " OVER" if wish.enforce else " past its limit, and lets it pass"
    return f"{named} {share}%{over}"


def _unfelt(decision: Decision, trace: Iterable[Note], seen: Iterable[Reading]) -> Iterator[str]:
    """What rules in audit would have done."""
    levels = {_meter(one.wish): one for one in seen}
    for note in trace:
        if note.mode == "audit" and note.said not in (*_QUIET, Said.METER, Said.FAILED, Said.LIFTED):
            yield f"{note.rule} {_would(note)}"
    for wish in decision.obligations:
        one = levels.get(_meter(wish))
        if wish.mode == "audit" and one is not None and one.level.over:
            yield f"{wish.rule} would have refused: {why(one)}"


def _would(note: Note) -> str:
    words = {
        Said.DENY: "would have refused: ",
        Said.CLAMP: "would have lowered the ",
        Said.ROUTE: "would have routed ",
        Said.INSPECT: "would have looked for ",
        Said.CACHE: "would have set the cache: ",
        Said.WASTE: "would have acted: ",
    }
    return f"{words[note.said]}{note.detail}"


def _list(what: str, found: Iterable[str]) -> list[str]:
    told = " · ".join(found)
    return [f"{what:<8} {told}"] if told else []
