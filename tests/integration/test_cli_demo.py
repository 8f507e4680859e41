"""``tallygate demo`` as a newcomer meets it: in real processes, with and without a proxy that runs already."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from proxy.server.lock import StateLock
from tests.support.running import TALLYGATE, RunningProxy, free_port, openai_like
from tests.support.scripted import ScriptedUpstream
from tests.support.scripts import close, streamed


def demo(folder: Path, *arguments: str, environ: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("TALLYGATE_")}
    return subprocess.run(
        [TALLYGATE, "demo", *arguments],
        cwd=folder,
        env={**inherited, "COLUMNS": "160", **(environ or {})},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture(scope="module")
def scripted() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def proxy(scripted: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    upstreams = {"own": openai_like(scripted.base_url, models='"own-model"')}
    with RunningProxy(tmp_path_factory.mktemp("home"), upstreams, more='demo: "on"') as running:
        yield running


def request_id_of(said: str) -> str:
    found = re.search(r"x-request-id +([0-9a-f-]{36})", said)
    assert found is not None, said
    return found[1]


def test_in_an_empty_folder_it_shows_a_stream_its_row_and_what_to_do_next_and_leaves_nothing(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory() as temporary:  # short: the path of a Unix socket is
        done = demo(tmp_path, environ={"TMPDIR": temporary})
        assert list(Path(temporary).iterdir()) == []
    assert (done.returncode, done.stderr) == (0, "")
    said = done.stdout
    assert "Hello, I am Tallygate's stand-in." in said
    assert f"/v1/calls/{request_id_of(said)} tells it" in said
    assert re.search(r"demo-small +14 +101 +\$0\.000063 +\$0\.00\d+ +\d+ ms +\d+ µs", said)
    assert "1 call, 14 tokens in, 101 out, $0.0000634" in said
    assert said.rstrip().count("\n  • ") == 3
    assert "tg_" not in said
    assert list(tmp_path.iterdir()) == []


def test_a_running_proxy_is_shown_when_one_of_its_keys_is_given(proxy: RunningProxy) -> None:
    given = {"TALLYGATE_CONFIG": str(proxy.config), "TALLYGATE_KEY": proxy.key}
    done = demo(proxy.home, environ=given)
    assert (done.returncode, done.stderr) == (0, "")
    assert proxy.key not in done.stdout
    assert "for the time of this demonstration" not in done.stdout
    (row,) = proxy.wait_rows(request_id=request_id_of(done.stdout))
    assert (row.model, row.usage.output, row.project) == ("demo-small", 101, "crm")


def test_a_key_that_is_none_is_told_in_a_sentence_and_not_shown(proxy: RunningProxy) -> None:
    wrong = "tg_" + "x" * 43
    done = demo(proxy.home, "--config", str(proxy.config), "--key", wrong)
    assert done.returncode == 1
    assert re.match(r"The proxy at http://127\.0\.0\.1:\d+ answered 401: No valid key\.", done.stderr)
    assert "Traceback" not in done.stderr
    assert wrong not in done.stdout + done.stderr


def test_a_model_that_nobody_serves_is_told_with_the_proxy_s_own_words(proxy: RunningProxy) -> None:
    done = demo(proxy.home, "--config", str(proxy.config), "--key", proxy.key, "--model", "demo-smal")
    assert done.returncode == 1
    assert "answered 404" in done.stderr
    assert "demo-smal" in done.stderr


def test_a_proxy_that_runs_without_a_key_given_is_named_and_left_alone(proxy: RunningProxy) -> None:
    before = len(proxy.rows())
    done = demo(proxy.home, "--config", str(proxy.config))
    assert (done.returncode, done.stderr) == (0, "")
    assert "A proxy runs here; give one of its keys by --key or TALLYGATE_KEY" in done.stdout
    assert "Hello, I am Tallygate's stand-in." in done.stdout
    assert len(proxy.rows()) == before


def test_a_stream_that_breaks_is_told_and_a_terminal_s_escapes_are_not_passed_on(
    proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    half = b'data: {"choices":[{"index":0,"delta":{"content":"Hel\\u001b[2Jlo"}}]}\n\n'
    scripted.replies(streamed([half], then=close()))
    done = demo(proxy.home, "--config", str(proxy.config), "--key", proxy.key, "--model", "own-model")
    assert done.returncode == 1
    assert "Hel[2Jlo" in done.stdout
    assert done.stderr.startswith("The stream ended with an error: ")


def test_a_configuration_that_names_only_patterns_asks_for_a_model(tmp_path: Path) -> None:
    own = openai_like("http://127.0.0.1:9", models='"*"')
    (tmp_path / "tallygate.yaml").write_text(f"upstreams: {{ own: {own} }}\n")
    with StateLock(tmp_path / "state"):
        done = demo(tmp_path, "--key", "tg_any")
    assert done.returncode == 2
    assert "say which model to ask" in done.stderr


def test_a_wrong_configuration_is_told_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "tallygate.yaml").write_text(f"lisen: 127.0.0.1:{free_port()}\n")
    done = demo(tmp_path)
    assert done.returncode == 2
    assert "tallygate.yaml:1:1: unknown key 'lisen'; did you mean 'listen'?" in done.stderr


def test_a_demonstration_that_cannot_start_says_why(tmp_path: Path) -> None:
    far = tmp_path / ("deep" * 40)  # no Unix socket fits below
    far.mkdir()
    done = demo(tmp_path, environ={"TMPDIR": str(far)})
    assert done.returncode == 1
    assert done.stderr.startswith("The proxy of the demonstration did not start.\ntallygate cannot start: ")
    assert list(far.iterdir()) == []


def test_it_explains_itself_with_an_example(tmp_path: Path) -> None:
    assert "Example" in demo(tmp_path, "--help").stdout
