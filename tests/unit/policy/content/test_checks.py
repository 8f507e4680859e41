"""Check digits, checksums and structure, against published examples."""

from __future__ import annotations

import pytest

from proxy.policy.content import iban
from proxy.policy.content.checks_personal import card, email, international_phone, luhn
from proxy.policy.content.checks_secret import checksummed, entropy, jwt, password


@pytest.mark.parametrize("number", ["79927398713", "4111 1111 1111 1111", "4242-4242-4242-4242", "378282246310005"])
def test_a_right_check_digit_passes_luhn(number: str) -> None:
    assert luhn(number)


@pytest.mark.parametrize("number", ["79927398710", "4111111111111112", "7", ""])
def test_a_wrong_or_lonely_digit_fails_luhn(number: str) -> None:
    assert not luhn(number)


@pytest.mark.parametrize(
    "number",
    [
        "5555555555554444",
        "2223003122003222",
        "6011111111111117",
        "30569309025904",
        "3530111333300000",
        "6200000000000047",
    ],
)
def test_numbers_that_networks_publish_for_tests_are_cards(number: str) -> None:
    assert card(number)


@pytest.mark.parametrize("number", ["79927398713", "1111111111111117", "4503599627366540"])
def test_what_no_network_gives_out_is_no_card(number: str) -> None:
    assert not card(number)


@pytest.mark.parametrize(
    "number",
    ["GB29NWBK60161331926819", "DE89 3704 0044 0532 0130 00", "NO9386011117947", "MT84MALT011000012345MTLCAST001S"],
)
def test_ibans_of_the_registry_are_known(number: str) -> None:
    assert iban.known_length(number)
    assert iban.iban(number)


def test_one_wrong_digit_spoils_an_iban() -> None:
    right = "GB29NWBK60161331926819"
    for at in range(2, len(right)):
        wrong = right[:at] + ("1" if right[at] != "1" else "2") + right[at + 1 :]
        assert not iban.iban(wrong)


@pytest.mark.parametrize("number", ["+14155552671", "+442071838750", "+49 (0)30 123456", "0033123456789"])
def test_numbers_of_assigned_countries_are_telephones(number: str) -> None:
    assert international_phone(number)


@pytest.mark.parametrize("number", ["+2101234567", "+1234567890", "+11155552671", "+49123", "+4444444444"])
def test_numbers_that_nobody_can_have_are_no_telephones(number: str) -> None:
    assert not international_phone(number)


@pytest.mark.parametrize("address", ["git@github.com", "photo@3x.webp", "pkg@1.2.x"])
def test_what_only_looks_like_an_address_is_none(address: str) -> None:
    assert not email(address)


def test_githubs_published_token_carries_its_checksum() -> None:
    assert checksummed("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")
    assert checksummed("ghp_" + "a" * 30 + "1yLcDB")  # the right sum needs no entropy
    assert not checksummed("ghp_" + "a" * 30 + "1yLcDC")


@pytest.mark.parametrize(
    "token", ["eyJ", "eyJhbGciOjF9.x.y", "eyJub3QiOiJhbGcifQ.x.y", "eyJhbGciOiJub25lIn0.x.y", "ey=.x"]
)
def test_a_header_without_an_algorithm_is_no_token(token: str) -> None:
    assert not jwt(token)


@pytest.mark.parametrize(
    "text",
    [
        "hunter22",
        "Sup3rS3cretPassw0rd!",
        "correcthorsebattery",
        "p%40ss-9x",
        "a1!b2?",
        "$ecr3t!X9",
        "aB3{x]}",
        "@Home2024",
    ],
)
def test_what_somebody_chose_is_a_password(text: str) -> None:
    assert password(text)


@pytest.mark.parametrize(
    "text",
    [
        "password",
        "PASSWD",
        "your-password",
        "my_secret",
        "****",
        "xxxxxxxx",
        "<pw>",
        "{{ pw }}",
        "$PW",
        "tiger",
        "%s",
        "123456",
    ],
)
def test_what_stands_for_a_password_is_none(text: str) -> None:
    assert not password(text)


def test_entropy_is_in_bits_per_character() -> None:
    assert entropy("") == 0.0
    assert entropy("aaaa") == 0.0
    assert entropy("abcd") == pytest.approx(2.0)
