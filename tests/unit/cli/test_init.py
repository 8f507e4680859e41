"""What a first run writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy.cli.init import POLICIES, prepare
from proxy.config.problems import ConfigError
from tests.support.snippets import POLICIES as OURS


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_the_policies_of_a_first_run_are_those_of_this_project(tmp_path: Path) -> None:
    prepare(tmp_path / "tallygate.yaml", {})
    assert names(tmp_path / "policies") == names(OURS) == sorted(POLICIES)
    for name in POLICIES:
        assert (tmp_path / "policies" / name).read_bytes() == (OURS / name).read_bytes()


def test_a_folder_that_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "policies").mkdir()
    prepare(tmp_path / "tallygate.yaml", {}, policies=True)
    assert names(tmp_path / "policies") == []


def test_policies_come_to_a_configuration_that_is_there_only_when_asked_for(tmp_path: Path) -> None:
    (tmp_path / "tallygate.yaml").write_text("policies: ./rules\n")
    assert prepare(tmp_path / "tallygate.yaml", {}).written == (tmp_path / "directory.yaml",)
    prepare(tmp_path / "tallygate.yaml", {}, policies=True)
    assert names(tmp_path / "rules") == sorted(POLICIES)


def test_where_they_cannot_be_written_that_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "tallygate.yaml").write_text("policies: ./file/rules\n")
    with pytest.raises(ConfigError, match="cannot be written"):
        prepare(tmp_path / "tallygate.yaml", {}, policies=True)
