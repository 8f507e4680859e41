"""Canaries: no source line and no message shows what a key says."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from proxy.config.loader import load_settings
from proxy.config.masking import mask_line, shown, sounds_secret
from proxy.config.problems import ConfigError

CANARY = "sk-proj-Canary0123456789abcdef"
MISTAKES = [
    "upstreams: {o: {dialect: openai, base_url: https://a.example, key: CANARY}}",
    "upstreams: {o: {dialect: openai, base_url: https://a.example, kye: CANARY}}",
    "upstreams: {o: {dialect: openai, base_url: https://a.example, api_key: 'CANARY', x: y}}",
    "upstreams: {o: {dialect: opnai, base_url: https://u:CANARY@a.example}}",
    "upstreams: {o: {dialect: CANARY, base_url: CANARY, models: CANARY, prices: CANARY}}",
    "upstreams:\n  o:\n    key:\n      CANARY: x\n    base_url: [",
    "upstreams:\n  o:\n    key: >-\n      CANARY\n    dialect: x",
    'upstreams:\n  o:\n    key: "CANARY\n',
    "upstreams:\n  o: {key: CANARY, key: CANARY}",
    "CANARY: 1",
    "store: {url: 'redis://:CANARY@h:6379/0', CANARY: 1}",
    "store: {url: redis://:CANARY@h/0}\ncache: {url: redis://:CANARY@h/1}",
    "listen: CANARY",
    "key: CANARY: x",
    "key: @CANARY",
]


SHORT = "hunter2"  # looks like any other word: known only by the name it stands under


@pytest.mark.parametrize("secret", [CANARY, "Zx81QpLmN0aBcDeFgH7Kw", "0f1e2d3c4b5a69788796a5b4c3d2e1f0"])
@pytest.mark.parametrize("mistake", MISTAKES)
def test_no_error_shows_a_secret_wherever_it_stands(tmp_path: Path, mistake: str, secret: str) -> None:
    told = everything_told(tmp_path, mistake.replace("CANARY", secret))
    assert secret not in told


@pytest.mark.parametrize("mistake", [text for text in MISTAKES if "key: CANARY" in text or "kye: CANARY" in text])
def test_no_error_shows_even_a_short_secret_under_its_name(tmp_path: Path, mistake: str) -> None:
    told = everything_told(tmp_path, mistake.replace("CANARY", SHORT))
    assert SHORT not in told


def everything_told(folder: Path, text: str) -> str:
    path = folder / "tallygate.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_settings(path, {})
    return f"{caught.value} {caught.value!r} {caught.value.problems!r}"


@pytest.mark.parametrize(
    "name", ["key", "kye", "Key", "api_key", "x-api-key", "auth_token", "client-secret", "passwrd"]
)
def test_misspelt_names_of_credentials_are_known(name: str) -> None:
    assert sounds_secret(name)


@pytest.mark.parametrize("name", ["keys", "models", "dialect", "listen", "team", "user", "state", "workers"])
def test_other_names_are_not_taken_for_credentials(name: str) -> None:
    assert not sounds_secret(name)


@pytest.mark.parametrize(
    "line", ["key: env:OPENAI_API_KEY", "{key: file:./k.txt, models: [claude-3-5-sonnet-20241022]}"]
)
def test_references_and_model_names_stay_readable(line: str) -> None:
    assert mask_line(line) == line


def test_a_mask_keeps_the_length_so_that_the_caret_points_right() -> None:
    line = f"  o: {{ key: {CANARY}, dialect: opnai }}"
    assert len(mask_line(line)) == len(line)
    assert mask_line(line).index("opnai") == line.index("opnai")


def test_control_characters_cannot_paint_the_terminal() -> None:
    assert mask_line("a: \x1b[31mred\u202e") == "a: ·[31mred·"
    assert shown("a\nb\x1b") == "'a·b·'"


def test_a_line_without_end_is_shown_around_its_mistake(tmp_path: Path) -> None:
    told = everything_told(tmp_path, "listen: " + "k" * 1_000_000 + " key: hunter2\nlease: 5")
    assert len(told) < 3_000


@pytest.mark.parametrize("word", ["skeleton-key-model", "task-force", "tgv-model", "text-embedding-3-large"])
def test_ordinary_words_are_not_masked(word: str) -> None:
    assert shown(word) == repr(word)


def test_a_long_value_is_cut() -> None:
    assert len(shown(" ".join(["word"] * 100))) < 70


def test_settings_hold_secrets_that_do_not_show(tmp_path: Path) -> None:
    path = tmp_path / "tallygate.yaml"
    path.write_text(
        "store: {url: env:STORE}\nupstreams: {o: {dialect: openai, base_url: https://a.example, key: env:KEY}}"
    )
    settings = load_settings(path, {"KEY": CANARY, "STORE": f"redis://:{CANARY}@h/0", "HOME": os.sep})
    assert settings.upstreams[0].key is not None
    assert settings.upstreams[0].key.value == CANARY
    assert settings.store.url.endswith(f"{CANARY}@h/0")
    assert CANARY not in repr(settings)
    assert CANARY not in str(settings)
