"""What the cache would make of a case: whether it may speak of the call at all, and how the prompt would be compared.

It is asked as the walk asks it, of the body that a client would send for the case: one question, and a tool where it offers
any. Nothing is looked up, so this says what may be reused, not what is there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import msgspec

from proxy.app.trial.asked import Asked
from proxy.app.trial.outcome import Outcome
from proxy.dedup.canonical import compile_volatile
from proxy.dedup.eligible import ineligible
from proxy.dedup.envelope import Sent, reduced
from proxy.dedup.key import NEAR, form_of
from proxy.dedup.requests.base import Bypass
from proxy.domain.decision import Reuse
from proxy.policy.case import Question

Body = dict[str, Any]
CONTENT: Final = "content"  # as ``steps.reusing`` says it
_TOOL: Final = "tool"
_WHY: Final[Mapping[str, str]] = MappingProxyType(
    {
        Bypass.DIALECT: "answers of this path cannot be told again",
        Bypass.TEMPERATURE: "no temperature is named, and the providers' own is above the rule's",
        Bypass.TIME_SENSITIVE: "it speaks of now, or is too long to be searched for that",
        CONTENT: "what content rules found in it goes on to the model",
    }
)
_COMPARED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "near": "what provably changes nothing in its instruction does not count",
        "json": "as JSON, in whose objects order does not count",
        "edges": "to the letter but for blanks at its edges, as tools are offered",
        "verbatim": "to the letter, for it does not read as a plain instruction",
        "exact": "byte for byte",
    }
)


class Reusable(msgspec.Struct, frozen=True):
    """``bypass``: why it is neither looked up nor kept, as ``x-tally-cache-reason`` has it, or empty; ``why``: in words.

    ``compared``: near, json, edges, verbatim or exact; empty with a bypass.
    """

    bypass: str
    compared: str
    why: str
    terms: Reuse
    shared_by: str  # "org", "team:growth", "user:ann@acme.example"

    @property
    def words(self) -> str:
        """One line for people."""
        if self.bypass:
            return f"bypasses the cache ({self.bypass}): {self.why}"
        return f"is looked up for {self.shared_by}, {self.compared}: {self.why}"


def reusable(asked: Asked, outcome: Outcome) -> Reusable | None:
    """What the cache would do; None where it is off, the call is refused, or the case has no prompt to be judged."""
    terms, question = outcome.decision.reuse, asked.case.question
    if terms is None or terms.mode == "off" or not outcome.admitted or not question.prompt:
        return None
    shared_by = _shared_by(terms.share, asked)
    endpoint = asked.match.endpoint
    body = _BODIES.get(endpoint.api)
    if body is None:
        return Reusable(Bypass.DIALECT, "", _WHY[Bypass.DIALECT], terms, shared_by)
    sent = Sent(endpoint.api, endpoint.upstream_path, (), body(question))
    if bypass := CONTENT if _left(outcome) else ineligible(sent, terms):
        return Reusable(bypass, "", _WHY.get(bypass, "it is not understood"), terms, shared_by)
    compared = _compared(sent, terms)
    return Reusable("", compared, _COMPARED[compared], terms, shared_by)


def _compared(sent: Sent, terms: Reuse) -> str:
    turns = reduced(sent).turns
    if terms.mode != NEAR or turns.question is None:
        return "exact"
    return form_of(turns, turns.question.text, compile_volatile(terms.volatile)).tag


def _left(outcome: Outcome) -> bool:
    """Whether rules found what none of them replaces; nobody may feel those in audit."""
    felt = [(wish, names) for wish, names in outcome.found if wish.mode != "audit"]
    replaced = {name for wish, names in felt if wish.mode == "enforce" and wish.then == "redact" for name in names}
    return any(name not in replaced for _, names in felt for name in names)


def _shared_by(share: str, asked: Asked) -> str:
    who = asked.case.asker
    return {"user": f"user:{who.user or who.key}", "team": f"team:{who.team}"}.get(share, "org")


def _chat(question: Question) -> Body:
    tool = {"type": "function", "function": {"name": _TOOL}}
    return {"messages": [{"role": "user", "content": question.prompt}], **_tools(question, tool)}


def _responses(question: Question) -> Body:
    return {"input": question.prompt, "store": False, **_tools(question, {"type": "function", "name": _TOOL})}


def _messages(question: Question) -> Body:
    return {"messages": [{"role": "user", "content": question.prompt}], **_tools(question, {"name": _TOOL})}


def _contents(question: Question) -> Body:
    asked = [{"role": "user", "parts": [{"text": question.prompt}]}]
    return {"contents": asked, **_tools(question, {"functionDeclarations": [{"name": _TOOL}]})}


def _tools(question: Question, tool: Body) -> Body:
    return {"tools": [tool]} if question.tools else {}


_BODIES: Final[Mapping[str, Callable[[Question], Body]]] = MappingProxyType(
    {
        "openai.chat": _chat,
        "openai.responses": _responses,
        "anthropic.messages": _messages,
        "gemini.generate": _contents,
    }
)
