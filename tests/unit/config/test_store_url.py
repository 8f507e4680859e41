"""Reading a store's URL."""

from __future__ import annotations

import pytest

from proxy.config.store_url import Tls, parse_endpoint


def test_every_form_of_url_is_read() -> None:
    plain = parse_endpoint("redis://cache.internal")
    assert (plain.host, plain.port, plain.db, plain.tls) == ("cache.internal", 6379, 0, None)
    full = parse_endpoint("rediss://ann:p%40ss@[::1]:7000/3?ssl_ca_certs=/etc/ca.pem")
    assert (full.host, full.port, full.db, full.username) == ("::1", 7000, 3, "ann")
    assert full.tls == Tls("/etc/ca.pem")
    assert full.login() == [("AUTH", "ann", "p@ss"), ("SELECT", 3)]
    local = parse_endpoint("unix://:secret@/run/my%20store.sock?db=2")
    assert local.path == "/run/my store.sock"
    assert local.login() == [("AUTH", "secret"), ("SELECT", 2)]
    guarded = parse_endpoint("redis+sentinel://a:1,b/mymaster/4")
    assert guarded.sentinels == (("a", 1), ("b", 26379))
    assert (guarded.master, guarded.db) == ("mymaster", 4)
    spread = parse_endpoint("rediss+cluster://:secret@a:1,b?ssl_ca_certs=/etc/ca.pem&ssl_certfile=/c&ssl_keyfile=/k")
    assert spread.nodes == (("a", 1), ("b", 6379))
    assert spread.tls == Tls("/etc/ca.pem", "/c", "/k")
    assert spread.login() == [("AUTH", "secret")]


def test_a_place_is_told_in_words() -> None:
    assert str(parse_endpoint("redis://host")) == "host:6379"
    assert str(parse_endpoint("unix:///run/store.sock")) == "/run/store.sock"
    assert str(parse_endpoint("redis+sentinel://a:1,b/main")) == "master main of a:1,b:26379"
    assert str(parse_endpoint("redis+cluster://ann:hunter2@a:1,b")) == "cluster a:1,b:6379"


def test_no_password_is_shown() -> None:
    endpoint = parse_endpoint("redis://ann:hunter2@host")
    assert "hunter2" not in f"{endpoint!r} {endpoint}"


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://host", "starts with one of"),
        ("redis://host:port", "not a number"),
        ("redis://:hunter2@host:99999", "not a number"),
        ("redis://host/one", "database"),
        ("redis://host?timeout=3", "unknown option 'timeout'"),
        ("unix://", "path of a socket"),
        ("redis+cluster://:hunter2@host/3", "a cluster has no databases"),
        ("redis+clusters://host", "starts with one of"),
        ("redis://:hunter2@[host", "looks like redis://"),
        ("redis+sentinel://host:26379", "name of the master"),
    ],
)
def test_a_url_that_makes_no_sense_is_explained_without_repeating_it(url: str, says: str) -> None:
    with pytest.raises(ValueError, match=says) as wrong:
        parse_endpoint(url)
    assert "hunter2" not in str(wrong.value)
