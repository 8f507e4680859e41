"""The same value is the same placeholder, and comes back as it was."""

from __future__ import annotations

import pickle
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.policy.content.pack import PACK
from proxy.policy.content.placeholder import CODE_LENGTH, SHAPE, placeholder
from proxy.policy.content.scanner import Scanner
from proxy.policy.content.vault import Vault

KEY = b"a key of the tenant"
SCANNER = Scanner(PACK)


def redacted(text: str, vault: Vault) -> str:
    return vault.redact(text, SCANNER.scan(text))


def test_a_value_is_replaced_everywhere_by_the_same_placeholder() -> None:
    vault = Vault(KEY)
    text = redacted("from bob@example.com to ann@example.com, cc bob@example.com", vault)
    found = re.match(r"from (EMAIL-\w{6}) to (EMAIL-\w{6}), cc (EMAIL-\w{6})$", text)
    assert found is not None
    assert found[1] == found[3] != found[2]
    assert len(vault) == 2


def test_placeholders_stay_when_a_talk_grows_shrinks_or_is_reordered() -> None:
    turns = ["I am bob@example.com", "ask ann@example.com", "or eve@example.com"]
    first = [redacted(turn, Vault(KEY)) for turn in turns]
    vault = Vault(KEY)
    assert [redacted(turn, vault) for turn in reversed(turns)] == first[::-1]


def test_another_key_gives_other_placeholders() -> None:
    assert placeholder("EMAIL", "bob@example.com", b"one") != placeholder("EMAIL", "bob@example.com", b"two")


def test_what_was_redacted_once_is_not_redacted_again() -> None:
    vault = Vault(KEY)
    once = redacted("postgres://app:s3cr3t-Pw@db/x and bob@example.com", vault)
    assert redacted(once, vault) == once


@given(
    st.lists(st.sampled_from(["bob@example.com", "4111 1111 1111 1111", "x", " é ", "EMAIL-", "-", "\n"]), max_size=9)
)
def test_restoring_undoes_redacting(parts: list[str]) -> None:
    vault, text = Vault(KEY), " ".join(parts)
    assert vault.restore(redacted(text, vault)) == text


@pytest.mark.parametrize(
    "quoted",
    [
        "**{}**",
        "`{}`",
        "<a href='mailto:{}'>",
        "[{}](mailto:{})",
        '{{"to": "{}"}}',
        "MY-{}",
        "{}'s",
        "{}.",
        "x={}&y",
        "toEMAIL-{}",
    ],
)
def test_a_placeholder_comes_back_however_a_model_quotes_it(quoted: str) -> None:
    vault = Vault(KEY)
    made = vault.put("EMAIL", "bob@example.com")
    assert vault.restore(quoted.format(made, made)) == quoted.format("bob@example.com", "bob@example.com")


def test_what_only_looks_like_a_placeholder_stays() -> None:
    vault = Vault(KEY)
    made = vault.put("EMAIL", "bob@example.com")
    for text in (made[:-1], made.lower(), f"PHONE-{made[-CODE_LENGTH:]}", "EMAIL-000000", made[1:]):
        assert vault.restore(text) == text


def test_a_value_is_put_back_once_and_not_looked_at_again() -> None:
    vault = Vault(KEY)
    inner = vault.put("EMAIL", "bob@example.com")
    outer = vault.put("KEY", f"holds {inner}")
    assert vault.restore(outer) == f"holds {inner}"


def test_values_whose_codes_collide_get_different_placeholders() -> None:
    vault = Vault(KEY)
    made = vault.put("EMAIL", "bob@example.com")
    vault._by_code[placeholder("PHONE", "+1", KEY)[-CODE_LENGTH:]] = made, "bob@example.com"
    other = vault.put("PHONE", "+1")
    assert other != placeholder("PHONE", "+1", KEY)
    assert vault.restore(f"{made} {other}") == "bob@example.com +1"


def test_every_placeholder_has_the_shape() -> None:
    assert all(SHAPE.fullmatch(placeholder("EMAIL", str(number), KEY)) for number in range(500))


def test_a_vault_shows_only_its_size() -> None:
    vault = Vault(KEY)
    vault.put("EMAIL", "bob@example.com")
    assert repr(vault) == "<Vault of 1>"
    with pytest.raises(TypeError, match="not written"):
        pickle.dumps(vault)
