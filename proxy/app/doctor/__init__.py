"""``tallygate doctor``: everything a call will stand on, looked at once. Nothing is changed and nothing is billed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import uvloop

from proxy.app.doctor import files
from proxy.app.doctor.engines import engines
from proxy.app.doctor.finding import Finding, State, fail
from proxy.app.doctor.ledger import ledger
from proxy.app.doctor.running import running
from proxy.app.doctor.upstreams import upstreams
from proxy.app.generations import prices_of
from proxy.app.supervise import cache_url, store_url
from proxy.config.directory_loader import load_directory
from proxy.config.loader import load_settings
from proxy.config.problems import ConfigError
from proxy.config.settings import Settings
from proxy.metering.table import PriceTable
from proxy.upstream.wire import HttpWire

__all__ = ["Finding", "State", "examine"]
Tell = Callable[[Finding], None]


def examine(config: Path, environ: Mapping[str, str], tell: Tell, *, offline: bool = False) -> None:
    """Look at everything, ``tell`` each finding as it comes. ``offline``: leave the upstreams alone."""
    table = PriceTable.load()
    try:
        settings = load_settings(config, environ)
        directory = load_directory(settings.directory, b"")
        book = prices_of(settings.source, settings.upstreams, table)
    except ConfigError as error:
        for problem in error.problems:
            tell(fail("configuration", str(problem)))
        return
    _tell_all(tell, files.configuration(settings, directory))
    _tell_all(tell, files.permissions(settings))
    tell(files.disk(settings.state))
    _tell_all(tell, files.vocabularies())
    _tell_all(tell, files.prices(settings, table, book))
    tell(ledger(settings))
    found, calls = running(settings)
    tell(found)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        _tell_all(tell, runner.run(engines(settings, directory.org, (store_url(settings), cache_url(settings)), calls)))
        if not offline:
            _tell_all(tell, runner.run(_upstreams(settings)))


async def _upstreams(settings: Settings) -> list[Finding]:
    wire = HttpWire()
    try:
        return await upstreams(wire, settings.upstreams)
    finally:
        wire.close()


def _tell_all(tell: Tell, findings: Iterable[Finding]) -> None:
    for finding in findings:
        tell(finding)
