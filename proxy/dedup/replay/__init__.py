"""One stored answer, told again: as one body or as a stream, in the words of the API that first gave it.

What is stored is the JSON answer, also where the first caller took it as a stream, so that one entry serves both kinds of
callers. Nothing is guessed: a member, an event or an ending that is not understood keeps an answer out of the cache, and
so do answers that were cut, filtered or refused, that call tools (telling one again repeats an action), or that repeat what was
masked in their prompt. Figures of usage are retold as the provider's words; that a repeat costs nothing is booked elsewhere.

To teach it another API: a file that ends in a ``Form``, and its line in ``_FORMS``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from proxy.dedup.replay import anthropic_messages, gemini, openai_chat, openai_responses
from proxy.dedup.replay.echo import repeats
from proxy.dedup.replay.form import Asked, Form, Members, Retold, Unfit
from proxy.dedup.replay.rejoin import replaced
from proxy.dedup.replay.strict import an_object, parse

__all__ = ["Retold", "retold", "unstorable", "whole_of"]

_FORMS: Final[Mapping[str, Form]] = MappingProxyType(
    {
        "openai.chat": openai_chat.FORM,
        "openai.responses": openai_responses.FORM,
        "anthropic.messages": anthropic_messages.FORM,
        "gemini.generate": gemini.FORM,
    }
)


def whole_of(api: str, stream: bytes) -> bytes | None:
    """The JSON answer that a whole stream amounts to; None unless all of it is understood and it ended cleanly.

    ``stream`` is what the upstream sent, usage included. Whether the answer may be stored is for ``unstorable`` to say.
    """
    form = _FORMS.get(api)
    if form is None:
        return None
    try:
        return form.assemble(stream)
    except Unfit:
        return None


def unstorable(api: str, answer: bytes, masked: Sequence[str]) -> str:
    """Why an answer must not be stored; empty when it may be.

    ``truncated``, ``tool-call``, ``refusal``, ``filtered``, ``stateful`` (it goes on from another), ``echo`` (it repeats one
    of the values ``masked`` in its prompt), ``empty``, ``dialect``, or ``unknown``.
    """
    form = _FORMS.get(api)
    if form is None:
        return "dialect"
    try:
        return "echo" if repeats(_judged(form, answer), masked) else ""
    except Unfit as unfit:
        return unfit.reason


def retold(
    api: str, answer: bytes, *, stream: bool, usage_asked: bool, new_id: str, created: int, query: str = ""
) -> Retold:
    """A stored answer under another id and time, without the first caller's name; as a body the rest keeps its bytes.

    ``new_id`` is letters and digits; the provider's kind of id is put before it. ``created`` is in unix seconds.
    ``usage_asked`` is OpenAI's ``stream_options.include_usage``; ``query`` tells Gemini's streams of events from arrays.
    Raises ``ValueError`` for an answer that ``unstorable`` would have refused: a poisoned entry, and so a miss.
    """
    form = _FORMS.get(api)
    if form is None:
        raise Unfit("dialect")
    members = _judged(form, answer)
    new = form.renamed(members, new_id, created)
    if not stream:
        return Retold(form.content_type, replaced(answer, new))
    return form.told(members | {name: new[name] for name in new if name in members}, Asked(usage_asked, query))


def _judged(form: Form, answer: bytes) -> Members:
    """The members of an answer that may be told again. Raises ``Unfit``."""
    members = an_object(parse(answer))
    form.judge(members)
    return members
