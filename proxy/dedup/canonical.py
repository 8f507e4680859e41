"""The canonical form of a prompt: what is left when everything provably inert is gone. Equal forms may share an answer.

Each step states what it assumes and where that is visible; where it is not, the text stays verbatim. Nothing here compares
two texts, and no step knows of a threshold. Every step is linear in the text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from re import Pattern
from typing import Final, NamedTuple

from proxy.dedup import boundary, topics
from proxy.dedup.blanks import edged, trimmed, unix_lines
from proxy.dedup.case import folded
from proxy.dedup.contractions import expanded
from proxy.dedup.courtesy import without_lead, without_thanks
from proxy.dedup.ending import breaks_off, without_end
from proxy.dedup.json_form import sorted_keys
from proxy.dedup.spaces import single_spaced
from proxy.dedup.unicode_form import plain_unicode
from proxy.dedup.volatile import Masked, compile_volatile, masked
from proxy.dedup.words import words_of

__all__ = ["VERSION", "Form", "Step", "canonical", "compile_volatile", "masked_only", "steps"]

VERSION: Final = "1"
"""Goes into every key: another version of these rules never meets an answer of this one."""
LARGEST: Final = 8192
"""Characters; a longer text is mostly payload."""
_PART: Final = "\x1f"  # no head holds it (`boundary.not_prose`), so the first two of them part a form in one way only


class Form(NamedTuple):
    """What a text is compared by: ``(tag, text)``. Texts of different meaning never have the same."""

    tag: str  # "near" | "verbatim" | "json"
    text: str
    masked: tuple[str, ...] = ()  # ids and clock times that were dropped: an answer that repeats one is not stored


class Step(NamedTuple):
    """What one step made of a text, and why it may."""

    name: str
    why: str
    text: str


def canonical(text: str, volatile: Sequence[Pattern[str]] = (), *, beside: str = "") -> Form:
    """Give the form of the one user text of a request.

    ``beside``: the other texts of the request (system prompt). If they make this text a payload ("translate", "classify") or
    speak of ids or time, they have their say.
    """
    return _walk(text, volatile, beside, [])


def steps(text: str, volatile: Sequence[Pattern[str]] = (), *, beside: str = "") -> Iterator[Step]:
    """Give what each step made of a text, in order; the last one is its form."""
    trail: list[Step] = []
    form = _walk(text, volatile, beside, trail)
    yield from trail
    yield Step(form.tag, _TAGS[form.tag], form.text)


def masked_only(text: str, volatile: Sequence[Pattern[str]] = (), *, beside: str = "") -> Form:
    """Give the form of a system or developer text: without telemetry and the blank around it, else verbatim.

    ``beside``: the user's text, which may ask for the id or the time that would be dropped.
    """
    plain = trimmed(unix_lines(text))
    if len(text) > LARGEST or topics.is_about_instructions(words_of(beside)):
        return Form("verbatim", text)
    found = masked(plain, volatile, beside=beside, is_system=True)
    if not found.values:
        return Form("verbatim", plain)
    return Form("near", _PART.join((" ".join(found.days), "", trimmed(found.text))), found.values)


_TAGS: Final = {
    "near": "days of masked clock times, instruction and payload, parted",
    "verbatim": "every character counts",
    "json": "keys in order",
}


def _walk(text: str, volatile: Sequence[Pattern[str]], beside: str, trail: list[Step]) -> Form:
    """Give the form, and leave behind what each step made of the text."""
    if len(text) > LARGEST or (beside and _counts_blanks(beside)):
        return _verbatim(text, "too long to be an instruction, or blanks are spoken of", trail)
    plain = unix_lines(text)
    trail.append(Step("lines", "line ends are \\n if all of them were \\r\\n", plain))
    if beside and topics.is_payload_of(beside):
        return _verbatim(edged(plain), "an instruction beside the text makes it payload", trail)
    if trimmed(plain)[:1] == "{":
        ordered = sorted_keys(trimmed(plain), beside)
        if ordered is not None:
            return Form("json", ordered)
        return _verbatim(edged(plain), "JSON whose form may matter", trail)
    lowered = plain_unicode(plain).lower()
    words = words_of(lowered)
    if topics.speaks_of_form(words, lowered):
        raw = topics.speaks_of_blanks(words)
        return _verbatim(text if raw else edged(plain), "the text speaks of form or wording", trail)
    return _near(plain, words, masked(edged(plain), volatile, beside=beside), trail)


def _near(plain: str, words: frozenset[str], found: Masked, trail: list[Step]) -> Form:
    """Give the form of a text whose instruction is prose, or the verbatim one."""
    if found.values:
        trail.append(Step("telemetry", "labelled ids and clock times at the edge; days stay", found.text))
    bare = without_thanks(single_spaced(plain_unicode(boundary.untabbed(trimmed(found.text))), is_whole=True))
    parts = boundary.parted(bare)
    if parts.tail:
        parts = boundary.parted(found.text)
    head = _instruction(parts, words_of(parts.head) if parts.tail else words, trail)
    if head is None:
        return _verbatim(edged(plain), trail[-1].why, trail)
    return Form("near", _PART.join((" ".join(found.days), head, parts.tail)), found.values)


def _instruction(parts: boundary.Parts, words: frozenset[str], trail: list[Step]) -> str | None:
    """Give the canonical instruction, or None if it is not one beyond doubt."""
    is_whole = not parts.tail
    head = single_spaced(plain_unicode(parts.head), is_whole=is_whole)
    trail.append(Step("plain", "odd spaces, soft marks and runs of spaces in prose; composed letters", head))
    objection = _announces(head, words, is_whole=is_whole)
    if not objection:
        head = _normal(head, words, parts.tail[:1], trail)
        objection = boundary.not_prose(head) or ("the sentence breaks off" if is_whole and breaks_off(head) else "")
    if objection:
        trail.append(Step("veto", objection, head))
        return None
    return head


def _announces(head: str, words: frozenset[str], *, is_whole: bool) -> str:
    """Give "" or why payload may stand where no mark shows it."""
    if not is_whole and not boundary.is_instruction(head):
        return "payload, perhaps in front of its instruction"
    if is_whole and topics.points_at_itself(words, head):
        return "this may be the text itself, or part of it is to be said in another language"
    if topics.points_below(words) and (is_whole or "." in head):
        return "payload is announced and nothing shows where it begins"
    return ""


def _normal(head: str, words: frozenset[str], mark: str, trail: list[Step]) -> str:
    """Give a head after the steps that work on words; ``mark``: what parts it from its payload, "" without payload."""
    was_asked, is_whole = False, not mark
    if mark in ("", ":"):
        head, was_asked = without_lead(head)
        trail.append(Step("courtesy", "a greeting and please in front of a request", head))
    has_titles = not topics.WORKS.isdisjoint(words)
    has_more = boundary.works_on_more(head)
    has_utterances = has_more or not topics.UTTERANCES.isdisjoint(words) or topics.speaks_to_others(words, head)
    head = folded(head, only_first=has_titles or has_more)
    trail.append(Step("case", "the capital of a sentence start and of the pronoun I", head))
    head = expanded(head, only_first=has_titles or has_utterances or not is_whole)
    trail.append(Step("contractions", "what's is what is", head))
    if is_whole and not has_utterances:
        head = without_end(head, was_asked=was_asked, has_titles=has_titles)
        trail.append(Step("ending", "the final mark, where the sentence shows what it is", head))
    return head


def _verbatim(text: str, why: str, trail: list[Step]) -> Form:
    trail.append(Step("verbatim", why, text))
    return Form("verbatim", text)


def _counts_blanks(beside: str) -> bool:
    return topics.speaks_of_blanks(words_of(beside))
