"""A token counts when it comes from our provider, is meant for us, and its time is now."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.config.directory import Jwt
from proxy.config.jwt_checks import LEEWAY_S, ExpiredToken, addressed, expiry
from proxy.config.jwt_token import BadToken

JWT = Jwt("https://id.acme.example/", ("tallygate", "other"), "./jwks.json")
NOW = 1_800_000_000.0


def test_issuer_and_one_of_the_audiences_must_be_ours() -> None:
    addressed(JWT, {"iss": JWT.issuer, "aud": "tallygate"})
    addressed(JWT, {"iss": JWT.issuer, "aud": ["x", "other"]})


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"iss": "https://id.acme.example"},
        {"iss": "https://ID.acme.example/"},
        {"iss": "https://id.acme.example//"},
        {"iss": ["https://id.acme.example/"]},
        {"iss": None},
        {"aud": None},
        {"aud": []},
        {"aud": "Tallygate"},
        {"aud": "tallygate other"},
        {"aud": ["tallygat"]},
        {"aud": [["tallygate"]]},
        {"aud": {"tallygate": 1}},
        {"aud": 5},
    ],
)
def test_anything_else_is_somebody_else_s_token(said: dict[str, Any]) -> None:
    whole = {"iss": JWT.issuer, "aud": "tallygate"} | said if said else {}
    with pytest.raises(BadToken):
        addressed(JWT, whole)


def test_a_token_is_good_for_a_minute_longer_than_it_says_and_no_more() -> None:
    assert expiry({"exp": NOW}, NOW + LEEWAY_S - 0.1) == NOW
    with pytest.raises(ExpiredToken):
        expiry({"exp": NOW}, NOW + LEEWAY_S)


@pytest.mark.parametrize("name", ["nbf", "iat"])
def test_a_token_from_the_future_is_good_a_minute_early_and_no_more(name: str) -> None:
    assert expiry({"exp": NOW + 900, name: NOW + LEEWAY_S}, NOW) == NOW + 900
    with pytest.raises(BadToken) as caught:
        expiry({"exp": NOW + 900, name: NOW + LEEWAY_S + 1}, NOW)
    assert not isinstance(caught.value, ExpiredToken)


@pytest.mark.parametrize("value", [None, True, "1900000000", [], {}, -1, 1e30, 10**400, 1_900_000_000_000])
@pytest.mark.parametrize("name", ["exp", "nbf", "iat"])
def test_a_time_that_is_no_number_of_seconds_is_refused(name: str, value: object) -> None:
    with pytest.raises(BadToken):
        expiry({"exp": NOW + 900} | {name: value}, NOW)


def test_a_token_without_an_end_is_refused() -> None:
    with pytest.raises(BadToken):
        expiry({"iat": NOW}, NOW)


@given(st.dictionaries(st.sampled_from(["exp", "nbf", "iat"]), st.integers() | st.floats() | st.text(max_size=3)), st.floats(0, 1e10))  # fmt: skip
def test_whatever_is_accepted_is_good_now(said: dict[str, Any], now: float) -> None:
    try:
        exp = expiry(said, now)
    except BadToken:
        return
    assert now < exp + LEEWAY_S
    assert all(said[name] <= now + LEEWAY_S for name in ("nbf", "iat") if name in said)
