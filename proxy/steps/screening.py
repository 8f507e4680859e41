"""Looking through a prompt, before anything of it is held, recorded, learnt from or sent.

Rules that only watch run the same path as those in force. What they find is told by the names of detectors, never by its
text. Fail-closed: a prompt that cannot be read is refused where a rule in force must look through it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from proxy.domain.ask import Ask
from proxy.domain.call import Call
from proxy.domain.decision import Decision, Inspection
from proxy.domain.row import REDACTED
from proxy.policy.content.ruling import Looked
from proxy.policy.content.vault import Vault
from proxy.ports import Gauge
from proxy.steps.readable import readable
from proxy.steps.screened import Changes, Edited, Screened
from proxy.steps.visit import Visit

_PROMPT: Final = "prompt"
_ENFORCE: Final = "enforce"


def screened(gauge: Gauge, visit: Visit, call: Call, ask: Ask, decision: Decision) -> Screened | None:
    """Look through what the rules of ``decision`` ask for; None where they ask for nothing.

    The same wishes are looked for once in a call. Raises ``NotReadYet`` while the rest of an upload must be read first,
    and ``BadRequest`` where a redacted request means nothing any more.
    """
    wishes = _wishes(decision)
    if not wishes:
        return None
    if visit.screened is None or visit.screened.wishes != wishes:
        visit.screened = _screened(visit, call, ask, wishes)
        tell_found(gauge, visit.screened.looked, _PROMPT)
    visit.call = visit.screened.call
    return visit.screened


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


def _screened(visit: Visit, call: Call, ask: Ask, wishes: tuple[Inspection, ...]) -> Screened:
    binds = in_force(wishes)
    prompt, contents = readable(visit, ask, may_wait=binds), visit.generation.content
    looked = contents.look(prompt.texts, wishes, _PROMPT)
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
    changes = _redacted(prompt.texts, looked, vault)
    if not changes:
        return Screened(wishes, _unnamed(visit, call, wishes), as_it_came, looked)
    sent = prompt.edit(changes)
    if call.attribution.session == ask.session:
        call = _with_session(call, sent.ask.session)
    return Screened(wishes, _unnamed(visit, call, wishes), sent, looked, vault=vault, edits=(REDACTED,))


def _redacted(texts: Sequence[str | None], looked: Looked, vault: Vault) -> Changes:
    """The texts in which rules in force replace something."""
    ruling, changes = looked.ruling, {}
    for number, hits in looked.findings.items():
        text = texts[number]
        if text is not None and (findings := ruling.to_replace(hits)):
            changes[number] = vault.redact(text, findings, lasting=ruling.sides.lasting)
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
