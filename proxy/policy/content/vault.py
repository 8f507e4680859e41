"""The values that placeholders stand for, of one request: kept in memory, shown to nobody."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Sequence
from typing import Final

from proxy.policy.content.findings import Finding
from proxy.policy.content.json_text import escaped, is_json, unescaped
from proxy.policy.content.placeholder import CODE, CODE_LENGTH, placeholder
from proxy.policy.content.slices import Slices, at_once, batches

_CODES: Final = re.compile(rf"-(?=({CODE}{{{CODE_LENGTH}}}))")


class Vault:
    """Placeholders of one request, and back. The same value has the same placeholder wherever the key is the same."""

    def __init__(self, key: bytes) -> None:
        """``key``: at most 64 secret bytes, of the scope in which a value shall always look the same."""
        self._key = key
        self._by_code: dict[str, tuple[str, str]] = {}  # placeholder and value
        self._placeholders: dict[tuple[str, str], str] = {}  # by label and value
        self._lasting: set[str] = set()  # placeholders that stay: their values do not come back

    def __repr__(self) -> str:
        return f"<Vault of {len(self._by_code)}>"

    def __len__(self) -> int:
        """How many placeholders may come back."""
        return len(self._by_code) - len(self._lasting)

    def __reduce__(self) -> str:
        raise TypeError("a vault is not written anywhere")

    @property
    def labels(self) -> frozenset[str]:
        """What its placeholders begin with."""
        return frozenset([label for (label, _), made in self._placeholders.items() if made not in self._lasting])

    def put(self, label: str, value: str, *, lasts: bool = False) -> str:
        """The placeholder for a value. ``lasts``: whoever says so once, its value never comes back."""
        made = self._placeholders.get((label, value)) or self._made(label, value)
        if lasts:
            self._lasting.add(made)
        return made

    def _made(self, label: str, value: str) -> str:
        attempt = 0
        made = placeholder(label, value, self._key)
        while made[-CODE_LENGTH:] in self._by_code:
            attempt += 1
            made = placeholder(label, value, self._key, attempt)
        self._by_code[made[-CODE_LENGTH:]] = made, value
        self._placeholders[label, value] = made
        return made

    def redact(
        self,
        text: str,
        findings: Sequence[Finding],
        *,
        lasting: Container[str] = (),
        within_json: bool | None = None,
    ) -> str:
        """The text with placeholders for the findings, which do not overlap and stand in its order.

        ``lasting``: full names of detectors whose values never come back. A value that stands in JSON source, such as a
        tool call's arguments, is kept as what it means: so it is the same value, and placeholder, as in prose. Of a piece
        of JSON nobody can tell but who knows, by ``within_json``.
        """
        work = self.redacting(text, findings, lasting=lasting, within_json=within_json)
        return at_once(work) if findings else text

    def redacting(
        self,
        text: str,
        findings: Sequence[Finding],
        *,
        lasting: Container[str] = (),
        within_json: bool | None = None,
    ) -> Slices[str]:
        """As ``redact``."""
        within_json = is_json(text) if within_json is None else within_json
        parts: list[str] = []
        done = 0
        for some in batches(findings):
            for found in some:
                value = text[found.start : found.end]
                value = unescaped(value) if within_json else value
                made = self.put(found.detector.label, value, lasts=found.detector.full_name in lasting)
                parts += (text[done : found.start], made)
                done = found.end
            yield None
        return "".join((*parts, text[done:]))

    def is_in(self, data: bytes) -> bool:
        """Whether a placeholder that may come back stands in some bytes."""
        return any(made.encode() in data for made, _ in self._by_code.values() if made not in self._lasting)

    def places(self, text: str) -> Iterator[tuple[int, int, str]]:
        """Start, end and value of our placeholders in a text, from left to right. What only looks like one is none."""
        done = 0
        for hyphen in _CODES.finditer(text):
            made, value = self._by_code.get(hyphen[1], ("", ""))
            end = hyphen.start() + 1 + CODE_LENGTH
            at = end - len(made)
            if made and at >= done and text.startswith(made, at) and made not in self._lasting:
                yield at, end, value
                done = end

    def restore(self, text: str) -> str:
        """The text with the values in the place of their placeholders, escaped where the text is JSON source."""
        if not self._by_code or "-" not in text:
            return text
        places = list(self.places(text))
        if not places:
            return text
        within_json = is_json(text)
        parts: list[str] = []
        done = 0
        for start, end, value in places:
            parts += (text[done:start], escaped(value) if within_json else value)
            done = end
        return "".join((*parts, text[done:]))
