"""Opens sockets to an origin: names to addresses, the fastest address first, TLS with certificates checked.

Foreign errors become ``UpstreamFailed`` here, in words that tell an operator what to look at.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterable
from itertools import chain, zip_longest
from typing import Any, NamedTuple

from proxy.domain.errors import UpstreamFailed
from proxy.upstream.addresses import is_metadata

ATTEMPT_DELAY_S = 0.25  # RFC 8305, 5: before the next address is tried beside the first
KEEPALIVE_PROBE_S = 60  # a model may think for minutes: probes keep middle boxes from forgetting the connection


class Address(NamedTuple):
    """One way to reach a host."""

    family: int
    sockaddr: tuple[Any, ...]


async def resolve(host: str, port: int) -> list[Address]:
    """Addresses of a host, families interleaved (RFC 8305, 4). Raises ``OSError`` and ``UpstreamFailed``."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(Address(family, sockaddr) for family, _, _, _, sockaddr in found))
    if any(is_metadata(str(address.sockaddr[0])) for address in addresses):
        raise UpstreamFailed(
            f"{host} is a link-local or metadata address, which is never an upstream.", code="upstream_address_refused"
        )
    if not addresses:
        raise OSError(f"{host} has no address")
    first = [address for address in addresses if address.family == addresses[0].family]
    other = [address for address in addresses if address.family != addresses[0].family]
    return [address for address in chain.from_iterable(zip_longest(first, other)) if address is not None]


async def open_socket(host: str, port: int) -> socket.socket:
    """A connected socket without Nagle's delay. Raises ``OSError`` (of the last address) and ``UpstreamFailed``."""
    addresses = await resolve(host, port)
    if len(addresses) == 1:
        return await _attempt(addresses[0])
    return await _race(addresses)


async def _race(addresses: Iterable[Address]) -> socket.socket:
    """Happy eyeballs: a new attempt whenever one failed or was silent for a moment; the first to connect wins."""
    waiting = list(addresses)[::-1]
    tasks: list[asyncio.Task[socket.socket]] = []
    running: set[asyncio.Task[socket.socket]] = set()
    winner: asyncio.Task[socket.socket] | None = None
    last_error: BaseException = OSError("no address")
    try:
        while waiting or running:
            if waiting:
                tasks.append(asyncio.ensure_future(_attempt(waiting.pop())))
                running.add(tasks[-1])
            done, running = await asyncio.wait(
                running, timeout=ATTEMPT_DELAY_S if waiting else None, return_when=asyncio.FIRST_COMPLETED
            )
            for task in done:
                last_error = task.exception() or last_error
                if task.exception() is None:
                    winner = task
                    return task.result()
    finally:
        for task in tasks:
            if task is not winner:
                task.cancel()
                task.add_done_callback(_discard)
    raise last_error


def _discard(task: asyncio.Task[socket.socket]) -> None:
    """Close the socket of an attempt that came second."""
    if not task.cancelled() and task.exception() is None:
        task.result().close()


async def _attempt(address: Address) -> socket.socket:
    sock = socket.socket(address.family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if hasattr(socket, "TCP_KEEPIDLE"):  # absent on macOS before 3.10 names
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_PROBE_S)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, KEEPALIVE_PROBE_S)
        await asyncio.get_running_loop().sock_connect(sock, address.sockaddr)
    except BaseException:
        sock.close()
        raise
    return sock


def tls_context(ca_file: str | None) -> ssl.SSLContext:
    """Certificates and names checked, TLS 1.2 at least, HTTP/1.1 only; ``ca_file`` replaces the system's authorities.

    Reads files: call it in a thread. Raises ``OSError`` when ``ca_file`` cannot be read or holds no certificate.
    """
    context = ssl.create_default_context(cafile=ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


def in_words(error: OSError) -> str:
    """What went wrong while connecting, for a message."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message}); a private authority is named by ca_file"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed ({error.reason or 'no reason given'})"
    if isinstance(error, socket.gaierror):
        return "its host name could not be resolved"
    if isinstance(error, ConnectionRefusedError):
        return "the connection was refused"
    return error.strerror or "the connection could not be opened"
