"""What was found in a call, as the rest of the house speaks of it: a refusal, warnings, and the trace.

Detectors and how often they spoke are told; what they found is not. The trace says the same in every mode.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from proxy.domain.decision import Decision, Denial, Inspection, Kind, Warned
from proxy.policy.content.ruling import Looked

_DONE = {"prompt": "nothing was forwarded", "answer": "it is withheld, and was generated and counted all the same"}


def judged(decision: Decision, looked: Looked, place: str) -> Decision:
    """The decision with what was found in ``place``: it refuses, where a rule in force denies what was found."""
    if not looked.found:
        return decision
    told = {wish.rule: f"found {words}" for wish, words in _told(looked, place)}
    denials = [_denial(wish, words, place) for wish, words in _told(looked, place) if _denies(wish)]
    warnings = [_warning(wish, words) for wish, words in _told(looked, place) if wish.mode == "warn"]
    return _with(decision, sorted(denials, key=_by_rule), sorted(warnings, key=_by_rule), told)


def _by_rule(one: Denial | Warned) -> str:
    return one.rule


def judged_unread(decision: Decision, wishes: Iterable[Inspection], why: str, place: str) -> Decision:
    """The decision about what rules must look through and nobody here can read: those in force refuse it."""
    text = f"looks through every {place}, and this one cannot be read here: {why}"
    denials, warnings = [], []
    for wish in sorted(wishes, key=lambda one: one.rule):
        if wish.mode == "enforce":
            told = _with_words(f"{wish.rule} {text}; {_DONE[place]}.", wish)
            denials.append(Denial(wish.rule, Kind.CONTENT, told, wish.place, wish.owner))
        elif wish.mode == "warn":
            warnings.append(Warned(wish.rule, f"{wish.rule} would refuse: it {text}"))
    return _with(decision, denials, warnings, {wish.rule: f"{place} not read: {why}" for wish in wishes})


def _with(
    decision: Decision, denials: Sequence[Denial], warnings: Sequence[Warned], told: Mapping[str, str]
) -> Decision:
    """The decision with what is told of rules, by their names."""
    trace = [
        msgspec.structs.replace(note, detail=f"{note.detail}; {told[note.rule]}") if note.rule in told else note
        for note in decision.trace
    ]
    return msgspec.structs.replace(
        decision,
        denials=(*decision.denials, *denials),
        warnings=(*decision.warnings, *warnings),
        trace=tuple(trace),
    )


def _told(looked: Looked, place: str) -> Iterator[tuple[Inspection, str]]:
    """Each wish that found something, with what: ``secrets.jwt and pii.email (3 times) in the prompt``."""
    for (wish, names), counts in zip(looked.found, looked.counts, strict=True):
        parts = [name if count == 1 else f"{name} ({count} times)" for name, count in zip(names, counts, strict=True)]
        listed = ", ".join(parts[:-1]) + (" and " if parts[:-1] else "") + parts[-1]
        yield wish, f"{listed} in the {place}"


def _denies(wish: Inspection) -> bool:
    return wish.mode == "enforce" and wish.then == "deny"


def _denial(wish: Inspection, words: str, place: str) -> Denial:
    text = f"{wish.rule} found {words}; {_DONE[place]}."
    return Denial(wish.rule, Kind.CONTENT, _with_words(text, wish), wish.place, wish.owner)


def _warning(wish: Inspection, words: str) -> Warned:
    would = "refuse" if wish.then == "deny" else "redact"
    return Warned(wish.rule, f"{wish.rule} would {would}: found {words}")


def _with_words(text: str, wish: Inspection) -> str:
    """Add the rule's own words, and whom to ask."""
    return " ".join(filter(None, [text, wish.message, f"Ask {wish.owner}." if wish.owner else ""]))
