"""The key of a request: two share one if, and only if, nothing that may change the answer differs between them.

A keyed BLAKE2b (RFC 7693) of canonical JSON: members sorted, texts apart from the structure they were taken out of, so
that no text can pass for a member, a role or another text. Numbers stay what they were written as: 1, 1.0 and -0.0
differ. JSON schemas of answers keep their order, because members of an answer come in it (OpenAI, "Structured Outputs":
"outputs will be produced in the same order as the ordering of keys in the schema").
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from hashlib import blake2b
from re import Pattern
from typing import Any, Final, NamedTuple

import msgspec

from proxy.dedup.canonical import VERSION as CANONICAL_VERSION
from proxy.dedup.canonical import Form, canonical, masked_only
from proxy.dedup.envelope import Reduced, Sent, reduced
from proxy.dedup.requests.base import Body, Manner, Path, Place, Turns

VERSION: Final = "1"  # of everything here; another one never finds entries of this one
NEAR: Final = "near"
ORDERED: Final = "ordered"  # a tag that no form of a text has
SHORTEST_SECRET, LONGEST_SECRET = 16, 64  # bytes; the longer one is BLAKE2b's own bound
_NULL: Final = b"null"
_SLOWLY: Final = b"~"  # begins no JSON
_BLANK: Final = " \t\r\n"
_SORTED: Final = msgspec.json.Encoder(order="sorted")
_SORTED_SLOWLY: Final = json.JSONEncoder(
    ensure_ascii=False, sort_keys=True, separators=(",", ":"), check_circular=False
)
_AS_WRITTEN: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False)


class Keys(NamedTuple):
    """The names of one request in the cache of its scope."""

    name: str  # 32 hex digits, what the store shows: the first half of `digest`
    digest: bytes  # 32 bytes; compared on a hit
    exact: bytes  # 32 bytes: equal only where the texts are the same to the byte, too
    masked: tuple[str, ...]  # ids and clock times that the key does not depend on, and the answer must not contain


class Text(NamedTuple):
    """A text of a request, taken out of it: what the key holds of it, and what stood there."""

    path: Path
    tag: str  # "near", "verbatim", "json", "edges" or "ordered"
    text: str
    original: Any


class Document(NamedTuple):
    """All that a key depends on, before it is hashed."""

    head: list[Any]
    target: str
    headers: list[list[str]]
    body: Body  # false where a text was taken out, which `texts` tells from one that the caller wrote
    texts: tuple[Text, ...]
    masked: tuple[str, ...]

    def __repr__(self) -> str:
        """Without anything of the prompt."""
        return f"Document({len(self.body)} members, {len(self.texts)} texts)"


def form_of(turns: Turns, question: str, volatile: Sequence[Pattern[str]]) -> Form:
    """What the key holds of a question."""
    beside = "\n".join([place.text for place in turns.instructions])
    if turns.manner is Manner.NEAR:
        return canonical(question, volatile, beside=beside)
    trimmed = question.strip(_BLANK)
    if trimmed != question:  # only where the canonical form does not mind either
        kept, bare = (canonical(text, volatile, beside=beside) for text in (question, trimmed))
        if (kept.tag, kept.text) == (bare.tag, bare.text):
            return Form(Manner.EDGES.value, trimmed)
    return Form(Manner.EDGES.value, question)


def forms_of(turns: Turns, volatile: Sequence[Pattern[str]]) -> tuple[tuple[Place, Form], ...]:
    """What the key holds of every text that is not compared as it stands."""
    if (question := turns.question) is None:
        return ()
    forms = [(place, masked_only(place.text, volatile, beside=_others(turns, place))) for place in turns.instructions]
    return (*forms, (question, form_of(turns, question.text, volatile)))


FormsOf = Callable[[Turns, Sequence[Pattern[str]]], tuple[tuple[Place, Form], ...]]


class Remembered:
    """``forms_of`` for one call, which is compared twice: each form is worked out once."""

    def __init__(self) -> None:
        """None is known."""
        self._known: dict[tuple[Turns, tuple[Pattern[str], ...]], tuple[tuple[Place, Form], ...]] = {}

    def __call__(self, turns: Turns, volatile: Sequence[Pattern[str]]) -> tuple[tuple[Place, Form], ...]:
        """As ``forms_of``."""
        asked = (turns, tuple(volatile))
        if (forms := self._known.get(asked)) is None:
            forms = self._known[asked] = forms_of(turns, volatile)
        return forms


def request_keys(
    secret: bytes,
    scope: str,
    sent: Sent,
    mode: str,
    volatile: Sequence[Pattern[str]] = (),
    *,
    forms: FormsOf = forms_of,
) -> Keys:
    """The names of ``sent`` in ``scope``. ``mode`` is "exact" or "near"; ``volatile`` are an operator's own patterns.

    Raises ``ValueError`` for a secret that is no key of 16 to 64 bytes.
    """
    if not SHORTEST_SECRET <= len(secret) <= LONGEST_SECRET:
        raise ValueError(f"a secret has {SHORTEST_SECRET} to {LONGEST_SECRET} bytes")
    document = document_of(scope, sent, mode, volatile, forms)
    told = [document.head, document.target, document.headers, document.body, [text[:3] for text in document.texts]]
    digest = _hash(secret, b"tallygate key", _written(told))
    # Given the digest, only what was taken out of the structure can still differ.
    same = _hash(secret, b"tallygate exact", digest + _written([text.original for text in document.texts]))
    return Keys(digest[:16].hex(), digest, same, document.masked)


def document_of(
    scope: str, sent: Sent, mode: str, volatile: Sequence[Pattern[str]] = (), forms: FormsOf = forms_of
) -> Document:
    """What the key of ``sent`` is made of."""
    request = reduced(sent)
    texts, masked = _texts(request, forms(request.turns, volatile)) if mode == NEAR else ([], ())
    texts += _schemas(request)
    body = request.body
    for text in texts:
        body = _without(body, text.path)
    patterns = [pattern.pattern for pattern in volatile]
    head = [VERSION, CANONICAL_VERSION, mode, patterns, scope, sent.api]
    return Document(head, request.target, request.headers, body, tuple(texts), masked)


def _texts(request: Reduced, forms: Sequence[tuple[Place, Form]]) -> tuple[list[Text], tuple[str, ...]]:
    texts = [_text(request.body, place, form) for place, form in forms]
    return texts, tuple([value for _, form in forms for value in form.masked])


def _others(turns: Turns, one: Place) -> str:
    """All other texts: any of them may ask for what would be dropped from this one."""
    places = (*turns.instructions, turns.question)
    return "\n".join([place.text for place in places if place is not None and place is not one])


def _text(body: Body, place: Place, form: Form) -> Text:
    return Text(place.path, form.tag, form.text, _at(body, place.path))


def _schemas(request: Reduced) -> list[Text]:
    body, paths = request.body, request.format.ordered if request.format else ()
    return [
        Text(path, ORDERED, _AS_WRITTEN.encode(schema), None)
        for path in paths
        if path[0] in body and type(schema := _at(body, path)) is dict
    ]


def _at(value: Any, path: Path) -> Any:
    """What stands at a path; None where nothing does."""
    for step in path:
        if type(value) is dict:
            value = value.get(step)
        elif type(value) is list and type(step) is int:
            value = value[step]
        else:
            return None
    return value


def _without(value: Any, path: Path) -> Any:
    """A copy with false at a path; all beside the way there is shared."""
    if not path:
        return False
    copy = value.copy()
    copy[path[0]] = _without(value[path[0]], path[1:])
    return copy


def _written(value: Any) -> bytes:
    """Canonical JSON, different for whatever differs.

    The fast encoder refuses lone surrogates and writes 1e999, which is infinite, as null: where that may be, the slow one
    writes, in a form that the fast one never gives.
    """
    try:
        written = _SORTED.encode(value)
    except UnicodeEncodeError:
        written = _NULL
    if _NULL not in written:
        return written
    return _SLOWLY + _SORTED_SLOWLY.encode(value).encode("utf-8", "surrogatepass")


def _hash(secret: bytes, purpose: bytes, data: bytes) -> bytes:
    return blake2b(data, key=secret, person=purpose, digest_size=32).digest()
