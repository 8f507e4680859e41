"""From journal rows to recorded calls: one for each call, its attempts added up; what cannot be replayed is counted by reason."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Final

import msgspec

from proxy.app.replay.people import People
from proxy.app.replay.recorded import Recorded
from proxy.domain.row import Outcome
from proxy.journal.traffic import Attempt
from proxy.policy.facts import Facts

CONTENT_CODE: Final = "content_policy_violation"
GUESSED_S: Final = 5.0  # how long a refused call would have run, while nothing is known of its model
_decode: Final = msgspec.json.Decoder(Facts).decode
_REFUSED: Final = (Outcome.DENIED, Outcome.THROTTLED)
_CACHED: Final = (Outcome.CACHE_HIT, Outcome.COALESCED)


class Left(StrEnum):
    """Why a recorded call is not replayed."""

    NO_FACTS = "no facts"
    CONTENT = "refused for its content"
    CACHED = "answered from the cache"
    UNREACHED = "neither answered nor refused by a policy"
    GONE = "made by somebody who left the directory"


WORDS: Final[Mapping[Left, str]] = {
    Left.NO_FACTS: "were recorded without the facts that policies see (by an older release)",
    Left.CONTENT: "were refused for what their prompt held, and prompts are not kept",
    Left.CACHED: "were answered from the cache",
    Left.UNREACHED: "ended before they were refused or sent: the caller left, a queue was full, the store was away",
    Left.GONE: "came from keys and people who are no longer in the directory",
}


class Gathering:
    """Turns calls into recorded ones, in their order. ``left`` counts those that are left out."""

    def __init__(self, people: People | None) -> None:
        """``people``: None keeps pseudonyms as they are, for an export."""
        self._people = people
        self._ran: defaultdict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])  # by model: seconds, calls
        self.left: Counter[Left] = Counter()

    def of_rows(self, calls: Iterable[Sequence[Attempt]]) -> Iterator[Recorded]:
        """Recorded calls of a journal."""
        for attempts in calls:
            first = attempts[0]
            if not first.decision and first.attempt == 0 and first.facts == b"{}":
                continue  # no policy was asked: a list of models, a request that was not understood
            facts = None if (reason := _unfit(first)) else _facts(first.facts)
            if facts is None:
                self.left[reason or Left.NO_FACTS] += 1
                continue
            user = self._user_of(first.key_id, first.principal)
            if user is not None:
                whole = msgspec.structs.replace(
                    facts, org=first.org, key=first.key_id, person=first.principal, user=user
                )
                yield self._joined(attempts, whole)

    def of_file(self, calls: Iterable[Recorded]) -> Iterator[Recorded]:
        """Recorded calls of an export."""
        for call in calls:
            user = self._user_of(call.facts.key, call.facts.person)
            if user is not None:
                facts = msgspec.structs.replace(call.facts, user=user)
                yield msgspec.structs.replace(call, facts=facts)

    def _user_of(self, key: str, person: str) -> str | None:
        """Who it is; None for somebody who is gone, whose call is counted as such."""
        user = "" if self._people is None else self._people.user_of(key, person)
        if user is None:
            self.left[Left.GONE] += 1
        return user

    def _joined(self, attempts: Sequence[Attempt], facts: Facts) -> Recorded:
        first, last = attempts[0], attempts[-1]
        ran = self._ran[facts.model]
        if first.attempt == 0:
            return Recorded(
                id=first.request_id,
                at=first.at,
                facts=facts,
                answered=False,
                refused_by=first.refused.rule if first.refused else "",
                seconds=ran[0] / ran[1] if ran[1] else GUESSED_S,
                generation=first.generation,
            )
        seconds = last.duration_ms / 1000  # each attempt's is measured from the beginning of the call
        ran[0] += seconds
        ran[1] += 1
        return Recorded(
            id=first.request_id,
            at=first.at,
            facts=facts,
            seconds=seconds,
            cost_nusd=sum([one.cost_nusd for one in attempts]),
            last_nusd=last.cost_nusd,
            held_nusd=first.held_nusd,
            tokens=sum([(one.usage.input or 0) + (one.usage.output or 0) for one in attempts]),
            usage=last.usage,
            routed=last.routed or "",
            generation=first.generation,
            local=first.local,
        )


def _unfit(first: Attempt) -> Left | None:
    if first.outcome in _CACHED:
        return Left.CACHED
    if first.error == CONTENT_CODE:
        return Left.CONTENT
    if first.attempt == 0 and first.outcome not in _REFUSED:
        return Left.UNREACHED
    return Left.NO_FACTS if first.facts == b"{}" else None


def _facts(stored: bytes) -> Facts | None:
    try:
        return _decode(stored)
    except msgspec.DecodeError:
        return None
