"""The detectors of a generation: those that its rules look for, compiled when it is loaded."""

from __future__ import annotations

from collections.abc import Iterable

from proxy.policy.content.choice import choose
from proxy.policy.content.contents import Contents
from proxy.policy.content.detector import Detector
from proxy.policy.content.pack import PACK
from proxy.policy.rule import PolicySet
from proxy.policy.terms import Inspect


def detectors_of(said: PolicySet) -> tuple[Detector, ...]:
    """All that rules may name: the pack's and the company's own."""
    return (*PACK, *(said.detectors or ()))


def contents_of(said: PolicySet, before: Contents | None = None) -> Contents:
    """What rules look for, in prompts and in answers; where no rule looks for anything, nothing is compiled.

    Nor is anything where that is what they looked for ``before``: compiling takes up to 0.1 s, and calls wait for it.
    """
    known = detectors_of(said)
    asked = [rule.terms for rule in said.rules if isinstance(rule.terms, Inspect)]
    detectors = _chosen(known, asked)
    streamed = _chosen(known, [one for one in asked if "answer" in one.places])
    if before is not None and before.looks_for(detectors, streamed):
        return before
    return Contents(detectors, streamed=streamed)


def _chosen(known: tuple[Detector, ...], asked: Iterable[Inspect]) -> tuple[Detector, ...]:
    find = sorted({word for terms in asked for word in terms.find})
    return choose(known, find) if find else ()
