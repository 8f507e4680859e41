"""Noticing change, and telling what can be taken while running."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from proxy.config import reload
from proxy.config.loader import load_settings
from proxy.config.settings import Address, Settings
from tests.support.config_files import Write

LONG_AGO = (1_700_000_000, 1_700_000_000)


def aged(path: Path, text: str) -> Path:
    path.write_text(text)
    os.utime(path, LONG_AGO)
    return path


def test_nothing_written_is_nothing_changed(tmp_path: Path) -> None:
    paths = [aged(tmp_path / "a.yaml", "a"), tmp_path / "missing.yaml"]
    assert not reload.changed(paths, reload.fingerprint(paths))


def test_a_touch_is_no_change(tmp_path: Path) -> None:
    path = aged(tmp_path / "a.yaml", "a")
    last = reload.fingerprint([path])
    path.touch()
    assert not reload.changed([path], last)


def test_other_content_is_a_change_even_at_the_same_size_and_time(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("one")
    stat = path.stat()
    last = reload.fingerprint([path])
    path.write_text("two")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert reload.changed([path], last)


def test_a_file_that_comes_or_goes_is_a_change(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    absent = reload.fingerprint([path])
    path.write_text("a")
    assert reload.changed([path], absent)
    present = reload.fingerprint([path])
    path.unlink()
    assert reload.changed([path], present)


def test_the_swap_of_a_kubernetes_volume_is_seen(tmp_path: Path) -> None:
    for name, text in (("..1", "old"), ("..2", "new")):
        (tmp_path / name).mkdir()
        aged(tmp_path / name / "tallygate.yaml", text)
    (tmp_path / "..data").symlink_to("..1")
    path = tmp_path / "tallygate.yaml"
    path.symlink_to("..data/tallygate.yaml")
    last = reload.fingerprint([path])
    (tmp_path / "..next").symlink_to("..2")
    (tmp_path / "..next").rename(tmp_path / "..data")
    assert reload.changed([path], last)


def test_of_a_volume_of_policies_the_very_files_are_watched_that_are_read(tmp_path: Path) -> None:
    for name, text in (("..1", "old"), ("..2", "new")):
        (tmp_path / name / "teams").mkdir(parents=True)
        aged(tmp_path / name / "teams" / "growth.yaml", text)
    (tmp_path / "..data").symlink_to("..1")
    (tmp_path / "teams").symlink_to("..data/teams")
    last = reload.fingerprint([tmp_path])
    assert list(last.stamps) == [str(tmp_path / "teams" / "growth.yaml")]
    assert not reload.changed([tmp_path], last)
    (tmp_path / "..next").symlink_to("..2")
    (tmp_path / "..next").rename(tmp_path / "..data")
    assert reload.changed([tmp_path], last)


def test_a_folder_is_watched_by_its_yaml_files_but_not_by_what_editors_leave(tmp_path: Path) -> None:
    folder = tmp_path / "policies"
    (folder / "teams").mkdir(parents=True)
    last = reload.fingerprint([folder])
    for name in (".org.yaml.swp", "org.yaml~", ".#org.yaml", "README.md"):
        (folder / name).write_text("x")
    assert not reload.changed([folder], last)
    (folder / "teams" / "growth.yaml").write_text("x")
    assert reload.changed([folder], last)


def test_what_can_be_taken_is_told_apart_from_what_waits_for_a_restart(tallygate_yaml: Write) -> None:
    old = load_settings(tallygate_yaml("listen: 127.0.0.1:1\nworkers: 1\n"), {})
    text = "listen: 127.0.0.1:2\nworkers: 2\nbudget: {limit: $1/day}\nupstreams: {o: {dialect: openai, base_url: https://a.example}}"
    new = load_settings(tallygate_yaml(text), {})
    change = reload.diff(old, new)
    assert change == reload.Change(("budget", "demo", "upstreams"), ("listen", "workers"))
    assert change.lines() == (
        "configuration changed: budget, demo, upstreams",
        "listen: changed; takes effect at restart",
        "workers: changed; takes effect at restart",
    )
    running = reload.effective(old, new)
    assert (running.listen, running.workers) == (Address("127.0.0.1", 1), 1)
    assert (running.budget, running.upstreams) == (new.budget, new.upstreams)


def test_equal_readings_differ_in_nothing(tallygate_yaml: Write) -> None:
    path = tallygate_yaml("")
    assert reload.diff(load_settings(path, {}), load_settings(path, {})) == reload.Change()


@pytest.mark.parametrize("name", [name for name in Settings.__struct_fields__ if name not in reload._ASIDE])
def test_every_member_is_told_one_way_or_the_other(tallygate_yaml: Write, name: str) -> None:
    old = load_settings(tallygate_yaml(""), {})
    change = reload.diff(old, msgspec.structs.replace(old, **{name: object()}))
    assert (name in change.taken) is (name in reload.RELOADABLE)
    assert (name in change.at_restart) is (name not in reload.RELOADABLE)


def test_a_generation_is_named_by_its_contents() -> None:
    name = reload.generation_id([b"config", b"directory"])
    assert len(name) == 7
    assert int(name, 16) >= 0
    assert name == reload.generation_id([b"config", b"directory"])
    assert name != reload.generation_id([b"configd", b"irectory"])
