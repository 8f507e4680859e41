"""The canonical form of a prompt: what is left when everything provably inert is gone. Equal forms may share an answer.

Each step states what it assumes and where that is visible; where it is not, the text stays verbatim. Nothing here compares
two texts, and no step knows of a threshold. Every step is linear in the text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from re import Pattern
from typing import Final, NamedTuple

from proxy.dedup import boundary, topics
from proxy.dedup.blanks import edged, is_to_be_continued, trimmed, unix_lines
from proxy.dedup.case import folded
from proxy.dedup.contractions import expanded
from proxy.dedup.courtesy import without_lead, without_thanks
from proxy.dedup.ending import breaks_off, without_end
from proxy.dedup.json_form import sorted_keys
from proxy.dedup.spaces import closed_up, single_spaced
from proxy.dedup.unicode_form import plain_unicode
from proxy.dedup.volatile import Masked, compile_volatile, masked
from proxy.dedup.words import quoted, words_in, words_of

__all__ = ["VERSION", "Form", "Step", "canonical", "compile_volatile", "masked_only", "parts_of", "steps"]

VERSION: Final = "2"
"""Goes into every key: another version of these rules never meets an answer of this one."""
LARGEST: Final = 8192
"""Characters; a longer text is mostly payload."""
_CASE: Final = "the capital of a sentence start and of the pronoun I"
_TITLED: Final = "only that of a question word or a verb, for a title may open the sentence"
_STAYS: Final = "it stays, for the text may speak of it"
_MARKS: Final = ".!? "
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


_Trail = list[tuple[str, str, str]]  # of what makes a `Step`: where a key is made nobody looks, so it costs little


def canonical(text: str, volatile: Sequence[Pattern[str]] = (), *, beside: str = "") -> Form:
    """Give the form of the one user text of a request.

    ``beside``: the other texts of the request (system prompt). If they make this text a payload ("translate", "classify") or
    speak of ids or time, they have their say.
    """
    return _walk(text, volatile, beside, [])


def steps(text: str, volatile: Sequence[Pattern[str]] = (), *, beside: str = "") -> Iterator[Step]:
    """Give what each step made of a text, in order; the last one is its form."""
    trail: _Trail = []
    form = _walk(text, volatile, beside, trail)
    yield from map(Step._make, trail)
    yield Step(form.tag, _TAGS[form.tag], form.text)


def parts_of(tag: str, text: str) -> tuple[str, ...]:
    """Give a form as it is read: days, instruction and payload of a near one, of any other the text alone."""
    return tuple(text.split(_PART, 2)) if tag == "near" else (text,)


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


def _walk(text: str, volatile: Sequence[Pattern[str]], beside: str, trail: _Trail, *, is_again: bool = False) -> Form:
    """Give the form, and leave behind what each step made of the text."""
    if len(text) > LARGEST:
        return _verbatim(text, "too long to be an instruction", trail)
    plain = unix_lines(text)
    trail.append(("lines", "line ends are \\n if all of them were \\r\\n", plain))
    if "\r" in plain:
        return _verbatim(text, "its line ends are of two kinds, or spoken of", trail)
    if beside and (payload := _payload_of(beside, text, plain, trail)):
        return payload
    if trimmed(plain)[:1] == "{":
        ordered, veto = sorted_keys(trimmed(plain), beside)
        return _verbatim(edged(plain, words_of(plain)), veto, trail) if veto else Form("json", ordered)
    lowered = closed_up(plain_unicode(plain).lower())
    words = frozenset(words_in(lowered))
    if said := topics.speaks_of_form(words, lowered):
        raw = topics.speaks_of_blanks(words)
        return _verbatim(text if raw else edged(plain, words), f"the text speaks of form or wording ({said})", trail)
    if plain[-1:] == " " and is_to_be_continued(plain, words):
        return _verbatim(edged(plain, words), "the text may be continued from the blank at its end", trail)
    return _near(plain, words, masked(edged(plain, words), volatile, beside=beside), beside, trail, is_again=is_again)


def _payload_of(beside: str, text: str, plain: str, trail: _Trail) -> Form | None:
    """Give the verbatim form if an instruction beside the text makes its blanks count, or all of it payload."""
    lowered = closed_up(beside.lower())
    words = frozenset(words_in(lowered))
    if said := topics.speaks_of_blanks(words):
        return _verbatim(text, f"an instruction beside the text speaks of blanks or characters ({said})", trail)
    if said := topics.is_payload_of(words, lowered):
        why = f"an instruction beside the text makes it payload ({said})"
        return _verbatim(edged(plain, words_of(plain)), why, trail)
    return None


def _near(
    plain: str, words: frozenset[str], found: Masked, beside: str, trail: _Trail, *, is_again: bool = False
) -> Form:
    """Give the form of a text whose instruction is prose, or the verbatim one."""
    if found.values:
        trail.append(("telemetry", "labelled ids and clock times at the edge; days stay", found.text))
    elif found.veto:
        trail.append(("telemetry", f"{_STAYS} ({found.veto})", found.text))
    bare = without_thanks(single_spaced(plain_unicode(boundary.untabbed(trimmed(found.text))), is_whole=True))
    parts = boundary.parted(bare)
    if parts.tail:
        parts = boundary.parted(found.text)
    is_part = parts.tail or found.values  # what telemetry says is not said by the prompt
    head = _instruction(parts, words_of(parts.head) if is_part else words, trail)
    if head is None:
        return _verbatim(edged(plain, words), trail[-1][1], trail)
    if not is_again and _moved(parts.head, head) and not _stays(head, parts.tail, beside):
        return _verbatim(edged(plain, words), "the steps do not agree on what is left", trail)
    return Form("near", _PART.join((" ".join(found.days), head, parts.tail)), found.values)


def _moved(head: str, form: str) -> bool:
    """Tell whether more was changed than a first capital and a last mark."""
    return head[1:].rstrip(_MARKS) != form[1:]


def _stays(head: str, tail: str, beside: str) -> bool:
    """Tell whether what the steps leave is left alone by them: else two texts could meet on the way to different forms."""
    again = _walk(head + tail, (), beside, [], is_again=True)
    return again.text == _PART.join(("", head, tail))


def _instruction(parts: boundary.Parts, words: frozenset[str], trail: _Trail) -> str | None:
    """Give the canonical instruction, or None if it is not one beyond doubt."""
    is_whole = not parts.tail
    head = single_spaced(plain_unicode(parts.head), is_whole=is_whole)
    trail.append(("plain", "odd spaces, soft marks and runs of spaces in prose; composed letters", head))
    objection = _announces(head, words, is_whole=is_whole)
    if not objection:
        head = _normal(head, words, parts.tail[:1], trail)
        objection = boundary.not_prose(head) or (_leans(head, words) if is_whole else "")
    if objection:
        trail.append(("veto", objection, head))
        return None
    return head


def _announces(head: str, words: frozenset[str], *, is_whole: bool) -> str:
    """Give "" or why payload may stand where no mark shows it."""
    if not is_whole and not boundary.is_instruction(head):
        return "payload, perhaps in front of its instruction"
    if (said := topics.points_below(words)) and (is_whole or "." in head):
        return f"payload is announced and nothing shows where it begins ({said})"
    return ""


def _leans(head: str, words: frozenset[str]) -> str:
    """Give "" or why a head without payload is not whole in itself. It is in its normal form: this isn't is this is not."""
    if said := topics.points_at_itself(words, head):
        return f"this may be the text itself, or part of it is to be said in another language ({said})"
    return "the sentence breaks off" if breaks_off(head) else ""


def _normal(head: str, words: frozenset[str], mark: str, trail: _Trail) -> str:
    """Give a head after the steps that work on words; ``mark``: what parts it from its payload, "" without payload."""
    was_asked, is_whole = False, not mark
    if mark in ("", ":"):
        head, was_asked, veto = without_lead(head)
        why = f"{_STAYS} ({veto})" if veto else "a greeting and please in front of a request"
        trail.append(("courtesy", why, head))
    has_titles = not topics.WORKS.isdisjoint(words)
    has_more = boundary.works_on_more(head)
    has_utterances = has_more or not topics.UTTERANCES.isdisjoint(words) or bool(topics.speaks_to_others(words, head))
    head = folded(head, words, only_first=has_titles or has_more)
    trail.append(("case", f"{_TITLED} ({quoted(topics.WORKS & words)})" if has_titles else _CASE, head))
    if not has_titles:
        head = expanded(head, only_first=has_utterances or not is_whole)
        trail.append(("contractions", "what's is what is", head))
    if is_whole and not has_utterances:
        head = without_end(head, was_asked=was_asked, has_titles=has_titles)
        trail.append(("ending", "the final mark, where the sentence shows what it is", head))
    elif is_whole:
        said = quoted(topics.UTTERANCES & words) or topics.speaks_to_others(words, head) or "two sentences"
        trail.append(("ending", f"it stays, for it may be that of an utterance ({said})", head))
    return head


def _verbatim(text: str, why: str, trail: _Trail) -> Form:
    trail.append(("verbatim", why, text))
    return Form("verbatim", text)
