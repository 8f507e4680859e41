"""``A..B``: folders, git revisions, and what is said of neither."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from proxy.app.replay.revisions import Sides
from proxy.config.problems import ConfigError


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=t", "-c", "user.email=t@acme.example", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two commits: without policies, then with one; the working tree has another."""
    home = tmp_path / "repo"
    home.mkdir()
    monkeypatch.chdir(home)
    git(home, "init", "-q", "-b", "main")
    (home / "README").write_text("x")
    git(home, "add", ".")
    git(home, "commit", "-q", "-m", "one")
    (home / "policies").mkdir()
    (home / "policies" / "org.yaml").write_text("committed")
    git(home, "add", ".")
    git(home, "commit", "-q", "-m", "two")
    (home / "policies" / "org.yaml").write_text("edited")
    (home / "..odd").mkdir()
    (home / "policies-new").mkdir()
    return home


@pytest.fixture
def sides(repo: Path, tmp_path: Path) -> Sides:
    return Sides(repo / "policies", tmp_path / "aside")


def test_one_folder_is_compared_with_the_one_in_force(sides: Sides, repo: Path) -> None:
    old, new = sides.of("policies-new")
    assert (old.folder, new.folder, new.name) == (repo / "policies", Path("policies-new"), "policies-new")


@pytest.mark.parametrize("said", ["policies..policies-new", "./policies..../repo/policies-new", "policies....odd"])
def test_two_folders_may_have_dots_in_their_names(sides: Sides, said: str) -> None:
    old, new = sides.of(said)
    assert old.folder.samefile("policies")
    assert new.folder.samefile("..odd" if said.endswith("odd") else "policies-new")


def test_a_revision_and_the_working_tree(sides: Sides, repo: Path) -> None:
    old, new = sides.of("HEAD..")
    assert (old.folder / "org.yaml").read_text() == "committed"
    assert (new.folder / "org.yaml").read_text() == "edited"
    assert new.folder == repo / "policies"
    assert old.name.startswith("HEAD (")


def test_a_revision_without_the_folder_has_no_policies(sides: Sides) -> None:
    old, new = sides.of("HEAD~1..main")
    assert not old.folder.exists()
    assert (new.folder / "org.yaml").read_text() == "committed"


def test_the_folder_may_be_the_whole_repository(repo: Path, tmp_path: Path) -> None:
    old, _ = Sides(repo, tmp_path / "aside").of("HEAD..")
    assert (old.folder / "policies" / "org.yaml").read_text() == "committed"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("nope..policies", "'nope' is neither a folder nor a revision of"),
        ("nope", "'nope' is neither a folder nor a revision of"),
        ("--upload-pack=x..policies", "is no revision"),
        ("a..b..c", "names no two folders or revisions"),
    ],
)
def test_what_is_neither_is_told(sides: Sides, said: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        sides.of(said)
    assert told in str(caught.value)


def test_outside_of_a_repository_a_revision_is_told_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "policies").mkdir()
    with pytest.raises(ConfigError, match="in no git repository"):
        Sides(tmp_path / "policies", tmp_path / "aside").of("HEAD..")


def test_without_git_a_revision_is_told_to_need_it(sides: Sides, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ConfigError, match="git is not installed"):
        sides.of("HEAD..")
