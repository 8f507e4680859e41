"""Issuing and revoking keys: the file changes by one row, and by nothing else."""

from __future__ import annotations

import re
import stat
import threading
from pathlib import Path

import pytest

from proxy.config.directory_loader import load_directory
from proxy.config.keys import Issued, Order, issue, revoke
from proxy.config.problems import ConfigError
from tests.support.config_files import DIRECTORY

ANN = Order(user="ann@acme.example")
HEAD = "org: acme\nteams: {growth: {projects: [crm]}}\nusers: {ann@acme.example: {team: growth}}\n"
OLD = 'id: old, digest: "sha256:' + "0" * 64 + '", user: ann@acme.example'
# Every way in which a list of keys may be written; «» marks what is added, @ the row.
FORMS = {
    "no keys at all": HEAD + "«keys:\n  - @»",
    "no line break at the end": HEAD.rstrip("\n") + "«\nkeys:\n  - @»",
    "keys without a value": HEAD + "keys:   # none yet«\n  - @»\nrepos: {}\n",
    "an empty list": HEAD + "keys: [«@»] # none\n",
    "an empty list over lines": HEAD + "keys: [ # none\n«@»]\n",
    "rows in braces": HEAD + f"keys:\n  - {{ {OLD} }}   # a comment«\n  - @»\n\n  # another\nrepos: {{}}\n",
    "rows at the margin": HEAD + f"keys:\n- {{ {OLD} }}«\n- @»\nrepos: {{}}\n",
    "rows as blocks": HEAD + "keys:\n    - " + OLD.replace(", ", "\n      ") + " # his«\n    - @»\n\n# end\n",
    "a list in brackets": HEAD + f"keys: [{{ {OLD} }}«, @»] # x\n",
    "a final comma": HEAD + f"keys: [\n  {{ {OLD} }}«, @»,\n]\n",
    "no line break after the last row": HEAD + f"keys:\n  - {{ {OLD} }}«\n  - @»",
    "a row that ends in a block scalar": HEAD + "keys:\n  - id: old\n    user: ann@acme.example\n"
    f"    digest: >-\n      sha256:{'0' * 64}\n«  - @\n»repos: {{}}\n",
    "a byte order mark": "\ufeff" + HEAD + f"keys:\n  - {{ {OLD} }}«\n  - @»\n",
    "letters of the world": "# Größe 日本 😀\n" + HEAD + f"keys:\n  - {{ {OLD} }} # é😀«\n  - @»\n",
}  # fmt: skip


def file_with(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "directory.yaml"
    path.write_bytes(text.encode())
    return path


@pytest.mark.parametrize("line_break", ["\n", "\r\n"])
@pytest.mark.parametrize("form", FORMS)
def test_a_new_row_leaves_every_other_byte_as_it_was(tmp_path: Path, form: str, line_break: str) -> None:
    text = FORMS[form].replace("\n", line_break)
    path = file_with(tmp_path, re.sub("«.*»", "", text, flags=re.DOTALL))
    issued = issue(path, ANN)
    expected = re.sub("«(.*)@(.*)»", lambda added: added[1] + issued.row + added[2], text, flags=re.DOTALL)
    # A file that ends with a row may end with a line break after it.
    assert path.read_bytes().decode().removesuffix(line_break) == expected.removesuffix(line_break)
    principal = load_directory(path, b"").principal_of(issued.token, 0.0)
    assert principal is not None
    assert principal.key_id == issued.id


@pytest.mark.parametrize("line_break", ["\n", "\r\n"])
@pytest.mark.parametrize("form", FORMS)
def test_revoking_undoes_issuing(tmp_path: Path, form: str, line_break: str) -> None:
    text = re.sub("«.*»", "", FORMS[form], flags=re.DOTALL).replace("\n", line_break)
    path = file_with(tmp_path, text)
    revoke(path, issue(path, ANN).id)
    left = path.read_bytes().decode()
    if "no keys at all" in form or "no line break" in form:
        assert left.startswith(text)  # `keys:` and a last line break stay
        assert left[len(text) :].strip() in {"", "keys:"}
    else:
        assert left == text


def test_the_first_of_several_rows_goes_alone(tmp_path: Path) -> None:
    for form in ("keys:\n  - { A }\n  # between\n  - { B }\n", "keys: [{ A }, { B }]\n", "keys:\n  - A\n  - B\n"):
        second = OLD.replace("old", "two").replace("0" * 64, "1" * 64)
        is_block = "{ A" not in form
        rows = [part.replace(", ", "\n    ") if is_block else part for part in (OLD, second)]
        path = file_with(tmp_path, HEAD + form.replace("A", rows[0]).replace("B", rows[1]))
        revoke(path, "old")
        expected = {
            "keys:\n  - { A }\n  # between\n  - { B }\n": "keys:\n  # between\n  - { B }\n",
            "keys: [{ A }, { B }]\n": "keys: [{ B }]\n",
            "keys:\n  - A\n  - B\n": "keys:\n  - B\n",
        }[form]
        assert path.read_text() == HEAD + expected.replace("B", rows[1])


def test_a_key_is_random_and_never_in_the_file(directory_yaml: Path) -> None:
    tokens = {issue(directory_yaml, ANN).token for _ in range(3)}
    assert len(tokens) == 3
    assert all(re.fullmatch(r"tg_[A-Za-z0-9_-]{43}", token) for token in tokens)
    assert not any(token in directory_yaml.read_text() for token in tokens)


def test_everything_ordered_stands_in_the_row(directory_yaml: Path) -> None:
    order = Order(
        user="ann@acme.example",
        service="cli",
        team="growth",
        project="crm",
        projects=("crm", "site"),
        expires_at=86_400,
    )
    issued = issue(directory_yaml, order)
    found = load_directory(directory_yaml, b"").principal_of(issued.token, 0.0)
    assert found is not None
    assert (found.service, found.project, found.expires_at) == ("cli", "crm", 86_400)
    assert found.projects == {"crm", "site"}
    assert repr(issued) == f"Issued({issued.id!r})"


def test_trying_out_writes_nothing(directory_yaml: Path) -> None:
    assert isinstance(issue(directory_yaml, ANN, write=False), Issued)
    assert directory_yaml.read_text() == DIRECTORY


@pytest.mark.parametrize(
    ("order", "message"),
    [
        (Order(user="an@acme.example"), "there is no user 'an@acme.example'; did you mean 'ann@acme.example'?"),
        (Order(user="zoe"), "there is no user 'zoe'; add it under users:"),
        (Order(service="etl"), "a service's key needs a team; add team:"),
        (Order(service="no good", team="growth"), "'no good' is not an id"),
        (Order(user="a, b: {c} #", team="growth"), "'a, b: {c} #' is not a user"),
        (Order(user="ann@acme.example", project="gateway"), "project 'gateway' belongs to team 'platform'"),
    ],
)
def test_a_key_that_would_not_load_is_not_issued(directory_yaml: Path, order: Order, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        issue(directory_yaml, order)
    assert f"directory.yaml: {message}" in str(caught.value)
    assert directory_yaml.read_text() == DIRECTORY


@pytest.mark.parametrize(
    "text", [HEAD + "keys: {}\n", HEAD + "kyes: []\n", "org: [\n", HEAD + "...\n", f"{{{'org: a'}}}\n"]
)
def test_a_file_that_cannot_be_edited_safely_stays_as_it_is(tmp_path: Path, text: str) -> None:
    path = file_with(tmp_path, text)
    with pytest.raises(ConfigError):
        issue(path, ANN)
    assert path.read_text() == text


def test_revoking_an_unknown_key_names_the_nearest(directory_yaml: Path) -> None:
    with pytest.raises(ConfigError, match="there is no key 'key_2'") as caught:
        revoke(directory_yaml, "key_2")
    assert "did you mean 'key_1'?" in str(caught.value)


def test_mode_and_symbolic_link_survive(directory_yaml: Path, tmp_path: Path) -> None:
    directory_yaml.chmod(0o640)
    link = tmp_path / "link.yaml"
    link.symlink_to(directory_yaml)
    issued = issue(link, ANN)
    assert link.is_symlink()
    assert stat.S_IMODE(directory_yaml.stat().st_mode) == 0o640
    assert issued.id in directory_yaml.read_text()
    assert {path.name for path in tmp_path.iterdir()} == {"directory.yaml", "link.yaml"}


def test_a_missing_directory_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be changed: No such file or directory") as caught:
        issue(tmp_path / "directory.yaml", ANN)
    assert "`tallygate init` writes one" in str(caught.value)


def test_writers_at_the_same_time_lose_no_key(directory_yaml: Path) -> None:
    issued: list[Issued] = []
    threads = [threading.Thread(target=lambda: issued.append(issue(directory_yaml, ANN))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    known = {key.id for key in load_directory(directory_yaml, b"").keys}
    assert known == {"key_1", *(one.id for one in issued)}
    assert len(issued) == 8
