"""Fingerprints of a prompt, for counting what is asked again and again. They never serve an answer.

Three of them, each coarser than the one before: equal exact prints have equal near prints, and those equal template
prints. They are keyed, so that nobody who reads the store can try out what was asked. Model, roles and sampling parameters
are not in them: the same question to another model is the same question.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import blake2b
from typing import Final, NamedTuple

import msgspec

from proxy.dedup.canonical import Form, canonical, masked_only

SIZE: Final = 8  # bytes of a print
MOST: Final = 8192  # characters beyond which a text is only compared as it is
_MARK: Final = "\0"

# What differs between two uses of a template: quotes, and words with a digit in them: numbers, dates, times, amounts, ids.
# A word begins where none goes before it and a quote ends at the next mark, so that all of this takes linear time.
_VARIES: Final = re.compile(
    r""""[^"]*"|“[^“”]*”|«[^«»]*»|`[^`]*`|(?<!\w)'[^']*'(?!\w)|(?<![\w.,+-])[\w.,+-]*\d[\w.,+-]*"""
)
_pack: Final = msgspec.msgpack.Encoder().encode  # texts with their lengths: no two prompts are packed alike


class Prints(NamedTuple):
    """8 bytes each. ``near`` and ``template`` are empty where the text that asks is too long."""

    exact: bytes
    near: bytes = b""
    template: bytes = b""


def fingerprints(secret: bytes, texts: Sequence[str]) -> Prints:
    """All prints of a prompt: its texts in reading order, the last of them the one that asks.

    That one is normalised as the cache would do it, the first one (mostly a system prompt) loses its volatile marks, and
    what lies between is compared as it is: a talk of two hundred turns must not cost two hundred times as much.
    """
    exact = exact_print(secret, texts)
    if not texts or len(texts[-1]) > MOST:
        return Prints(exact)
    *between, asking = texts
    frame = "" if not between or len(between[0]) > MOST else between.pop(0)
    forms = [*([masked_only(frame, beside=asking)] if frame else ()), canonical(asking, beside=frame)]
    near = _print(secret, b"near", (between, *[(form.tag, form.text) for form in forms]))
    return Prints(exact, near, _print(secret, b"template", (between, *map(_template, forms))))


def exact_print(secret: bytes, texts: Sequence[str] | bytes) -> bytes:
    """The print of every character of a prompt, or of a body that is no text."""
    return _print(secret, b"exact", texts)


def scoped(secret: bytes, prints: Sequence[bytes], scope: str) -> tuple[bytes, ...]:
    """The same prints as one scope's own: nothing shows that they are of the same prompt, or of the same scope."""
    name = scope.encode("utf-8", "surrogatepass")
    return tuple([blake2b(one + name, key=secret, digest_size=SIZE, person=b"scope").digest() for one in prints])


def _template(form: Form) -> str:
    return " ".join(_VARIES.sub(_MARK, form.text).lower().split())


def _print(secret: bytes, kind: bytes, content: object) -> bytes:
    try:
        packed = _pack(content)
    except UnicodeEncodeError:  # half of a pair, which JSON can bring
        packed = repr(content).encode("utf-8", "backslashreplace")
    return blake2b(packed, key=secret, digest_size=SIZE, person=kind).digest()
