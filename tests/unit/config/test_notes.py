"""Lines for people: what the configuration says and nothing does yet."""

from __future__ import annotations

from pathlib import Path

from proxy.config.loader import load_settings
from tests.support.config_files import Write

UP = "upstreams: {o: {dialect: openai, base_url: https://a.example, %s}}"


def test_what_is_written_and_not_used_yet_is_told(tallygate_yaml: Write, tmp_path: Path) -> None:
    text = UP % "failover_on: [500], prices: {input: 1, output: 1}"
    (tmp_path / "policies" / "org").mkdir(parents=True)
    (tmp_path / "policies" / "README.md").touch()
    assert load_settings(tallygate_yaml(UP % ""), {}).notes == ()
    (tmp_path / "policies" / "org" / "limits.yaml").touch()
    assert load_settings(tallygate_yaml(text), {}).notes == (
        f"policies in {tmp_path}/policies are not read yet: only `budget` limits what is spent",
    )
