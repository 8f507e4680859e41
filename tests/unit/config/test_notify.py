"""The webhook's address and secret."""

from __future__ import annotations

import pytest

from proxy.config.loader import load_settings
from proxy.config.problems import ConfigError
from proxy.config.settings import Notify
from proxy.domain.upstream import Secret
from tests.support.config_files import Write

ENVIRON = {"HOOK_SECRET": "s3cret", "HOOK_URL": "https://hooks.example/T0/B0/path-secret?x=1"}


def notify(tallygate_yaml: Write, text: str) -> Notify:
    found = load_settings(tallygate_yaml(f"notify: {text}\n"), ENVIRON).notify
    assert found is not None
    return found


def test_without_it_nobody_is_posted_to(tallygate_yaml: Write) -> None:
    assert load_settings(tallygate_yaml("workers: 1\n"), {}).notify is None


def test_its_secret_stands_elsewhere_and_its_address_may(tallygate_yaml: Write) -> None:
    plain = notify(tallygate_yaml, "{ url: https://hooks.example/tallygate?team=a, secret: env:HOOK_SECRET }")
    assert plain == Notify("https://hooks.example/tallygate?team=a", Secret("s3cret"))
    assert notify(tallygate_yaml, "{ url: env:HOOK_URL }") == Notify(ENVIRON["HOOK_URL"])


def test_neither_shows_itself(tallygate_yaml: Write) -> None:
    shown = repr(notify(tallygate_yaml, "{ url: env:HOOK_URL, secret: env:HOOK_SECRET }"))
    assert "s3cret" not in shown
    assert "path-secret" not in shown


def test_what_is_told_in_the_clear_is_noted(tallygate_yaml: Write) -> None:
    near, far = (f"notify: {{ url: 'http://{host}/x' }}\n" for host in ("127.0.0.1:9", "hooks.example"))
    assert not any("notify" in note for note in load_settings(tallygate_yaml(near), {}).notes)
    assert any("notify" in note for note in load_settings(tallygate_yaml(far), {}).notes)


@pytest.mark.parametrize(
    ("text", "at", "says"),
    [
        ("{ secret: env:HOOK_SECRET }", "1:9", "url"),
        ("{ url: ftp://hooks.example/x }", "1:16", "not an http:// or https:// URL"),
        ("{ url: 'https://u:p@hooks.example/x' }", "1:16", "credentials do not belong into a URL"),
        ("{ url: 'https://hooks.example/x#y' }", "1:16", "fragment"),
        ("{ url: 'https://hooks.example/x?' }", "1:16", "query"),
        ("{ url: 'http://169.254.169.254/x' }", "1:16", "link-local"),
        ("{ url: env:MISSING }", "1:16", "MISSING is not set"),
        ("{ url: https://hooks.example/, secret: s3cret }", "1:48", "write env:NAME or file:PATH"),
        ("{ url: https://hooks.example/, secret: env:MISSING }", "1:48", "MISSING is not set"),
        ("{ url: https://hooks.example/, ca_file: nowhere.pem }", "1:49", "there is no file 'nowhere.pem'"),
        ("{ url: https://hooks.example/, secrte: env:HOOK_SECRET }", "1:40", "did you mean 'secret'"),
    ],
)
def test_mistakes_are_told_where_they_stand(tallygate_yaml: Write, text: str, at: str, says: str) -> None:
    with pytest.raises(ConfigError) as refused:
        notify(tallygate_yaml, text)
    (problem,) = refused.value.problems
    assert says in f"{problem.message} {problem.hint}"
    assert f"{problem.line}:{problem.col}" == at


def test_an_address_from_elsewhere_is_never_quoted(tallygate_yaml: Write) -> None:
    path = tallygate_yaml("notify: { url: env:HOOK_URL }\n")
    with pytest.raises(ConfigError) as refused:
        load_settings(path, {"HOOK_URL": "gopher://hooks.example/path-secret"})
    (problem,) = refused.value.problems
    assert "path-secret" not in str(problem)
    assert "HOOK_URL" in problem.message
