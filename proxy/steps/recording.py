"""The answer of an attempt, kept while it passes, so that those who ask the same need not ask an upstream.

What is kept are the upstream's own bytes: before our usage chunk is dropped, before values come back in it, and before
anybody's rules look at it. Kept are references, and never more than an entry may hold. Fail-closed: what did not end well,
was cut, was made by another model, or is not fully understood is not stored, and whoever waits for it is told at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

from proxy.dedup.replay import unstorable, whole_of
from proxy.domain.reuse import MOST_BYTES, CacheKey, Entry
from proxy.domain.usage import Usage, UsageSource
from proxy.metering.match import is_version
from proxy.ports import Answer
from proxy.steps.inflate import Inflater

_OK: Final = 200


class Keeper(Protocol):
    """Who takes the answer: a lead, or the counting of a rule in shadow."""

    async def is_wanted(self) -> bool:
        """Whether somebody waits for it."""

    def deposit(self, entry: Entry) -> None:
        """Take it."""

    def give_up(self, *, alone: bool = False) -> None:
        """There is none; ``alone``: there is one that cannot be shared."""


class Tally(Protocol):
    """Who is told what became of it: the gauge, or whoever asked for it."""

    def kept(self, why: str) -> None:
        """It was kept; ``why`` it was not, else."""


class Sought(NamedTuple):
    """What an answer is kept for."""

    key: CacheKey
    api: str
    models: tuple[str, ...]  # under any of these names it is the model that was asked for; empty: names say nothing
    masked: tuple[str, ...]  # what the key leaves out of the prompt: no answer that repeats it may be shared
    call_id: str
    ttl_s: float
    is_shadow: bool


class Recording:
    """Of one attempt. Ends once, by ``end`` or ``stop``."""

    def __init__(self, gauge: Tally, keeper: Keeper, sought: Sought, now: Callable[[], float]) -> None:
        """``now``: unix seconds."""
        self._gauge, self._keeper, self._sought, self._now = gauge, keeper, sought, now
        self._pieces: list[bytes] = []
        self._size = 0
        self._coding = b""
        self._is_stream = False
        self._body: bytes | None = None  # the answer as it will be stored
        self.is_over = False

    async def is_wanted(self) -> bool:
        """Whether somebody waits for an answer that may still become one to be shared."""
        return not self.is_over and await self._keeper.is_wanted()

    def begin(self, answer: Answer, *, is_stream: bool) -> None:
        """The upstream has begun to answer."""
        self._coding, self._is_stream = answer.coding, is_stream
        if answer.status != _OK:
            self.stop("status")

    def take(self, piece: bytes) -> None:
        """Keep what has come of it."""
        if self.is_over:
            return
        self._size += len(piece)
        self._pieces.append(piece)
        if self._size > MOST_BYTES:
            self._refuse("too-large")

    def is_fit(self, usage: Usage) -> bool:
        """Whether the answer, all of which has come, will be shared."""
        if not self.is_over and self._body is None:
            if not (usage.complete and usage.usage_source is UsageSource.REPORTED):
                self.stop("incomplete")
            elif why := "other-model" if self._is_stand_in(usage.model) else self._unfit():
                self._refuse(why)
        return not self.is_over

    def end(self, usage: Usage | None) -> None:
        """It ends here: all of it has come, with this ``usage``, or that is not known and there is nothing to share."""
        if usage is None:
            self.stop()
        elif self.is_fit(usage) and self._body is not None:
            self.is_over = True
            self._keeper.deposit(self._entry(usage, self._body))
            self._gauge.kept("")
            self._forget()

    def stop(self, why: str = "failed") -> None:
        """There will be no answer: somebody else may find one."""
        if not self.is_over:
            self.is_over = True
            self._keeper.give_up()
            self._gauge.kept(why)
            self._forget()

    def _refuse(self, why: str) -> None:
        """There is an answer, and it is nobody else's."""
        self.is_over = True
        self._keeper.give_up(alone=True)
        self._gauge.kept(why)
        self._forget()

    def _forget(self) -> None:
        self._pieces = []
        self._body = None

    def _unfit(self) -> str:
        """Why the answer cannot be stored, as a token; else empty, and it is ready."""
        sent = b"".join(self._pieces)
        if self._coding:
            inflater = Inflater(self._coding)
            sent = inflater.feed(sent)
            if inflater.is_lost:
                return "compressed"
        try:
            body = whole_of(self._sought.api, sent) if self._is_stream else sent
            why = "unknown" if body is None else unstorable(self._sought.api, body, self._sought.masked)
        except Exception:  # noqa: BLE001 - whatever an upstream said, it must not break the answer to its caller
            return "unknown"
        if body is not None and len(body) > MOST_BYTES:
            return "too-large"
        self._body = None if why else body
        return why

    def _is_stand_in(self, served: str | None) -> bool:
        """Whether another model answered than the one that was asked."""
        models = self._sought.models
        return bool(models) and (served is None or not any(is_version(asked, served) for asked in models))

    def _entry(self, usage: Usage, body: bytes) -> Entry:
        sought = self._sought
        return Entry(
            id=sought.call_id,
            api=sought.api,
            model=usage.model or "",
            digest=sought.key.digest,
            exact=sought.key.exact,
            created=self._now(),
            ttl_s=sought.ttl_s,
            usage=usage,
            body=b"" if sought.is_shadow else body,
            is_shadow=sought.is_shadow,
        )
