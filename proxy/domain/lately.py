"""What a scope did in the last hour and in the last day, as its buckets in the store sum up. Never money truth."""

from __future__ import annotations

from typing import Final

import msgspec


class Counts(msgspec.Struct):
    """What is counted of a scope. Buckets hold the counts in this order: add new ones at the end, and take none away."""

    requests: int = 0  # calls of identified callers, refused ones too; lists of models are none
    errors: int = 0  # calls that ended in one, but for what a ladder itself refused
    abandoned: int = 0  # calls whose caller left while an upstream worked on them
    nusd: int = 0
    looked: int = 0  # input tokens of calls that were compared with earlier ones
    repeated: int = 0  # of these, tokens of calls that the scope itself had asked before, exactly or nearly


COUNTERS: Final = Counts.__struct_fields__


class Lately(msgspec.Struct, frozen=True):
    """A scope as this worker knows it: at most a minute old while the store is there, with its own calls of this moment."""

    hour: Counts  # of the last 60 to 65 minutes
    day: Counts  # of the last 24 to 25 hours
    since: tuple[tuple[str, int], ...] = ()  # (ladder, unix seconds): since when its condition holds
