"""Whether an answer may be true only now: such prompts are not cached unless the rule says so.

Errs on the side of yes: a word too many costs a call, a word too few serves an old price.
"""

from __future__ import annotations

import re
from typing import Final

from proxy.dedup.spaces import closed_up
from proxy.dedup.words import listed, words_of

_WORDS: Final = listed(
    "today todays tonight tonights tomorrow tomorrows yesterday yesterdays now nowadays currently current latest newest recent recently"
    " lately presently upcoming ongoing breaking live still yet ago weather forecast forecasts raining snowing price prices pricing stock"
    " stocks share shares market markets bitcoin crypto cryptocurrency currency currencies inflation news headline headlines score scores"
    " standings election elections poll polls traffic delayed delay delays schedule schedules scheduled timetable deadline deadlines"
    " available availability status uptime outage outages population richest balance balances due expire expires overdue trending"
    " president premier chancellor minister ceo king queen pope mayor governor champion champions leader leaders owner"
)
_PHRASES = re.compile(
    r"(?:so far|these days|this (?:very )?moment|at the moment|at present|right away|up[ -]to[ -]date|cost of|"
    r"(?:this|last|next|past|coming) (?:hour|morning|afternoon|evening|night|day|week|month|quarter|year|season|decade|mon|tues|wednes|"
    r"thurs|fri|satur|sun)|(?:on|by|until|till|since) (?:mon|tues|wednes|thurs|fri|satur|sun)day|what (?:time|day|date|year|month)\b|"
    r"(?:time|date|day) is it|how old (?:is|are|am)|days? (?:until|till|since|left)|how long (?:until|till|since)|temperatures? (?:in|outside)|"
    r"(?:exchange|interest|mortgage) rates?|open (?:now|on|until)|opening hours|in stock|net worth|version of|release date|"
    r"world record|my (?:next|last)\b)"
)
_IN_PHRASES: Final = listed(
    "far days moment present away date cost hour morning afternoon evening night day week weeks weekend month quarter year"
    " season decade monday tuesday wednesday thursday friday saturday sunday time long old temperature temperatures rate rates open"
    " opening worth version release record next last"
)


def is_time_sensitive(text: str) -> bool:
    """Tell whether a text speaks of now, or asks for something that changes: prices, weather, scores, versions, holders."""
    lowered = closed_up(text.lower())
    words = words_of(lowered)
    if not _WORDS.isdisjoint(words) or ("of" in words and "as of" in lowered):  # nearly every text has an "of"
        return True
    return not _IN_PHRASES.isdisjoint(words) and _PHRASES.search(lowered) is not None
