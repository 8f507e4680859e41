"""Sends a body that is still coming: a piece is asked for when the socket has taken the one before.

Whoever fails ends it for both: the caller's mistake fails the answer, and the end of the exchange cancels the pump.
"""

from __future__ import annotations

from typing import Protocol

from proxy.domain.errors import CallError, ClientGone, UpstreamFailed
from proxy.ports import Body, OnSent


class Outlet(Protocol):
    """What a pump asks of its connection."""

    async def write(self, data: bytes) -> None:
        """Write; returns when the socket takes more."""
        ...

    def all_sent(self) -> None:
        """The last byte of the request was written."""
        ...


class Taker(Protocol):
    """What a pump tells the answer, whose clock must not run while a caller is slow."""

    def body_awaited(self) -> None:
        """The caller's next piece is not here yet."""
        ...

    def body_came(self) -> None:
        """It is, and the upstream should take it."""
        ...

    def fail(self, error: CallError) -> None:
        """End the exchange."""
        ...


async def pump(outlet: Outlet, body: Body, answer: Taker, on_sent: OnSent | None) -> None:
    """Write all of ``body``, in chunks where its length is not known (RFC 9112, 7.1). Raises only what nobody foresaw."""
    try:
        await _write_all(outlet, body, answer)
    except CallError as error:
        answer.fail(error)
    except ClientGone:
        answer.fail(UpstreamFailed("The caller left before the request was whole."))
    except Exception:  # a bug of ours, which must not leave the exchange waiting for a body that never comes
        answer.fail(CallError("Tallygate failed on the body of this request, which was given up."))
        raise
    else:
        outlet.all_sent()
        if on_sent is not None:
            on_sent(True)


async def _write_all(outlet: Outlet, body: Body, answer: Taker) -> None:
    sent, chunked = 0, body.length is None
    while True:
        answer.body_awaited()
        piece = await body.piece()
        answer.body_came()
        if not piece:
            break
        sent += len(piece)
        await outlet.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
    if chunked:
        await outlet.write(b"0\r\n\r\n")
    elif sent != body.length:
        raise UpstreamFailed("A body did not have the length that was announced; the request was given up.")
