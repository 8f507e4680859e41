"""A request without what cannot change its answer: delivery, names of who asks, null where null means absent.

Everything else of it is in the key, known or not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from proxy.dedup.requests import FORMATS
from proxy.dedup.requests.base import Body, Format, Turns, exact

# The body was read as JSON whatever its type was called, `accept` chooses no more than `stream` does, and providers
# answer all programs alike. Any other header, such as `anthropic-beta`, may change the answer.
_INERT_HEADERS: Final = frozenset({b"accept", b"content-length", b"content-type", b"user-agent"})
_LONGEST: Final = 1 << 15  # characters of instructions and question; beyond, rewriting them holds up other calls


class Sent(NamedTuple):
    """A request as it goes to the upstream, after redaction, routing and clamps.

    ``headers`` are the caller's that are forwarded, without our credential; ``body`` is what strict JSON gave.
    """

    api: str  # "openai.chat"
    target: str  # path and query below the base URL, the model in it where the format has it there
    headers: Sequence[tuple[bytes, bytes]]
    body: dict[str, Any]

    def __repr__(self) -> str:
        """Without anything of the prompt."""
        return f"Sent({self.api}, {len(self.body)} members)"


class Reduced(NamedTuple):
    """What may change the answer, and where its texts stand."""

    target: str
    headers: list[list[str]]
    body: Body
    turns: Turns
    format: Format | None

    def __repr__(self) -> str:
        """Without anything of the prompt."""
        return f"Reduced({len(self.body)} members, {self.turns.manner})"


def reduced(sent: Sent) -> Reduced:
    """Take off what is inert. Of a format that is not known nothing is."""
    form = FORMATS.get(sent.api)
    if form is None:
        return Reduced(sent.target, _headers(sent.headers), sent.body, exact("its format is not known"), None)
    body = {
        name: value
        for name, value in sent.body.items()
        if name not in form.inert and (value is not None or name not in form.known)
    }
    body = form.unmarked(body)
    return Reduced(form.neutral(sent.target), _headers(sent.headers), body, _turns(form, body), form)


def _turns(form: Format, body: Body) -> Turns:
    """Texts are rewritten only where every member is known: vLLM's ``continue_final_message`` makes a last blank count."""
    if body.keys() <= form.known:
        turns = form.turns(body)
        return turns if _length(turns) <= _LONGEST else exact("its texts are too long to be rewritten")
    return exact(f"{min(body.keys() - form.known)} is not a member that the format defines")


def _length(turns: Turns) -> int:
    places = turns.instructions if turns.question is None else (*turns.instructions, turns.question)
    return sum([len(place.text) for place in places])


def _headers(headers: Sequence[tuple[bytes, bytes]]) -> list[list[str]]:
    """Names in lower case, sorted; of one name the order is kept."""
    kept = [(name.lower(), value) for name, value in headers]
    kept = [pair for pair in kept if pair[0] not in _INERT_HEADERS]
    kept.sort(key=lambda pair: pair[0])
    return [[name.decode("latin-1"), value.decode("latin-1")] for name, value in kept]
