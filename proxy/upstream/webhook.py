"""The webhook: what people are told is posted to one address, signed as GitHub signs, one after the other.

It is beside the calls and never in their way: what waits is bounded, a dead receiver costs nothing but what it is not told.
Failure: a few tries with growing pauses, then the notice is dropped and counted; the first of a row is told to the log.
An answer below 300 is a success; a redirect, like a refusal for good (4xx but 408 and 429), is not tried again.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from proxy.config.settings import Notify
from proxy.domain.errors import CallError
from proxy.domain.upstream import Timeouts, Upstream
from proxy.ports import Wire

MOST: Final = 1_000  # notices that wait
WHOLE_S: Final = 10.0  # for one try, from its beginning to the head of the answer
PAUSES_S: Final = (1.0, 5.0, 25.0)  # between tries
_SUCCESS_END, _REFUSED_END = 300, 500
_AGAIN: Final = frozenset({408, 429})

Tell = Callable[[str, str, str], None]  # (level, event, detail) to the log
Count = Callable[[str, str], None]  # (type of the notice, sent or dropped)


class _Letter(NamedTuple):
    type: str
    id: str
    body: bytes


class Webhook:
    """Of one worker."""

    def __init__(
        self, wire: Wire, to: Notify, tell: Tell, count: Count, pauses_s: tuple[float, ...] = PAUSES_S
    ) -> None:
        """``count`` hears how each notice ended."""
        parts = urlsplit(to.url)
        self._wire = wire
        self._secret = to.secret
        self._tell = tell
        self._count = count
        self._pauses_s = pauses_s
        self._upstream = Upstream(
            name=f"notify: {parts.netloc}",  # no upstream of the configuration can be called so
            dialect="",
            base_url=f"{parts.scheme}://{parts.netloc}",
            timeouts=Timeouts(connect_s=WHOLE_S, first_byte_s=WHOLE_S, idle_s=WHOLE_S),
            max_connections=1,
            ca_file=str(to.ca_file) if to.ca_file else None,
        )
        self._target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._waiting: deque[_Letter] = deque()
        self._came = asyncio.Event()
        self._fault = ""

    @property
    def is_idle(self) -> bool:
        """Whether all is posted or dropped."""
        return not self._waiting

    def post(self, type_: str, id_: str, body: bytes) -> None:
        """Have JSON posted as soon as may be; returns at once. Where too many wait it is dropped."""
        if len(self._waiting) >= MOST:
            self._count(type_, "dropped")
            return
        self._waiting.append(_Letter(type_, id_, body))
        self._came.set()

    async def run(self) -> None:
        """Post what comes, for ever."""
        while True:
            self._came.clear()
            while self._waiting:
                letter = self._waiting[0]
                fault = await self._deliver(letter)
                self._waiting.popleft()
                self._count(letter.type, "dropped" if fault else "sent")
                self._note(fault)
            await self._came.wait()

    async def _deliver(self, letter: _Letter) -> str:
        """Why it could not be posted; empty where it was."""
        for pause_s in (*self._pauses_s, None):
            try:
                async with asyncio.timeout(WHOLE_S):
                    status = await self._ask(letter)
            except TimeoutError:
                fault = f"did not answer within {WHOLE_S:g} s"
            except CallError as error:
                fault = error.message.rstrip(".")
            except Exception as error:  # noqa: BLE001 - whatever one notice has, the next ones are posted
                fault = f"could not be posted ({type(error).__name__})"  # its text may hold the secret
            else:
                fault = "" if status < _SUCCESS_END else f"answered with status {status}"
                if not fault or (status < _REFUSED_END and status not in _AGAIN):
                    return fault
            if pause_s is not None:
                await asyncio.sleep(pause_s)
        return fault

    async def _ask(self, letter: _Letter) -> int:
        headers = [
            (b"content-type", b"application/json"),
            (b"x-tally-event", letter.type.encode()),
            (b"x-tally-delivery", letter.id.encode()),
        ]
        if self._secret is not None:
            digest = hmac.new(self._secret.value.encode(), letter.body, hashlib.sha256).hexdigest()
            headers.append((b"x-tally-signature", f"sha256={digest}".encode()))
        answer = await self._wire.send(self._upstream, "POST", self._target, headers, letter.body)
        try:
            await answer.read()  # so that the connection can be used again
        finally:
            answer.close()
        return answer.status

    def _note(self, fault: str) -> None:
        """Tell the log what changed, not what goes on; never the path, in which some receivers have their secret."""
        before, self._fault = self._fault, fault
        if fault and not before:
            self._tell("warning", "webhook_failed", f"{self._upstream.name}: {fault}; notices are dropped")
        elif before and not fault:
            self._tell("info", "webhook_back", self._upstream.name)
