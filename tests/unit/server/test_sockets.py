"""Listening sockets that workers share and nobody else may."""

from __future__ import annotations

import socket

import pytest

from proxy.config.settings import Address
from proxy.server import sockets
from proxy.server.sockets import PortTaken


def test_workers_share_a_reserved_port() -> None:
    address, kept = sockets.reserve(Address("127.0.0.1", 0))
    one, two = sockets.bind(address), sockets.bind(address)
    try:
        for sock in (*one, *two):
            sock.listen()
            assert sock.getsockname()[1] == address.port != 0
    finally:
        sockets.close([*kept, *one, *two])


def test_a_reserved_port_is_taken_for_everybody_else() -> None:
    address, kept = sockets.reserve(Address("127.0.0.1", 0))
    try:
        with pytest.raises(PortTaken, match=f"127.0.0.1:{address.port}"):
            sockets.reserve(address)
    finally:
        sockets.close(kept)
    again, kept = sockets.reserve(address)
    assert again == address
    sockets.close(kept)


def test_a_listener_that_would_share_is_found_all_the_same() -> None:
    (other,) = sockets.bind(Address("127.0.0.1", 0))
    other.listen()
    try:
        with pytest.raises(PortTaken):
            sockets.reserve(Address("127.0.0.1", other.getsockname()[1]))
    finally:
        other.close()


def test_a_name_that_nobody_knows_is_named() -> None:
    with pytest.raises(OSError, match=r"no-such-host\.invalid:1"):
        sockets.bind(Address("no-such-host.invalid", 1))


def test_dead_peers_are_noticed_on_accepted_connections() -> None:
    (sock,) = sockets.bind(Address("127.0.0.1", 0))
    sock.setblocking(True)
    sock.listen()
    with sock, socket.create_connection(sock.getsockname()):
        accepted, _ = sock.accept()
        with accepted:
            assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
