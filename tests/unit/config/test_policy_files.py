"""Which files of a folder are policies."""

from __future__ import annotations

import os
from pathlib import Path

from proxy.config.policy_files import read_policy_files
from proxy.config.policy_paths import policy_paths


def write(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"kind: Policy\nname: {Path(name).stem}\n")


def test_yaml_files_are_found_in_all_folders_in_the_order_of_their_names(tmp_path: Path) -> None:
    write(tmp_path, "z.yaml", "a/b/c.yml", "a.yaml", "a/tests/t.yaml", "tests/org.test.yaml")
    (tmp_path / "README.md").write_text("no policy")
    found = read_policy_files(tmp_path, "policies")
    assert [source.file for source in found.policies] == ["policies/a.yaml", "policies/a/b/c.yml", "policies/z.yaml"]
    assert [source.file for source in found.tests] == ["policies/a/tests/t.yaml", "policies/tests/org.test.yaml"]


def test_hidden_files_and_backups_are_not_policies(tmp_path: Path) -> None:
    write(tmp_path, ".a.yaml", ".git/b.yaml", ".schema/c.yaml", "d.yaml~", "e.yaml.bak", "f.yaml")
    assert [name for name, _ in policy_paths(tmp_path)] == ["f.yaml"]


def test_a_folder_below_tests_alone_does_not_make_a_file_a_test(tmp_path: Path) -> None:
    write(tmp_path / "tests" / "policies", "a.yaml", "tests.yaml")
    found = read_policy_files(tmp_path / "tests" / "policies")
    assert [source.file for source in found.policies] == ["policies/a.yaml", "policies/tests.yaml"]


def test_no_folder_is_no_policies_and_a_file_is_itself(tmp_path: Path) -> None:
    assert read_policy_files(tmp_path / "none").policies == ()
    write(tmp_path, "a.yaml")
    assert [source.file for source in read_policy_files(tmp_path / "a.yaml").policies] == ["a.yaml"]


def test_the_mistakes_of_all_files_are_told_and_the_others_read(tmp_path: Path) -> None:
    write(tmp_path, "good.yaml")
    (tmp_path / "bad.yaml").write_bytes(b"\xff\xfe")
    (tmp_path / "worse.yaml").write_text("a: [1\n")
    (tmp_path / "gone.yaml").symlink_to("nowhere")
    found = read_policy_files(tmp_path, "p")
    assert [source.file for source in found.policies] == ["p/good.yaml"]
    assert sorted({problem.file for problem in found.problems}) == ["p/bad.yaml", "p/gone.yaml", "p/worse.yaml"]


def mount(folder: Path, version: str) -> None:
    """Publish a version as Kubernetes does: a hidden folder, a link to it that is swapped, links to what is in it."""
    (folder / "..new").symlink_to(version)
    os.replace(folder / "..new", folder / "..data")  # noqa: PTH105 - Path.replace would follow the type, not the link
    for entry in (folder / version).iterdir():
        if not (folder / entry.name).is_symlink():
            (folder / entry.name).symlink_to(Path("..data") / entry.name)


def test_a_kubernetes_mount_is_read_from_one_version(tmp_path: Path) -> None:
    write(tmp_path / "..v1", "org.yaml", "teams/growth.yaml", "tests/t.yaml", "old.yaml")
    mount(tmp_path, "..v1")
    names = ["old.yaml", "org.yaml", "teams/growth.yaml", "tests/t.yaml"]
    assert [name for name, _ in policy_paths(tmp_path)] == names
    before = policy_paths(tmp_path)
    write(tmp_path / "..v2", "org.yaml", "teams/growth.yaml", "tests/t.yaml")
    mount(tmp_path, "..v2")
    assert [name for name, _ in policy_paths(tmp_path)] == names[1:]
    assert all("..v2" in str(path) for _, path in policy_paths(tmp_path))
    assert all(path.read_text() for _, path in before), "a reading that began with the old version ends with it"


def test_a_link_to_a_folder_above_ends_nowhere_and_one_elsewhere_is_followed(tmp_path: Path) -> None:
    write(tmp_path / "policies", "a.yaml")
    write(tmp_path / "shared", "b.yaml")
    (tmp_path / "policies" / "loop").symlink_to("..")
    (tmp_path / "policies" / "shared").symlink_to("../shared")
    (tmp_path / "policies" / "again").symlink_to("../shared")
    assert [name for name, _ in policy_paths(tmp_path / "policies")] == ["a.yaml", "again/b.yaml", "shared/b.yaml"]
