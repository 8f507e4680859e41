"""Metadata services are never an upstream, however their address is written."""

from __future__ import annotations

import pytest

from proxy.upstream.addresses import is_metadata


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "169.254.170.2",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
        "fe80::1",
        "fe80::1%eth0",
        "fd00:ec2::254",
        "fd20:ce::254",
        "100.100.100.200",
        "168.63.129.16",
    ],
)
def test_metadata_addresses_are_known_in_every_form(address: str) -> None:
    assert is_metadata(address)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "10.0.0.5", "192.168.1.1", "fd12:3456::1", "8.8.8.8"])
def test_private_and_public_addresses_are_ordinary(address: str) -> None:
    assert not is_metadata(address)
