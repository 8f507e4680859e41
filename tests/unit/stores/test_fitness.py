"""Which servers may hold budgets."""

from __future__ import annotations

import pytest

from proxy.stores.errors import Refused, Unfit
from proxy.stores.fitness import check, read_server


def info(version: str, *more: str) -> bytes:
    return "\r\n".join(("# Server", f"redis_version:{version}", "run_id:abc", "uptime_in_seconds:7", *more)).encode()


KEEPS = [b"maxmemory-policy", b"noeviction"]


@pytest.mark.parametrize("text", [info("7.0.15"), info("8.4.0"), info("7.2.4", "valkey_version:7.2.0")])
def test_both_ends_of_the_range_are_fit(text: bytes) -> None:
    check(read_server(text), KEEPS, may_evict=False)


@pytest.mark.parametrize("text", [info("6.2.14"), info("7.2.4", "valkey_version:7.1.9"), b"", info("what")])
def test_an_old_server_is_refused_with_what_is_needed(text: bytes) -> None:
    with pytest.raises(Unfit, match="need 7"):
        check(read_server(text), KEEPS, may_evict=False)


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl"])
def test_any_eviction_is_refused_for_a_store_and_fine_for_a_cache(policy: str) -> None:
    server = read_server(info("7.0.15"))
    with pytest.raises(Unfit, match="set it to noeviction"):
        check(server, [b"maxmemory-policy", policy.encode()], may_evict=False)
    check(server, [b"maxmemory-policy", policy.encode()], may_evict=True)


def test_what_a_hosted_server_does_not_tell_is_not_held_against_it() -> None:
    check(read_server(info("7.0.15")), Refused("ERR unknown command 'CONFIG'"), may_evict=False)


def test_a_replica_is_not_the_store() -> None:
    with pytest.raises(Refused) as refused:
        check(read_server(info("7.0.15", "role:slave")), KEEPS, may_evict=False)
    assert refused.value.code == "READONLY"


def test_a_server_is_read_whatever_it_says() -> None:
    server = read_server(info("7.0.15", "valkey_version:9.1.2"))
    assert (server.kind, server.version, server.run_id, server.uptime_s) == ("valkey", (9, 1, 2), "abc", 7)
