"""Listening addresses and the sockets bound to them.

Each worker binds a socket of its own with SO_REUSEPORT and the kernel spreads connections over them. The same option lets
a second proxy of the same user start beside the first and steal half its calls, so the port is first bound without it.
"""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Sequence
from typing import Any

from proxy.config.settings import Address


class PortTaken(OSError):
    """Somebody else listens there."""


def bind(address: Address) -> list[socket.socket]:
    """Bound sockets that share their port with other workers, one per address the host has; not yet listening.

    SO_KEEPALIVE is set here because accepted connections inherit it. Raises ``OSError`` naming the address.
    """
    sockets: list[socket.socket] = []
    try:
        for family, where in _resolve(address):
            sock = socket.socket(family, socket.SOCK_STREAM)
            sockets.append(sock)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            sock.setblocking(False)
            _bind(sock, where, address)
    except OSError:
        close(sockets)
        raise
    return sockets


def reserve(address: Address) -> tuple[Address, list[socket.socket]]:
    """Make sure that nobody listens on an address, and keep it for our workers while the sockets are open.

    The sockets returned are bound and never listen. With port 0 the address returned tells the port. Raises ``PortTaken``
    or another ``OSError``, naming the address.
    """
    probes: list[socket.socket] = []
    try:
        for family, where in _resolve(address):
            probe = socket.socket(family, socket.SOCK_STREAM)
            probes.append(probe)
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections in TIME_WAIT are no listeners
            _bind(probe, where, address)
        port = probes[0].getsockname()[1]
    finally:
        close(probes)
    found = Address(address.host, port)
    kept: list[socket.socket] = []
    try:
        for family, where in _resolve(found):
            sock = socket.socket(family, socket.SOCK_STREAM)
            kept.append(sock)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            _bind(sock, where, found)
    except OSError:
        close(kept)
        raise
    return found, kept


def close(sockets: Sequence[socket.socket]) -> None:
    """Close all of them."""
    for sock in sockets:
        sock.close()


def tls_context(certificate: str, key: str) -> ssl.SSLContext:
    """TLS 1.2 or newer, HTTP/1.1 only. Raises ``OSError`` (``ssl.SSLError`` is one) when the files cannot be used."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    context.set_alpn_protocols(["http/1.1"])
    return context


def _resolve(address: Address) -> list[tuple[int, Any]]:
    try:
        found = socket.getaddrinfo(
            address.host or None, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE | socket.AI_NUMERICSERV
        )
    except socket.gaierror as error:
        raise OSError(error.errno, f"cannot listen on {address}: {error.strerror}") from None
    return list(dict.fromkeys((family, where) for family, _, _, _, where in found))


def _bind(sock: socket.socket, where: Any, address: Address) -> None:
    try:
        if sock.family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(where)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortTaken(
                error.errno,
                f"cannot listen on {address}: another process already does. End it, or name another port "
                "in `listen` or `admin`",
            ) from None
        raise OSError(error.errno, f"cannot listen on {address}: {error.strerror}") from None
