"""The texts of a body whose format nobody has read yet: JSON, one JSON in each line, or plain text. Pure."""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import jiter

from proxy.policy.content import strings


@dataclass(frozen=True, slots=True)
class BodyTexts:
    """The texts of ``body``, None for those that are nobody's words."""

    texts: Sequence[str | None] = field(repr=False)
    body: bytes = field(repr=False)
    is_json: bool

    def changed(self, changes: Mapping[int, str]) -> bytes:
        """The body with these texts written anew, every other byte as it was; the same object for none."""
        if not changes:
            return self.body
        return strings.replaced(self.body, changes, self.texts) if self.is_json else changes[0].encode()

    @property
    def is_broken_json(self) -> bool:
        """Whether it begins as JSON does and is none that is read: escapes hide what stands in it."""
        return not self.is_json and self.body.removeprefix(BOM_UTF8).lstrip().startswith((b"{", b"["))


def body_texts(body: bytes, *, own: bool = False) -> BodyTexts | None:
    """What can be read in a body; None for one that is no text. ``own``: no member of it is a protocol's."""
    if (trees := _trees(body)) is not None:
        return BodyTexts(strings.texts(trees, own=own), body, is_json=True)
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else BodyTexts([text], body, is_json=False)


def _trees(body: bytes) -> list[Any] | None:
    """What a body of JSON holds, or each of its lines; None for anything else.

    A member that stands there twice is no JSON here: one of the two would go unseen.
    """
    for parts in ([body], body.splitlines()):
        try:
            return [jiter.from_json(part, catch_duplicate_keys=True) for part in parts if part.strip()] or None
        except ValueError:
            continue
    return None
