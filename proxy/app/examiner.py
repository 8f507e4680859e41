"""Whether a configuration is good, from its first file to the tests of its policies: once a machine, before any worker takes it.

Everything that a worker would do with the files is done, and nothing is touched: neither the state nor the engines.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import NoReturn

from proxy.app.examination import Verdict, unknown
from proxy.app.generations import generation_of
from proxy.app.handed import DEMO_VARIABLE
from proxy.app.policies import loaded_policies
from proxy.app.trial.ground import ground_of
from proxy.app.trial.judge import judge
from proxy.config import reload
from proxy.config.problems import ConfigError, Problem
from proxy.config.reading import Reading, read
from proxy.domain.errors import StoreAway
from proxy.metering.table import PriceTable
from proxy.policy.loaded import Loaded
from proxy.stores.errors import EngineFailed
from proxy.stores.virtual import virtual_meters

_COURTESY = 10  # nice(2): calls come first
_NO_DEMO = "http://127.0.0.1:9"  # where prices are all that is asked for


def verdict_on(config: Path, environ: Mapping[str, str]) -> Verdict:
    """Read and judge, in a process that does nothing else. Never raises for what the files hold."""
    os.nice(_COURTESY)
    signal.signal(signal.SIGTERM, _leave)
    table = PriceTable.load()
    try:
        reading = read(config, environ, b"")
        loaded = loaded_policies(reading, table, time.time())
        demo = environ.get(DEMO_VARIABLE, _NO_DEMO) if reading.settings.demo else None
        generation_of(reading, table, demo, loaded)
        failing = tuple(_failing(reading, loaded, table))
    except ConfigError as error:
        return Verdict(problems=error.problems)
    except (EngineFailed, StoreAway) as error:
        return unknown(config, f"the tests of its policies could not be run: {error}")
    return Verdict(
        generation=reading.generation,
        failing=failing,
        remarks=tuple(str(one.problem) for one in loaded.warnings),
        settled=not reload.changed(reading.paths(), reading.seen),
    )


def _failing(reading: Reading, loaded: Loaded, table: PriceTable) -> Iterator[Problem]:
    """Tests that fail and are not known to."""
    if not loaded.cases:
        return
    ground = ground_of(reading.directory, loaded, reading.every_upstream, table)
    with virtual_meters() as meters:
        verdicts = judge(loaded.cases, ground, meters)
    for one in verdicts:
        if not one.good:
            file, _, line = one.case.place.rpartition(":")
            yield Problem(file, int(line), 1, "", f"the test {one.case.name!r} fails: {'; '.join(one.faults)}")


def _leave(number: int, _: FrameType | None) -> NoReturn:
    """End by way of every ``with``: the engine must not outlive us, nor its folder."""
    sys.exit(128 + number)
