"""Whether a text may refer to the id or the clock time beside it: then that is content and stays.

The lists err on the side of yes. Nothing here tells what a text means; a word that may be about time is about time.
What is asked here is answered by "", which is no, or by the words that it was seen by, quoted.
"""

from __future__ import annotations

import re
from typing import Final

from proxy.dedup.words import listed, quoted, words_of

_ID_WORDS: Final = listed(
    "uuid uuids guid guids identifier identifiers log logs logged logging nonce header headers above below link links url urls"
    " code codes request requests requested trace traces traced tracing span spans correlate correlated correlation idempotent"
    " idempotency hex prefix suffix metadata label labels debug debugging incident incidents service services server servers endpoint"
    " endpoints latency latencies slow slower error errors exception exceptions stack crash crashed crashes timeout timeouts outage"
    " caller duration deploy deployed deployment owns owner owners affected gave seed random ticket bug bugs jira tracking customer"
    " user users microservice pod fault curl backend query queries database dashboard kibana jaeger datadog splunk grafana argument"
    " arguments cite reference references vendor vendors colour colours color colors approve assign"
)
_ID_PHRASES = re.compile(
    r"(?:this|that|the|my|our) (?:run|session|conversation|thread|event|job|call|message|transaction|task|invocation|ticket|reference)\b"
    r"|(?:this|that|the) (?:line|value|string) on|(?:this|that) (?:line|value|string)\b|its digits|on top\b"
    r"|(?:at|on) the (?:top|start)|went wrong|happened (?:here|to them)|(?:you were|i was|i have|i've) given|(?:first|last|other) (?:half|two|three|four)"
    r"|(?:sends?|forwards?|returns?|takes|compare|decode|parse) (?:it|this)\b|up there|first (?:line|part|block)|numbers? (?:above|at)|root cause"
)
_ID = re.compile(r"\bids?\b(?! (?:cards?|information|info|documents?|photos?|checks?|theft|verification|badges?)\b)")
_ID_NOUNS: Final = listed(
    "it its this top start wrong happened given first last other run session conversation thread event job call message transaction task invocation ticket line value string reference part block"
    " number numbers root there"
)
_TIME_WORDS: Final = listed(
    "time times timed timer timers timestamp timestamps timezone timezones timing timetable timeline date dates dated today todays"
    " tonight now yesterday tomorrow hour hours hourly minute minutes second seconds ago current currently recent recently latest"
    " newest deadline deadlines late later early earlier elapsed since until till clock clocks week weeks weekly weekday weekend month"
    " months monthly year years yearly day days daily schedule scheduled scheduling calendar morning mornings afternoon afternoons"
    " evening evenings night nights noon midday midnight breakfast lunch dinner supper shift shifts epoch utc gmt zone zones remind"
    " reminder reminders age ages old older open opens opened close closed closes soon next last duty weather forecast price prices"
    " pricing market markets stock stocks live log logs logged above below header headers report reports still yet already when ready"
    " due expire expires expired expiry wait waiting overdue season seasons holiday holidays birthday anniversary dawn dusk sun sunrise"
    " sunset moon dark light eat sleep asleep awake wake greet greeting greetings hello hi hey stamp quarter fiscal mon tue tues"
    " wednesday thursday friday monday tuesday saturday sunday bus train flight flights traffic news depart departs arrive arrives call"
    " calls calling ring phone meet meeting meetings visit visiting reach leave ai jet awaken coffee espresso tea loud sunscreen sky"
    " star stars planet planets venus tide tides tube metro trains buses tv bbc radio channel show shows match begun began begin ended"
    " pill pills dose fever alarm alarms stopwatch punch stint diary journal entry memo filename backup build seed random pub"
    " office colleagues colleague gone gym nap bath still running meal meals cook cooking rang"
)
_HOUR_PHRASES = re.compile(
    r"\b(?:i'm|i am|am i|we're|we are|are we|about to|(?:i|we)(?:'ve)? just|should|could|might|as we speak"
    r"|be [a-z]+ing|would (?:it|my|our|he|she|they|you|i(?! like)|we(?! like)))\b|"  # how things stand with whoever asks
    r"\bat (?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)\b|(?:is|are) [^.?!]{1,24} on\W*\Z|\bi am\W*\Z|\bam i\W*\Z"
)
# A yes or no question may be about how things stand at that hour: should the street lamps be lit?
_STATE = re.compile(r"(?:[^.?!\n]{0,40}[.!,] )?(?:should|is|are|may|must|will|has|have|am|was|were) (?!there\b)")
_BACKWARDS: Final = listed(
    "again continue previous earlier stopped happened same resume retry status fail fails failed failing failure above below"
)
_DEIXIS: Final = _BACKWARDS | listed("it who whose this that one")
_SHORT: Final = 60  # characters: a text this short may lean on what stands around it


def may_refer_to_id(words: frozenset[str], lowered: str) -> str:
    """Tell whether a text (its words, and itself in lower case) may speak of a request, its id or what became of it."""
    if not _ID_WORDS.isdisjoint(words):
        return quoted(_ID_WORDS & words)
    if ("id" in words or "ids" in words) and _ID.search(lowered):  # an "ID card" is another thing
        return quoted(words & {"id", "ids"})
    found = None if _ID_NOUNS.isdisjoint(words) else _ID_PHRASES.search(lowered)
    return quoted((found.group(),)) if found else ""


def may_refer_to_time(words: frozenset[str], lowered: str) -> str:
    """Tell whether a text (its words, and itself in lower case) may depend on the hour."""
    if not _TIME_WORDS.isdisjoint(words):
        return quoted(_TIME_WORDS & words)
    found = _STATE.match(lowered) or _HOUR_PHRASES.search(lowered)
    return quoted((found.group().strip(),)) if found else ""


def leans_on_context(text: str, *, is_alone: bool) -> str:
    """Tell whether a short text points at something that it does not hold.

    ``is_alone``: the telemetry stands in the same text ("job 77, how do I cancel it"), so that a pronoun may mean it.
    """
    return quoted((_DEIXIS if is_alone else _BACKWARDS) & words_of(text)) if len(text) < _SHORT else ""
