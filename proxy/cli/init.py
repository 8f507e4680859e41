"""``tallygate init``: the first run. Writes what is missing, never over what is there, and shows the first key once."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Annotated

import msgspec
import typer

from proxy.cli.places import ConfigOption, config_path
from proxy.config.directory_loader import parse_directory
from proxy.config.keys import Order, issue
from proxy.config.loader import load_settings
from proxy.config.problems import ConfigError, Problem
from proxy.config.replacing import create
from proxy.config.settings import Settings

_ORG, _TEAM, _PROJECT = "my-org", "my-team", "first-steps"
POLICIES = ("README.md", "org.yaml", "tests/org.test.yaml")
_TRY = {"openai": "gpt-5-mini", "demo": "demo-small"}


class FirstRun(msgspec.Struct, frozen=True):
    """What an initialisation did. ``token`` is the first key, when the directory was written now."""

    settings: Settings
    written: tuple[Path, ...]
    token: str | None = None


def prepare(
    config: Path, environ: Mapping[str, str], names: Mapping[str, str] | None = None, *, policies: bool = False
) -> FirstRun:
    """Write the missing ones of the two files and a first key. Raises ``ConfigError``; safe to run again.

    With a new configuration, or where ``policies`` asks for them, come the policies to start from, unless their folder exists.
    """
    written = []
    if is_new := _create(config, _template("tallygate.yaml")):
        written.append(config)
    settings = load_settings(config, environ)
    if (is_new or policies) and not settings.policies.exists():
        written += _default_policies(settings.policies)
    told = {"org": _ORG, "team": _TEAM, "project": _PROJECT, "user": _user(environ), **(names or {})}
    directory = Template(_template("directory.yaml")).substitute(told)
    parse_directory(directory.encode(), "the new directory", b"")  # names from the command line may not be names
    if not _create(settings.directory, directory):
        return FirstRun(settings, tuple(written))
    token = issue(settings.directory, Order(user=told["user"], project=told["project"])).token
    return FirstRun(settings, (*written, settings.directory), token)


def lines_to_paste(settings: Settings, token: str) -> str:
    """Write the three lines that make an SDK, or a shell, use the proxy: base URL, key, and a first call."""
    is_openai = any(upstream.name == "openai" for upstream in settings.upstreams)
    model = _TRY["openai" if is_openai else "demo"]
    host = "127.0.0.1" if settings.listen.host in {"0.0.0.0", "::"} else settings.listen.host
    where = msgspec.structs.replace(settings.listen, host=host)
    body = f'{{"model":"{model}","stream":true,"messages":[{{"role":"user","content":"Hello"}}]}}'
    headers = "-H \"Authorization: Bearer $OPENAI_API_KEY\" -H 'Content-Type: application/json'"
    return (
        f"export OPENAI_BASE_URL={'https' if settings.tls else 'http'}://{where}/v1\n"
        f"export OPENAI_API_KEY={token}\n"
        f"curl -N \"$OPENAI_BASE_URL/chat/completions\" {headers} -d '{body}'"
    )


def init(
    config: ConfigOption = None,
    org: Annotated[str, typer.Option(help="Your company, in a-z, 0-9 and -.")] = _ORG,
    team: Annotated[str, typer.Option(help="Your team.")] = _TEAM,
    user: Annotated[
        str | None, typer.Option(help="You; else the name you are logged in with.", show_default=False)
    ] = None,
) -> None:
    """Write a commented tallygate.yaml, directory.yaml and policies to start from, and show a first key. What exists is left alone.

    Examples:
    - `tallygate init`

    - `tallygate init --org acme --team growth --user ann@acme.example`
    """  # fmt: skip
    names = {"org": org, "team": team, **({"user": user} if user else {})}
    done = prepare(config_path(config), os.environ, names, policies=True)
    for path in done.written:
        typer.echo(f"wrote {path}")
    for note in done.settings.notes:
        typer.echo(f"note: {note}")
    if done.token is None:
        typer.echo("The directory was there already; `tallygate keys issue` makes another key.")
        return
    typer.echo("\nYour key is shown only now. Start `tallygate serve`, then paste into another shell:\n")
    typer.echo(lines_to_paste(done.settings, done.token))


def _default_policies(folder: Path) -> Iterator[Path]:
    """Write the set that refuses nothing yet, with its tests and a page on how to go on."""
    for name in POLICIES:
        path = folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError([Problem(str(path), 0, 0, "", f"cannot be written: {error.strerror}")]) from None
        if _create(path, _template(f"policies/{name}")):
            yield path


def _template(name: str) -> str:
    return (files("proxy.cli") / "templates" / name).read_text("utf-8")


def _create(path: Path, text: str) -> bool:
    try:
        return not path.exists() and create(path, text.encode())
    except OSError as error:
        hint = "make the folder first" if isinstance(error, FileNotFoundError) else ""
        raise ConfigError([Problem(str(path), 0, 0, "", f"cannot be written: {error.strerror}", hint)]) from None


def _user(environ: Mapping[str, str]) -> str:
    """Take the name a person is logged in with, as far as it is one."""
    name = re.sub(r"[^A-Za-z0-9._-]", "", environ.get("USER") or environ.get("LOGNAME") or "")
    return name if re.match(r"[A-Za-z]", name) else "me"
