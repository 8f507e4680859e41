"""Looking through a prompt, before anything of it is held, recorded, learnt from or sent.

Rules that only watch run the same path as those in force. What they find is told by the names of detectors, never by its
text. Fail-closed: a prompt that cannot be read is refused where a rule in force must look through it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Final

import msgspec

from proxy.domain.ask import Ask
from proxy.domain.call import Call
from proxy.domain.decision import Decision, Inspection
from proxy.domain.row import REDACTED
from proxy.policy.content.ruling import Looked
from proxy.policy.content.slices import Slices, at_once
from proxy.policy.content.vault import Vault
from proxy.ports import Clock, Gauge
from proxy.steps.in_turns import SHORT, Work
from proxy.steps.readable import readable
from proxy.steps.screened import Changes, Edited, Screened
from proxy.steps.visit import Visit

_MANY: Final = 512  # texts that are written anew beside the loop
_PROMPT: Final = "prompt"
_ENFORCE: Final = "enforce"


class NotLookedYet(Exception):
    """Looking through a prompt takes longer than others can be made to wait for at once."""

    def __init__(self, work: Work[Screened]) -> None:
        """``work``: what is left of it, for ``looked_through``."""
        super().__init__()
        self.work = work


def screened(
    gauge: Gauge, visit: Visit, call: Call, ask: Ask, decision: Decision, clock: Clock | None = None
) -> Screened | None:
    """Look through what the rules of ``decision`` ask for; None where they ask for nothing.

    The same wishes are looked for once in a call. Raises ``NotReadYet`` while the rest of an upload must be read first,
    ``BadRequest`` where a redacted request means nothing any more, and by a ``clock`` ``NotLookedYet``.
    """
    wishes = _wishes(decision)
    if not wishes:
        return None
    if visit.screened is None or visit.screened.wishes != wishes:
        slices = _screened(visit, call, ask, wishes)
        if clock is None or _is_short(visit, ask):
            _keep(gauge, visit, at_once(slices))
        else:
            work = Work(slices, clock.monotonic)
            if not work.go_on():
                raise NotLookedYet(work)
            _keep(gauge, visit, work.result[0])
    if visit.screened is None:
        raise RuntimeError("a prompt that was looked through is kept")
    visit.call = visit.screened.call
    return visit.screened


async def looked_through(gauge: Gauge, visit: Visit, why: NotLookedYet, turn: asyncio.Lock) -> None:
    """Look through a long prompt while others are served, so that ``screened`` has it. Raises ``BadRequest`` as that does."""
    _keep(gauge, visit, await why.work.done(turn))


def _is_short(visit: Visit, ask: Ask) -> bool:
    """Whether so little is looked through that nobody need be let by; of an upload, the ask has nothing."""
    return visit.upload is None and len(ask.body) < SHORT


def _keep(gauge: Gauge, visit: Visit, seen: Screened) -> None:
    visit.screened = seen
    tell_found(gauge, seen.looked, _PROMPT)


def unnamed(visit: Visit) -> Call | None:
    """The call for a row of its refusal: without a session that no rule about prompts has looked at yet."""
    call, decision = visit.call, visit.decision
    if call is None or visit.screened is not None or not visit.generation.policy.inspects:
        return call
    is_free = decision is not None and not decision.denials and not _wishes(decision)
    return call if is_free else _with_session(call, None)


def in_force(wishes: Sequence[Inspection]) -> bool:
    """Whether any of these acts on what is found; the others only watch, and nobody may feel them."""
    return any(wish.mode == _ENFORCE for wish in wishes)


def tell_found(gauge: Gauge, looked: Looked, place: str) -> None:
    """Count what was found, by rule and detector."""
    for (wish, names), counts in zip(looked.found, looked.counts, strict=True):
        for name, count in zip(names, counts, strict=True):
            gauge.found(wish.rule, wish.mode, place, name, count)


def _wishes(decision: Decision) -> tuple[Inspection, ...]:
    return tuple([wish for wish in decision.inspections if _PROMPT in wish.places])


def _screened(visit: Visit, call: Call, ask: Ask, wishes: tuple[Inspection, ...]) -> Slices[Screened]:
    binds = in_force(wishes)
    prompt, contents = readable(visit, ask, may_wait=binds), visit.generation.content
    if _is_short(visit, ask):
        looked = contents.look(prompt.texts, wishes, _PROMPT)
    else:
        looked = yield from contents.looking(prompt.texts, wishes, _PROMPT)
    as_it_came = Edited(ask)
    if prompt.unread or looked.ruling.is_denied:
        return Screened(
            wishes, _unnamed(visit, call, wishes), as_it_came, looked, prompt.unread, is_left=prompt.is_left
        )
    if not binds:
        return Screened(wishes, call, as_it_came, looked)
    if not looked.findings or not looked.ruling.sides.replaced:
        call = _unnamed(visit, call, wishes)  # it may have come in a header
        return Screened(wishes, call, as_it_came, looked)
    vault = Vault(visit.generation.directory.placeholder_key(call.principal.pseudonym))
    changes = yield from _redacted(prompt.texts, looked, vault)
    if not changes:
        return Screened(wishes, _unnamed(visit, call, wishes), as_it_came, looked)
    sent = (yield partial(prompt.edit, changes)) if len(changes) > _MANY else prompt.edit(changes)
    if call.attribution.session == ask.session:
        call = _with_session(call, sent.ask.session)
    return Screened(wishes, _unnamed(visit, call, wishes), sent, looked, vault=vault, edits=(REDACTED,))


def _redacted(texts: Sequence[str | None], looked: Looked, vault: Vault) -> Slices[Changes]:
    """The texts in which rules in force replace something."""
    ruling = looked.ruling
    changes: dict[int, str] = {}
    for number, hits in looked.findings.items():
        text = texts[number]
        if text is not None and (findings := (yield from ruling.replacing(hits))):
            changes[number] = yield from vault.redacting(text, findings, lasting=ruling.sides.lasting)
    return changes


def _unnamed(visit: Visit, call: Call, wishes: tuple[Inspection, ...]) -> Call:
    """The call without its session, where that is what was found: rows keep it."""
    session = call.attribution.session
    if session is None or not visit.generation.content.look((session,), wishes, _PROMPT).findings:
        return call
    return _with_session(call, None)


def _with_session(call: Call, session: str | None) -> Call:
    if call.attribution.session == session:
        return call
    return msgspec.structs.replace(call, attribution=msgspec.structs.replace(call.attribution, session=session))
