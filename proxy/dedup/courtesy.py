"""Courtesy at the very edges: a greeting in front of a request, "please" before its verb, thanks behind it.

The assumption is that it is addressed to the machine. It is visible only where an ordinary request remains: a title ("Hello,
Goodbye"), an item of a list ("hi, hello, thanks") or an object ("a song called please") does not leave one. A text that speaks
of courtesy, wording or works with titles is not touched.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from proxy.dedup.boundary import has_payload
from proxy.dedup.topics import EDGES, speaks_to_others
from proxy.dedup.words import ASKS, FUNCTION, PRONOUNS, TASKS, listed, quoted, words_of

_LEAD = re.compile(r"(?:hi|hello|hey|greetings|good|can|could|will|would|please|kindly|i)\b", re.IGNORECASE)
"""How every courtesy in front begins: one look instead of four."""
_GREETING = re.compile(
    r"(?:hi|hello|hey|greetings|good day|(?P<hour>good (?:morning|afternoon|evening)))(?: (?:there|team|all|everyone|folks))?"
    r"[ ]?(?:,|!|\.)\s*(?=(?P<next>[A-Za-z']+) (?-i:[a-z0-9]|I [a-z]))",
    re.IGNORECASE,
)
_SUM = re.compile(  # the linear way to "three figures, and at the end a question for one"
    r"[^0-9]*[0-9]+[^0-9]+[0-9]+[^0-9]+[0-9].*[.,] (?P<asked>(?i:how (?:many|much)|what (?:is|was|are|were)) [^.?!]{1,200})\?\Z"
)
"""A sum told as a story: whom it is told to changes nothing in it."""
_SPEAKERS: Final = listed(
    "i me my mine myself we us our ours ourselves you your yours this message greet greeted greeting greetings"
)
"""What a sum asks with one of these may be about who speaks: "what is my opening?"."""
_HOURS: Final = listed(
    "eat meal food cook recipe snack drink coffee wear sleep today now tonight tomorrow yesterday time day weather breakfast lunch dinner"
    " supper morning afternoon evening night plan plans schedule go visit watch listen feel energy suggest suggestion suggestions"
    " recommend recommendation recommendations idea ideas open closed close late early"
)
_TASK = "(?:" + "|".join(sorted(TASKS)) + ")"
_PLEASE = re.compile(
    rf"(?:(?:can|could|would|will) you (?:please|kindly) |(?:please|kindly),? |please (?:can|could|would) you )(?={_TASK} (?-i:[a-z0-9]))"
    r"|please, (?=(?:what|how|why|when|where|who|which) (?-i:[a-z0-9]))",
    re.IGNORECASE,
)
_ABLE = re.compile(
    r"(?:can|could|would) you (?=(?:explain|describe|tell me (?:about|what|how|why|when|where|who|which|if)|give me|suggest|recommend|outline) (?-i:[a-z0-9])"
    r"[\w'-]*(?: [\w'-]+){2})",
    re.IGNORECASE,
)
_CONDITIONAL = re.compile(
    r"\b(?:if (?:i|you|he|she|it|we|they)|or not|to an? \w+ who|you (?:are|see|feel|think))\b|\b(?:suggest|recommend) (?:that|this|it)\b",
    re.IGNORECASE,
)
_WISH = re.compile(
    rf"i(?: would|'d) like you to (?={_TASK} (?-i:[a-z0-9]))|i (?:need|want) you to (?={_TASK} (?-i:[a-z0-9]))",
    re.IGNORECASE,
)
_THANKS = re.compile(
    r"(?:(?:[ ]?[,.!?]{1,3}\s{0,3}|\n{1,3})(?:many thanks|thanks(?: (?:so much|a lot))?|thank you(?: (?:so much|very much|for your help))?|thx"
    r"|much appreciated|please)|[ ]?[.!?]{1,3}\s{0,3}cheers|(?:[ ]?[,.!?]{1,3}|\s)\s?(?:thanks|thank you|thx) in advance)[ ]?[.!?]{0,3}\Z",
    re.IGNORECASE,
)
_GAP = re.compile(r"[ ]?[,.!?]*")
_BARE_PLEASE = re.compile(r"(?P<before>[A-Za-z]{3,}) please[ ]?\.{0,2}\Z")
_EDGE: Final = 60  # characters in which a closing courtesy fits
_FEWEST_WORDS: Final = 3
_STATEMENT_WORDS: Final = 8  # a greeting in front of fewer words than these is perhaps a line of dialogue
_SHORT: Final = 60  # characters: "is that rude" behind a greeting may mean the greeting
_POINTERS: Final = listed("it that")
_POINTS = re.compile(r"\b(?:is|was|were|does|did|do|of|by|about|like|use|count|with) (?:it|that)\b")
_ADVERBS: Final = listed("always never often most really truly ever also both two")
_RELATIVES: Final = listed(
    "whatever whichever whoever whomever however wherever whenever make makes made let lets aim aims"
)
_YES_OR_NO: Final = listed("is are was were can could should would will may do does did have has")
_BARE_QUESTION: Final = 5  # words: does the new menu please
_GROUPS: Final = listed("team all everyone folks")
_OPENERS: Final = ASKS | TASKS | PRONOUNS | listed("if in on for a an please kindly")


class Stripped(NamedTuple):
    """A request without its courtesy."""

    text: str
    was_asked: bool  # "could you please": a question mark at the end belongs to the courtesy
    veto: str = ""  # words, quoted, for which there may be more to the courtesy, so that it stayed


def without_thanks(text: str) -> str:
    """Give a text of one line without thanks at its end; one with a payload, whose thanks they may be, as it is."""
    edge = text[-_EDGE:].lower()
    if not ("please" in edge or "thank" in edge or "thx" in edge or "appreciated" in edge or "cheers" in edge):
        return text
    found = _THANKS.search(text, max(0, len(text) - _EDGE)) or _BARE_PLEASE.search(text, max(0, len(text) - _EDGE))
    if found is None:
        return text
    bare = "before" in found.groupdict() and found["before"]
    if bare and _is_object(bare, text):
        return text  # as you please, hard to please
    if not bare and _is_apposition(found.group()):
        return text  # "the bar from TV, Cheers?"
    rest = text[: found.end("before")] if bare else _with_mark(text, found)
    inner = without_lead(rest).text  # a courtesy in front is no subject of what stands behind it
    if has_payload(rest) or _is_list_like(rest) or _speaks_of_courtesy(inner) or len(words_of(rest)) < _FEWEST_WORDS:
        return text
    return rest


def without_lead(head: str) -> Stripped:
    """Give a head without greeting and "please" in front, if a request remains."""
    if not _LEAD.match(head):
        return Stripped(head, was_asked=False)
    text, was_asked = head, False
    greeting = _GREETING.match(text)
    if greeting and _is_addressed(text, greeting):
        text = text[greeting.end() :]
    asked = _PLEASE.match(text) or _ABLE.match(text) or _WISH.match(text)
    if asked and asked.re is _ABLE and _CONDITIONAL.search(text):
        asked = None  # "would you explain it if I paid you" is a question about you
    if asked:
        was_asked = "you " in asked.group().lower()[:10]
        text = text[asked.end() :]
    if text is head or len(text.replace("'", " ").split()) < _FEWEST_WORDS:  # what's are two, once written out
        return Stripped(head, was_asked=False)
    if veto := _speaks_of_courtesy(text):
        return Stripped(head, was_asked=False, veto=veto)
    return Stripped(text, was_asked or asked is not None)


def _with_mark(text: str, found: re.Match[str]) -> str:
    """Give what stands before closing thanks with the mark that ends its sentence; a question mark may stand behind them."""
    gap = _GAP.match(text, found.start())
    mark = gap.group().strip(" ,") if gap else ""
    return text[: found.start()] + ("?" if found.group().rstrip(".! ").endswith("?") and "?" not in mark else mark)


def _is_addressed(text: str, greeting: re.Match[str]) -> bool:
    """Tell whether a greeting opens a request, and says nothing about the hour that matters to it."""
    rest = text[greeting.end() :]
    opener = greeting["next"].lower().partition("'")[0]
    if opener not in _OPENERS:
        told = None if greeting["hour"] else _SUM.match(rest)
        return told is not None and _SPEAKERS.isdisjoint(words_of(told["asked"]))
    words = words_of(rest)
    if greeting["hour"] and (not _HOURS.isdisjoint(words) or opener in _YES_OR_NO or "should" in words):
        return False  # "is the sun up", "should I take a nap"
    if not _GROUPS.isdisjoint(words_of(greeting.group())) and opener in PRONOUNS:
        return False  # the first words of a speech
    if opener == "i" and rest.lower().startswith(("i am ", "i'm ", "i come ", "i love ")):
        return False  # somebody introduces himself
    return opener in ASKS or opener in TASKS or opener == "please" or len(rest.split()) >= _STATEMENT_WORDS


def _is_object(before: str, text: str) -> bool:
    """Tell whether a bare "please" at the end may be the verb of the sentence: "which designs please", "how the rich please"."""
    last = before.lower()
    if last in FUNCTION or last in _ADVERBS or last in ("they", "must", "who", "just", "word") or before[0].isupper():
        return True
    words = text.lower().split()
    if not _RELATIVES.isdisjoint(words) or (words[0] in _YES_OR_NO and len(words) <= _BARE_QUESTION):
        return True
    if last.endswith("s") and not last.endswith("ss") and words[0] in ASKS | TASKS:
        return bool({"how", "which", "what", "why", "that", "who"} & frozenset(words))
    return words[0] in ("who", "whom") and last.islower()


def _is_apposition(courtesy: str) -> bool:
    """Tell whether a courtesy behind a comma may be the answer that is asked about: a name, or asked itself."""
    if "," not in courtesy or courtesy.lstrip(" ,.!?\n")[:6].lower() == "please":
        return courtesy.lstrip(" ")[:1] == "," and courtesy.lstrip(" ,")[:1].isupper()
    return "?" in courtesy[2:] or courtesy.lstrip(" ,.!?\n")[:1].isupper()


def _is_list_like(text: str) -> bool:
    """Tell whether the last segment between commas is so short that what follows may be the next item."""
    before, comma, last = text.rpartition(",")
    return bool(comma and before) and len(last.split()) < _FEWEST_WORDS


def _speaks_of_courtesy(text: str) -> str:
    """Give "" or, quoted, what shows that a courtesy around a text may be its subject: its name, or a short text's pointer."""
    lowered = text.lower()
    words = words_of(lowered)
    if not EDGES.isdisjoint(words):
        return quoted(EDGES & words)
    if said := speaks_to_others(words, text):
        return said
    found = len(text) < _SHORT and not _POINTERS.isdisjoint(words) and _POINTS.search(lowered)
    return quoted((found.group(),)) if found else ""
