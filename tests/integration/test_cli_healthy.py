"""``tallygate healthy`` as a probe runs it: the exit code is the answer."""

from __future__ import annotations

from pathlib import Path

from tests.support.running import RunningProxy, openai_like


def test_it_says_by_its_exit_code_whether_the_proxy_serves(tmp_path: Path) -> None:
    proxy = RunningProxy(tmp_path, {"nowhere": openai_like("http://127.0.0.1:1")})
    before = proxy.cli("healthy")
    assert (before.returncode, before.stdout) == (1, "")
    assert before.stderr == f"The proxy at {proxy.base_url} does not answer: Connection refused\n"
    with proxy:
        during = proxy.cli("healthy")
    assert (during.returncode, during.stdout, during.stderr) == (0, f"{proxy.base_url} serves calls\n", "")


def test_without_a_configuration_it_says_what_is_missing(tmp_path: Path) -> None:
    proxy = RunningProxy(tmp_path, {"nowhere": openai_like("http://127.0.0.1:1")})
    proxy.config.unlink()
    done = proxy.cli("healthy")
    assert done.returncode == 2
    assert "there is no such file" in done.stderr
