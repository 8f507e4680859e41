"""What the rules say to a call, for people and programs: the outcome, then a line for each rule that is about it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from proxy.app.trial.reuse import Reusable
from proxy.cli.policy.asking import Answer
from proxy.domain.decision import Obligation
from proxy.domain.meter import MeterKind
from proxy.domain.money import format_usd
from proxy.domain.trace import Note, Said
from proxy.policy.amount_words import limit_text
from proxy.policy.explain import resets, reuse_words, why
from proxy.policy.levels import Reading

_APART = ("checked ", "audit ", "aside ", "failed ", "lifted ")  # told rule by rule here
_CACHE = "  cache  "
_WORDS = {
    Said.OK: ("passes", "passes"),
    Said.DENY: ("refuses: ", "would refuse: "),
    Said.CLAMP: ("lowers the ", "would lower the "),
    Said.ROUTE: ("sends it ", "would send it "),
    Said.INSPECT: ("looks for ", "looks for "),
    Said.CACHE: ("sets the cache: ", "would set the cache: "),
    Said.WASTE: ("acts: ", "would act: "),
    Said.ASIDE: ("its condition does not hold", "its condition does not hold"),
    Said.FAILED: ("its condition broke: ", "its condition broke: "),
    Said.LIFTED: ("lifted ", "lifted "),
}


def lines(answer: Answer) -> Iterator[str]:
    """Plain words, a line each."""
    yield from _question(answer)
    yield ""
    for line in answer.outcome.lines():
        if not line.startswith(_APART):
            yield line
        if line.startswith(_CACHE) and answer.reusable is not None:
            yield f"  prompt {answer.reusable.words}"
    if (error := answer.outcome.error) is not None and not answer.outcome.refusing:
        yield f"refused {error.status}  {error.message}"
    rows = list(_rules(answer))
    if not rows:
        yield "no rule is about this call"
        return
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    yield ""
    for row in rows:
        head = "  ".join(cell.ljust(width) for cell, width in zip(row[:4], widths, strict=True))
        yield f"{head}  {row[4]}".rstrip()
    if any(wish.kind for wish in answer.outcome.decision.obligations) and not answer.live:
        yield ""
        yield "Counters are taken as unused; --live reads those of the running store."


def document(answer: Answer) -> dict[str, Any]:
    """Everything, for programs; money as text with its sign, as people read it."""
    outcome, facts = answer.outcome, answer.asked.facts
    who = answer.asked.case.asker
    error = outcome.error
    return {
        "asks": {
            "user": who.user or None,
            "key": who.key or None,
            "team": who.team or None,
            "project": facts.project,
            "groups": list(facts.groups),
            "model": facts.model,
            "upstream": facts.upstream,
            "endpoint": facts.endpoint,
            "input_tokens": facts.input_tokens,
            "max_output_tokens": facts.max_output,
            "cost": _usd(facts.cost_nusd),
            "at": _time(facts.clock),
        },
        "assumed": list(answer.assumed),
        "live": answer.live,
        "allow": outcome.admitted,
        "status": outcome.status,
        "refused_by": list(outcome.refusing),
        "error": None if error is None else {
            "code": error.code, "message": error.message, "retry_after_s": error.retry_after_s,
        },
        "route": outcome.route,
        "max_output_tokens": outcome.max_output,
        "cache": outcome.cache,
        "reuse": _reuse(answer.reusable),
        "found": sorted(outcome.detectors),
        "warnings": sorted(outcome.warned),
        "why": list(outcome.lines()),
        "rules": [
            {"rule": row[0], "verb": row[1], "mode": row[2], "place": row[3], "says": row[4]} for row in _rules(answer)
        ],
    }  # fmt: skip


def _reuse(found: Reusable | None) -> dict[str, Any] | None:
    """What the cache would do; null where it is off, the call is refused, or no prompt was given."""
    if found is None:
        return None
    terms = found.terms
    return {
        "eligible": not found.bypass,
        "bypass": found.bypass or None,
        "compared": found.compared or None,
        "why": found.why,
        "share": terms.share,
        "shared_by": found.shared_by,
        "ttl_s": terms.ttl_s,
        "shadow": terms.shadow,
    }


def _question(answer: Answer) -> Iterator[str]:
    who, facts = answer.asked.case.asker, answer.asked.facts
    parts = [
        who.user,
        f"team {who.team}" if who.team else "",
        f"key {who.key}" if who.key else "",
        f"project {who.project}" if who.project else "",
        f"groups {', '.join(who.groups)}" if who.groups else "",
    ]
    yield f"who   {', '.join(filter(None, parts))}"
    output = f", at most {facts.max_output:,} out" if facts.max_output is not None else ""
    yield (
        f"asks  {facts.model} of {facts.upstream} at {facts.endpoint}: {facts.input_tokens:,} tokens in{output}, "
        + (f"about {_usd(facts.cost_nusd)}" if facts.cost_nusd or answer.asked.weighed.price else "without a price")
    )
    yield f"at    {_time(facts.clock)}"
    yield from (f"taken {remark}" for remark in answer.assumed)


def _rules(answer: Answer) -> Iterator[tuple[str, str, str, str, str]]:
    """Rule, verb, mode, place and what it says; a rate of two units says two things."""
    outcome = answer.outcome
    seen = {_meter(one.wish): one for one in outcome.seen}
    found = {wish.rule: names for wish, names in outcome.found}
    for note in sorted(outcome.decision.trace, key=lambda one: one.rule):
        head = (note.rule, note.verb, note.mode, note.place)
        meters = [wish for wish in outcome.decision.obligations if wish.rule == note.rule]
        if note.said is not Said.METER:
            told = _said(note)
            if note.said is Said.INSPECT and outcome.admitted:
                told += "; nothing found" if note.rule not in found else ""
            terms = outcome.decision.reuse
            if terms is not None and terms.rule == note.rule and terms.mode != "off":
                told += f": {reuse_words(terms)}"
            yield (*head, told)
        for wish in meters:
            yield (*head, _counts(wish, seen.get(_meter(wish)), outcome.now_us))


def _said(note: Note) -> str:
    felt, unfelt = _WORDS[note.said]
    warns = "warns only: " if note.mode == "warn" and unfelt != felt else ""
    return f"{warns}{felt if note.mode == 'enforce' else unfelt}{note.detail}"


def _meter(wish: Obligation) -> tuple[str, str, int]:
    return wish.rule, wish.unit, wish.span_s


def _counts(wish: Obligation, one: Reading | None, now_us: int) -> str:
    if one is None:
        period = f" per {wish.period}" if wish.kind is MeterKind.BUDGET else ""
        return f"{limit_text(wish)}{period}; not asked, for the call is refused before"
    over = "" if not one.level.over else "NO ROOM: " if wish.enforce else "past its limit, and lets it pass: "
    later = resets(one, now_us) if wish.kind is MeterKind.BUDGET or one.level.over else ()
    return "; resets ".join([f"{over}{why(one)}", *(text if over else text.partition(";")[0] for text in later)])


def _usd(nusd: int) -> str:
    """Dollars to six decimals."""
    return f"${format_usd(nusd)}"


def _time(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"
