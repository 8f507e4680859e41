"""Reading a ledger's URL."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.config.ledger_url import parse_ledger
from proxy.config.loader import load_settings
from proxy.config.problems import ConfigError
from tests.support.config_files import Write


def test_every_form_of_url_is_read() -> None:
    plain = parse_ledger("postgresql+psycopg://tally@db.internal/ledger")
    assert plain.parameters() == {"host": "db.internal", "user": "tally", "dbname": "ledger"}
    full = parse_ledger("postgresql://ann:p%40s%2Fs@[::1]:7000/led%20ger?sslmode=verify-full&connect_timeout=3")
    assert full.parameters() == {
        "host": "::1", "port": "7000", "user": "ann", "password": "p@s/s", "dbname": "led ger",
        "sslmode": "verify-full", "connect_timeout": "3",
    }  # fmt: skip
    local = parse_ledger("postgres:///ledger?host=/run/postgresql&port=5433")
    assert local.parameters() == {"host": "/run/postgresql", "port": "5433", "dbname": "ledger"}
    pair = parse_ledger("postgresql://a,b:5433/ledger?target_session_attrs=read-write")
    assert (pair.host, pair.port) == ("a,b", ",5433")


def test_no_credential_is_shown() -> None:
    place = parse_ledger("postgresql://ann:hunter2@host/ledger")
    assert str(place) == "host/ledger"
    assert "hunter2" not in f"{place!r} {place}"
    said = place.without_credentials('password authentication failed for user "ann" (hunter2); annual')
    assert said == 'password authentication failed for user "***" (***); annual'


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("mysql://:hunter2@host/db", "no other database is a ledger"),
        ("sqlite:///calls.db", "no other database is a ledger"),
        ("postgresql+asyncpg://a:hunter2@host/db", "no other driver is used"),
        ("postgresql://a:hunter2@host", "name of one database"),
        ("postgresql://a:hunter2@host/", "name of one database"),
        ("postgresql://a:hun/ter2@host/db", "name of one database"),
        ("postgresql://a:hun#ter2@host/db", "%23"),
        ("postgresql:db", "looks like"),
        ("postgresql://a:hunter2@host:port/db", "not a number"),
        ("postgresql://a:hunter2@host:70000/db", "not a number"),
        ("postgresql://a:hunter2@host/db?sslmodus=require", "unknown option 'sslmodus'.*did you mean 'sslmode'"),
        ("postgresql://a:hunter2@[host/db", "looks like"),
        ("postgresql://a:hunter2@host/d%00b", "NUL"),
    ],
)
def test_a_url_that_makes_no_sense_is_explained_without_repeating_it(url: str, says: str) -> None:
    with pytest.raises(ValueError, match=says) as wrong:
        parse_ledger(url)
    assert "hunter2" not in str(wrong.value)
    assert "ter2" not in str(wrong.value)


@given(st.text())
def test_any_text_is_a_place_or_a_value_error(text: str) -> None:
    for url in (text, f"postgresql://{text}", f"postgresql://u:p@h/{text}"):
        try:
            parse_ledger(url)
        except ValueError as error:
            assert text not in str(error) or len(text) < 12  # noqa: PT017 - a short text may be a word of ours


@pytest.mark.parametrize("password", ["hunter2", "hun/ter2", "hun@ter2", "hunter2?x", "h%75nter2"])
def test_a_mistake_beside_a_password_is_shown_without_it(tallygate_yaml: Write, password: str) -> None:
    path = tallygate_yaml(f'ledger: {{ url: "postgresql+asyncpg://tally:{password}@db.internal/ledger" }}')
    with pytest.raises(ConfigError) as refused:
        load_settings(path, {})
    told = str(refused.value)
    assert "tallygate.yaml:1:16: ledger.url: wants embedded or a URL" in told
    assert "ter2" not in told
    assert "hunter" not in told


def test_a_url_with_its_password_may_come_from_the_environment_or_a_file(tallygate_yaml: Write) -> None:
    path = tallygate_yaml("ledger: { url: env:LEDGER }")
    settings = load_settings(path, {"LEDGER": "postgresql://tally:hunter2@db.internal/ledger"})
    assert not settings.ledger.embedded
    assert "hunter2" not in repr(settings)
    (path.parent / "secret").write_text("postgresql://tally:hunter2@db.internal/ledger\n")
    assert load_settings(tallygate_yaml("ledger: { url: file:secret }"), {}).ledger == settings.ledger
    with pytest.raises(ConfigError, match="no other database") as refused:
        load_settings(tallygate_yaml("ledger: { url: env:LEDGER }"), {"LEDGER": "mysql://tally:hunter2@h/d"})
    assert "hunter2" not in str(refused.value)
