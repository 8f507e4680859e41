"""What all connections of a listener share: limits, the walk to run, and how an error is put into words."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from proxy import ports
from proxy.domain.errors import CallError
from proxy.server import heads
from proxy.server.gate import Gate
from proxy.server.limits import Limits
from proxy.server.plain_errors import Answer, plain_error, with_retry_after

Handler = Callable[[ports.Request, ports.Reply], Awaitable[None]]
OnError = Callable[[ports.Request | None, CallError], Answer]


@dataclass(slots=True)
class Service:
    """What all connections of a listener share."""

    loop: asyncio.AbstractEventLoop
    limits: Limits
    handler: Handler
    on_error: OnError
    report: Callable[[BaseException], None]  # a defect of ours; must not write the error's text
    date: heads.DateLine
    gate: Gate
    draining: bool = False

    def answer(self, request: ports.Request | None, error: CallError) -> Answer:
        """The answer to an error in the caller's dialect, or plainly when that cannot be written."""
        try:
            answer = self.on_error(request, error)
        except Exception as defect:  # noqa: BLE001 - the caller still gets the refusal
            self.report(defect)
            answer = plain_error(request, error)
        return with_retry_after(answer, error)
