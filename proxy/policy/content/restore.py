"""Values back into an answer that arrives piece by piece, wherever the pieces are cut.

Only the end of a piece that may still become a placeholder is held back: at most 26 characters, and none of ordinary
text, since no placeholder begins with a small letter.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from proxy.policy.content.json_text import escaped
from proxy.policy.content.placeholder import CODE, CODE_LENGTH
from proxy.policy.content.vault import Vault

_LONGEST: Final = 20 + 1 + CODE_LENGTH
_MAY_END: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-")


class Restorer:
    """For one choice or content block of an answer. What all calls return, joined, is the restored whole."""

    def __init__(self, vault: Vault, *, within_json: bool = False) -> None:
        """``within_json``: the text is JSON source, as a tool call's arguments are, so values are escaped for it."""
        self._vault = vault
        self._within_json = within_json
        self._held = ""
        self._begun = _beginning_of(vault.labels) if len(vault) else None

    def feed(self, delta: str) -> str:
        """What may go to the caller now; empty when all of it may still be part of a placeholder."""
        if self._begun is None or not delta:
            return delta
        if not self._held and delta[-1] not in _MAY_END and "-" not in delta:
            return delta
        text = self._held + delta
        parts: list[str] = []
        done = 0
        if "-" in text:
            for start, end, value in self._vault.places(text):
                parts += (text[done:start], self._written(value))
                done = end
        cut = len(text)
        if text[-1] in _MAY_END and (begun := self._begun.search(text, max(done, cut - _LONGEST))):
            cut = begun.start()
        self._held = text[cut:]
        return "".join((*parts, text[done:cut])) if parts else text[:cut]

    def end(self) -> str:
        """What was held back, when the answer is over."""
        held, self._held = self._held, ""
        return held

    def _written(self, value: str) -> str:
        return escaped(value) if self._within_json else value


@lru_cache(maxsize=64)
def _beginning_of(labels: frozenset[str]) -> re.Pattern[str]:
    """Text at the end that may become a placeholder: a part of one that lacks at least its last character."""
    begun = "|".join(label[:size] for label in sorted(labels) for size in range(len(label), 0, -1))
    whole = "|".join(sorted(labels))
    return re.compile(f"(?:(?:{whole})-{CODE}{{0,{CODE_LENGTH - 1}}}|{begun})\\Z")
