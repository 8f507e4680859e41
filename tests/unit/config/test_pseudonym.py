"""The secret behind pseudonyms."""

from __future__ import annotations

import stat
import threading
from pathlib import Path

import pytest

from proxy.config.problems import ConfigError
from proxy.config.pseudonym import answers_key, placeholder_key, pseudonym_secret


def test_the_secret_is_drawn_once_and_is_for_the_owner_only(tmp_path: Path) -> None:
    state = tmp_path / "state"
    first = pseudonym_secret(state)
    assert pseudonym_secret(state) == first
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    assert [stat.S_IMODE(path.stat().st_mode) for path in state.iterdir()] == [0o600]


def test_processes_that_start_at_once_agree(tmp_path: Path) -> None:
    found: list[bytes] = []
    threads = [threading.Thread(target=lambda: found.append(pseudonym_secret(tmp_path / "s"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


def test_a_damaged_secret_is_an_error_and_not_a_new_identity(tmp_path: Path) -> None:
    (tmp_path / "pseudonym.secret").write_bytes(b"short")
    with pytest.raises(ConfigError, match="does not hold 32 bytes"):
        pseudonym_secret(tmp_path)


def test_a_state_folder_that_cannot_be_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    with pytest.raises(ConfigError, match="cannot be used"):
        pseudonym_secret(tmp_path / "state")


def test_the_key_of_answers_is_that_of_one_org_and_of_nothing_else() -> None:
    secret = b"s" * 32
    keys = {answers_key(secret, "acme"), answers_key(secret, "other"), answers_key(b"t" * 32, "acme"), secret}
    assert len(keys | {placeholder_key(secret, "acme", "")}) == 5
    assert {len(key) for key in keys} == {32}
