"""Reading what Sentinels and nodes of a cluster say of others."""

from __future__ import annotations

import pytest

from proxy.domain.errors import StoreAway
from proxy.stores.locate import read_address, read_master


def told(flags: bytes) -> list[bytes]:
    return [b"name", b"main", b"ip", b"10.0.0.1", b"port", b"6380", b"flags", flags]


def test_a_sentinel_names_the_master() -> None:
    assert read_master(told(b"master")) == ("10.0.0.1", 6380)


@pytest.mark.parametrize("flags", [b"master,s_down", b"master,s_down,o_down", b"slave", b"master,disconnected,o_down"])
def test_a_master_that_a_sentinel_sees_down_is_none(flags: bytes) -> None:
    with pytest.raises(StoreAway, match=flags.decode().split(",")[-1]):
        read_master(told(flags))


def test_a_node_is_where_the_cluster_says() -> None:
    asked = ("seed", 7000)
    assert read_address([b"10.0.0.2", 7001, b"id", []], asked) == ("10.0.0.2", 7001)
    assert read_address([b"node.internal", 7001, b"id"], asked) == ("node.internal", 7001)


@pytest.mark.parametrize("host", [b"", None])
def test_a_node_that_does_not_know_its_own_name_is_the_one_that_was_asked(host: bytes | None) -> None:
    assert read_address([host, 7001, b"id"], ("seed", 7000)) == ("seed", 7001)


def test_a_node_that_nobody_can_reach_is_none() -> None:
    assert read_address([b"?", 7001, b"id"], ("seed", 7000)) is None
