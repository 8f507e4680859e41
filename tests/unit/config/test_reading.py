"""One consistent reading of all files, and what becomes of it when a file changes or breaks."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from proxy.config import reading, reload
from proxy.config.keys import Order, issue
from proxy.config.problems import ConfigError
from tests.support.config_files import DIRECTORY, Write
from tests.support.tokens import jwk, key_set, private


@pytest.fixture
def config(tallygate_yaml: Write, directory_yaml: Path) -> Path:
    assert directory_yaml.is_file()
    return tallygate_yaml("budget: {limit: $1/day}\n")


def test_a_reading_holds_settings_and_directory_of_one_generation(config: Path) -> None:
    found = reading.read(config, {})
    assert (found.directory.org, len(found.generation)) == ("acme", 7)
    assert not reload.changed(found.paths(), found.seen)
    assert reading.read(config, {}).generation == found.generation


def test_a_new_key_opens_after_the_next_reading(config: Path, directory_yaml: Path) -> None:
    first = reading.read(config, {})
    token = issue(directory_yaml, Order(user="ann@acme.example")).token
    assert first.directory.principal_of(token, 0.0) is None
    assert reload.changed(first.paths(), first.seen)
    again = reading.reread(first, {})
    principal = again.reading.directory.principal_of(token, 0.0)
    assert principal is not None
    assert principal == reading.read(config, {}).directory.principal_of(token, 0.0)
    assert again.reading.generation != first.generation
    assert again.change.lines() == ("configuration changed: directory",)


@pytest.mark.parametrize("broken", ["budget: {limit: $", "budget: {limit: ten}", "\x00", ""])
def test_a_broken_file_leaves_the_last_good_reading_and_is_told_once(
    config: Path, directory_yaml: Path, broken: str
) -> None:
    first = reading.read(config, {})
    if broken:
        config.write_text(broken)
    else:
        directory_yaml.unlink()
    again = reading.reread(first, {})
    assert isinstance(again.error, ConfigError)
    assert (again.reading.settings, again.reading.directory) == (first.settings, first.directory)
    assert again.reading.generation == first.generation
    assert not reload.changed(again.reading.paths(), again.reading.seen)


def test_a_mended_file_is_taken(config: Path) -> None:
    first = reading.read(config, {})
    config.write_text("budget: {limit: ten}")
    broken = reading.reread(first, {}).reading
    config.write_text("budget: {limit: $2/day}\nworkers: 3")
    assert reload.changed(broken.paths(), broken.seen)
    mended = reading.reread(broken, {})
    assert mended.error is None
    assert mended.reading.settings.budget is not None
    assert mended.reading.settings.budget.limit_nusd == 2_000_000_000
    assert mended.reading.settings.workers == 1
    assert mended.change == reload.Change(("budget",), ("workers",))


def test_what_waits_for_a_restart_is_told_for_as_long_as_it_waits(config: Path) -> None:
    first = reading.read(config, {})
    config.write_text("workers: 3")
    second = reading.reread(first, {}).reading
    config.write_text("workers: 3\nbudget: {limit: $3/day}")
    assert reading.reread(second, {}).change.at_restart == ("workers",)


def test_a_new_policy_file_is_a_new_generation(config: Path, tmp_path: Path) -> None:
    first = reading.read(config, {})
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "org.yaml").write_text("kind: Policy")
    again = reading.reread(first, {})
    assert again.change == reload.Change(("policies",))
    assert again.reading.generation != first.generation


def test_policies_are_kept_as_they_were_read_and_their_generation_is_named_after_them(
    config: Path, tmp_path: Path
) -> None:
    (tmp_path / "policies" / "tests").mkdir(parents=True)
    for name in ("org.yaml", "tests/org.yaml"):
        (tmp_path / "policies" / name).write_text(f"kind: {name}")
    found = reading.read(config, {})
    (tmp_path / "policies" / "org.yaml").unlink()
    assert [(text.name, text.raw, text.of_tests) for text in found.policies] == [
        ("policies/org.yaml", b"kind: org.yaml", False),
        ("policies/tests/org.yaml", b"kind: tests/org.yaml", True),
    ]
    assert [stamp.digest for stamp in found.seen.stamps.values()][2:] == [
        hashlib.sha256(text.raw).digest() for text in found.policies
    ]


def test_a_rotated_secret_is_noticed(config: Path, tmp_path: Path) -> None:
    secret = tmp_path / "openai.key"
    secret.write_text("sk-1")
    config.write_text("upstreams: {o: {dialect: openai, base_url: https://a.example, key: file:openai.key}}")
    first = reading.read(config, {})
    secret.write_text("sk-2")
    assert reload.changed(first.paths(), first.seen)
    again = reading.reread(first, {})
    assert again.change.taken == ("upstreams",)
    assert again.reading.generation == first.generation


def test_a_key_set_in_a_file_is_of_the_directory_and_a_bad_one_changes_nothing(
    config: Path, directory_yaml: Path, tmp_path: Path
) -> None:
    first_set, second_set = key_set(jwk(private())), key_set(jwk(private("ES256")))
    (tmp_path / "jwks.json").write_bytes(first_set)
    directory_yaml.write_text(DIRECTORY + "jwt: {issuer: x, audience: y, jwks: jwks.json}\n")
    first = reading.read(config, {})
    assert not reload.changed(first.paths(), first.seen)
    (tmp_path / "jwks.json").write_bytes(second_set)
    assert reload.changed(first.paths(), first.seen)
    again = reading.reread(first, {})
    assert again.change.lines() == ("configuration changed: directory",)
    assert again.reading.generation != first.generation
    assert again.reading.directory.jwt is not None
    assert again.reading.directory.jwt.document == second_set
    (tmp_path / "jwks.json").write_bytes(second_set[:50])
    broken = reading.reread(again.reading, {})
    assert broken.error is not None
    assert broken.reading.directory is again.reading.directory
    assert not reload.changed(broken.reading.paths(), broken.reading.seen)


def test_a_first_reading_that_fails_is_an_error(config: Path, directory_yaml: Path) -> None:
    directory_yaml.write_text(DIRECTORY.replace("team: growth", "team: grwth"))
    with pytest.raises(ConfigError, match="there is no team 'grwth'"):
        reading.read(config, {})
