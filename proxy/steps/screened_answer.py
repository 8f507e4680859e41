"""An answer on its way to its caller: looked through where rules ask for it, and redacted values put back.

First rules look at what the model wrote, then its placeholders become values again: what a caller sent may come back to
that caller. The tap beside it reads the bytes as they came. Fail-closed: an answer that cannot be read is withheld where
a rule in force must look through it; where values are only to be put back, it passes as it is. Pictures, sounds and other
media are not looked through.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from proxy.domain.decision import Decision, Inspection
from proxy.policy.content.outcome import judged, judged_unread
from proxy.policy.content.ruling import Looked, Ruling
from proxy.policy.content.slices import Slices, at_once
from proxy.policy.content.vault import Vault
from proxy.ports import Answer
from proxy.steps.body_texts import body_texts
from proxy.steps.in_turns import SHORT, Monotonic, Work
from proxy.steps.inflate import Inflater
from proxy.steps.refusal import refused
from proxy.steps.screening import in_force, tell_found
from proxy.steps.visit import Plan, Visit
from proxy.steps.world import World

_ANSWER: Final = "answer"
_MAKES_MEDIA: Final = ("openai.images", "openai.speech")
_MEDIA: Final = (b"image/", b"audio/", b"video/", b"font/")


class Passed(NamedTuple):
    """What the caller gets: the body, the plan with what its rules said, and whether the body is unpacked by now."""

    body: bytes
    plan: Plan
    is_unpacked: bool


class AnswerScreen:
    """Of one attempt."""

    def __init__(self, world: World, visit: Visit, plan: Plan, wishes: tuple[Inspection, ...], vault: Vault) -> None:
        """``vault``: the values that come back. See ``screen_of``."""
        self._turn: asyncio.Lock = world.turn
        self._monotonic: Monotonic = world.clock.monotonic
        self.contents, self.vault = visit.generation.content, vault
        self.wishes = wishes
        self.is_binding = in_force(wishes)  # else nothing may be withheld, cut or written anew for a rule's sake
        self._gauge, self._visit, self._plan = world.gauge, visit, plan

    def ruling(self) -> Ruling:
        """What the rules will make of findings."""
        return self.contents.ruling(self.wishes, _ANSWER)

    def marks(self) -> Vault:
        """Placeholders for what is found in the answer: they stay."""
        return Vault(self._visit.generation.directory.placeholder_key(self._plan.call.principal.pseudonym))

    async def passed(self, answer: Answer, body: bytes) -> Passed:
        """A buffered answer as its caller may have it, looked through while others are served. Raises as ``whole``."""
        if len(body) < SHORT and not answer.coding:  # a few compressed bytes may be a long text
            return at_once(self.whole(answer, body))
        work = Work(self.whole(answer, body), self._monotonic)
        return work.result[0] if work.go_on() else await work.done(self._turn)

    def whole(self, answer: Answer, body: bytes) -> Slices[Passed]:
        """A buffered answer as its caller may have it. Raises the refusal of a rule that denies what was found."""
        plain = unpacked(answer.coding, body)
        if is_media(self._plan, answer) or (not self.wishes and plain is not None and not self.vault.is_in(plain)):
            return Passed(body, self._plan, is_unpacked=False)
        found = None if plain is None else body_texts(plain)
        if found is None:
            return Passed(body, self._judged_unread("it is neither JSON nor text"), is_unpacked=False)
        if len(plain or b"") < SHORT:
            looked = self.contents.look(found.texts, self.wishes, _ANSWER)
        else:
            looked = yield from self.contents.looking(found.texts, self.wishes, _ANSWER)
        self.tell(looked)
        plan = self.decide(looked)
        new = found.changed((yield from self._changes(found.texts, looked)))
        return Passed(body, plan, is_unpacked=False) if new is plain else Passed(new, plan, bool(answer.coding))

    def tell(self, looked: Looked) -> None:
        """Count what was found."""
        tell_found(self._gauge, looked, _ANSWER)

    def decide(self, looked: Looked) -> Plan:
        """The plan with what was found. Raises the refusal of a rule in force that denies it."""
        return self._decided(judged(self._plan.decision, looked, _ANSWER))

    def unread(self, why: str) -> None:
        """Tell that the answer cannot be looked through. Raises the refusal of a rule in force."""
        self._judged_unread(why)

    def _judged_unread(self, why: str) -> Plan:
        return self._decided(judged_unread(self._plan.decision, self.wishes, why, _ANSWER))

    def _decided(self, decision: Decision) -> Plan:
        self._visit.decision = decision
        if decision.denials:
            raise refused(decision)
        return replace(self._plan, decision=decision)

    def _changes(self, texts: Sequence[str | None], looked: Looked) -> Slices[dict[int, str]]:
        """Texts with placeholders for what rules replace, and values for the placeholders of the prompt."""
        ruling, marks = looked.ruling, self.marks()
        changes: dict[int, str] = {}
        for number, text in enumerate(texts):
            if text:
                findings = yield from ruling.replacing(looked.findings.get(number, ()))
                new = self.vault.restore((yield from marks.redacting(text, findings)) if findings else text)
                if new != text:
                    changes[number] = new
        return changes


def screen_of(world: World, visit: Visit, plan: Plan) -> AnswerScreen | None:
    """The screen of an attempt's answer; None where no rule asks for it and nothing is to be put back."""
    wishes = tuple([wish for wish in plan.decision.inspections if _ANSWER in wish.places])
    vault = plan.screened.vault if plan.screened is not None else None
    if not wishes and not vault:
        return None
    return AnswerScreen(world, visit, plan, wishes, vault or Vault(b""))


def is_media(plan: Plan, answer: Answer) -> bool:
    """Whether the answer is a picture, a sound or the like: it says so, or its path makes nothing else."""
    return plan.ask.endpoint.api in _MAKES_MEDIA or any(
        name == b"content-type" and value.lower().startswith(_MEDIA) for name, value in answer.headers
    )


def unpacked(coding: bytes, body: bytes) -> bytes | None:
    """The body as it was before it was compressed; None where nobody here can tell."""
    if not coding:
        return body
    inflater = Inflater(coding)
    plain = inflater.feed(body)
    return None if inflater.is_lost else plain
