"""``tallygate check``: whether the configuration is good, and what it says."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from proxy.cli.places import ConfigOption, config_path
from proxy.config.directory import Directory
from proxy.config.directory_loader import load_directory
from proxy.config.loader import load_settings
from proxy.config.policy_paths import policy_paths
from proxy.config.problems import ConfigError, Problem
from proxy.config.settings import Engine, Settings
from proxy.domain.money import format_usd

if TYPE_CHECKING:
    from proxy.policy.loaded import Loaded


def check(config: ConfigOption = None) -> None:
    """Read configuration, directory and policies; tell every problem (exit status 2), or what they say on one screen.

    What a start would refuse is a problem: tests of the policies that fail, too.

    Examples:
    - `tallygate check`

    - `tallygate check --config deploy/tallygate  # the folder of one, as a step of CI`
    """  # fmt: skip
    from proxy.app.generations import openings_of, prices_of  # noqa: PLC0415 - other commands start faster without it
    from proxy.cli.policy.reading import read_policies  # noqa: PLC0415
    from proxy.metering.table import PriceTable  # noqa: PLC0415

    path = config_path(config)
    try:
        settings = load_settings(path, os.environ)
        prices_of(settings.source, settings.upstreams, table := PriceTable.load())
        openings_of(settings, table)
    except ConfigError as error:
        raise ConfigError([*error.problems, *_beside(path)]) from None
    directory = load_directory(settings.directory, b"")
    rows = [("policies", "none")]
    if policy_paths(settings.policies):
        rows = _policies(read_policies(None, None, path))
        _examine(path)
    Console().print(_summary(settings, directory, rows))


def _examine(config: Path) -> None:
    """Ask what a start asks, the tests of the policies included. Raises ``ConfigError`` for what it would refuse."""
    from proxy.app.examination import examine  # noqa: PLC0415 - as above

    verdict = examine(config)
    if found := (*verdict.problems, *verdict.failing):
        raise ConfigError(found)


def _beside(config: Path) -> tuple[Problem, ...]:
    """Check the directory, too, where it usually is, when the configuration cannot tell."""
    directory = config.with_name("directory.yaml")
    try:
        if directory.is_file():
            load_directory(directory, b"")
    except ConfigError as error:
        return error.problems
    return ()


def _policies(loaded: Loaded) -> list[tuple[str, str]]:
    """What they hold, and what in them was perhaps not meant."""
    policy = loaded.policy
    counts = f"{len(policy.rules)} rules, {len(policy.exemptions)} exemptions, {len(loaded.cases)} tests"
    warnings = [str(one.problem).partition("\n")[0] for one in loaded.warnings if one.level == "warning"]
    return [("policies", counts), *(("warning", told) for told in warnings)]


def _summary(settings: Settings, directory: Directory, policies: list[tuple[str, str]]) -> Table:
    table = Table.grid(padding=(0, 2))
    rows = [
        ("configuration", str(settings.source)),
        ("listens on", f"{settings.listen}, admin on {settings.admin}{', TLS' if settings.tls else ''}"),
        ("workers", str(settings.workers)),
        ("state", str(settings.state)),
        ("store, cache, ledger", ", ".join(map(_place, (settings.store, settings.cache, settings.ledger)))),
        ("budget", _budget(settings)),
        *((f"upstream {name}", told) for name, told in _upstreams(settings)),
        *((f"passthrough {one.name}", f"{' '.join(one.paths)} at {one.upstream}") for one in settings.passthrough),
        ("directory", str(settings.directory)),
        (
            "",
            f"{directory.org}: {len(directory.teams)} teams, {len(directory.users)} users, {len(directory.keys)} keys",
        ),
        *policies,
        *(("note", note) for note in settings.notes),
    ]
    for name, told in rows:
        table.add_row(Text(name, style="bold"), Text(told, overflow="fold"))
    return table


def _place(engine: Engine) -> str:
    return "embedded" if engine.embedded else engine.url.partition("://")[0]


def _budget(settings: Settings) -> str:
    if settings.budget is None:
        return "none: nothing limits what is spent"
    return f"${format_usd(settings.budget.limit_nusd, places=2)}/{settings.budget.period}, {settings.budget.timezone}"


def _upstreams(settings: Settings) -> list[tuple[str, str]]:
    return [(one.name, f"{one.dialect} at {one.base_url}, models {' '.join(one.models)}") for one in settings.upstreams]
