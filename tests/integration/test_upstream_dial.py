"""Of several addresses the first that answers is used, and the others cost neither time nor sockets."""

from __future__ import annotations

import asyncio
import gc
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from proxy.upstream import dial
from proxy.upstream.dial import Address


@pytest.fixture
def sockets() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def address_of(listener: socket.socket) -> Address:
    return Address(socket.AF_INET, listener.getsockname())


def listening(stack: ExitStack, backlog: int) -> socket.socket:
    listener = stack.enter_context(socket.socket())
    listener.bind(("127.0.0.1", 0))
    if backlog >= 0:
        listener.listen(backlog)
    return listener


def full(stack: ExitStack) -> socket.socket:
    """A listener whose queue is full: connecting to it hangs."""
    listener = listening(stack, 0)
    for _ in range(4):
        filler = stack.enter_context(socket.socket())
        filler.setblocking(False)
        filler.connect_ex(listener.getsockname())
    return listener


async def test_a_refusing_address_gives_way_at_once(sockets: ExitStack) -> None:
    refusing, living = listening(sockets, -1), listening(sockets, 8)
    began = time.monotonic()
    with await dial._race([address_of(refusing), address_of(living)]) as connected:
        assert connected.getpeername() == living.getsockname()
        assert connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    assert time.monotonic() - began < dial.ATTEMPT_DELAY_S


async def test_a_hanging_address_is_overtaken_and_its_socket_closed(sockets: ExitStack) -> None:
    hanging, living = full(sockets), listening(sockets, 8)
    async with asyncio.timeout(5):
        with await dial._race([address_of(hanging), address_of(living)]) as connected:
            assert connected.getpeername() == living.getsockname()
    await asyncio.sleep(0)
    gc.collect()  # a socket left open would warn here, and warnings are errors


async def test_when_every_address_fails_the_last_reason_is_told(sockets: ExitStack) -> None:
    with pytest.raises(ConnectionRefusedError):
        await dial._race([address_of(listening(sockets, -1)), address_of(listening(sockets, -1))])


async def test_giving_up_closes_every_attempt(sockets: ExitStack) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.4):
            await dial._race([address_of(full(sockets)), address_of(full(sockets))])
    await asyncio.sleep(0)
    gc.collect()
