"""The replay of one generation in a process of its own: two of them share nothing, and there are two cores at least.

It is told what to do on its standard input, and then that the calls are there. It answers on its standard output, by
``framing``, in MessagePack: first the rules that it knows or why it cannot begin, then outcomes by the batch, then an empty
batch. It ends when nobody listens any more.
"""

from __future__ import annotations

import gc
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import IO, Final

import msgspec

from proxy.app.replay.bearing import bearing
from proxy.app.replay.framing import receive, send
from proxy.app.replay.house import House
from proxy.app.replay.outcome import Outcome
from proxy.app.replay.planning import Planner
from proxy.app.replay.recorded import read_own
from proxy.app.replay.running import Run
from proxy.app.replay.weighing import Scales
from proxy.config.problems import ConfigError
from proxy.domain.errors import StoreAway
from proxy.policy.generation import Policy
from proxy.stores.engine import Engine
from proxy.stores.errors import EngineFailed
from proxy.stores.virtual_batch import VirtualBatch

_FLAGS: Final = ("--appendonly", "no", "--save", "", "--maxmemory-policy", "noeviction")


class Work(msgspec.Struct, frozen=True):
    """What a process is to do."""

    config: str
    folder: str
    calls: str  # path of recorded calls, a line each
    home: str  # a folder for its engine
    name: str  # of the generation


class KnownRule(msgspec.Struct, frozen=True):
    """A rule, for a report."""

    id: str
    verb: str
    mode: str
    place: str
    owner: str


class Begun(msgspec.Struct, frozen=True):
    """The first word of a process. ``fault``: why there is no second one."""

    rules: tuple[KnownRule, ...] = ()
    is_timed: bool = False  # some rules and exemptions hold for a while only
    fault: str = ""


COMMAND: Final = (sys.executable, "-m", "proxy.app.replay.working")
encode: Final = msgspec.msgpack.Encoder().encode
begun: Final = msgspec.msgpack.Decoder(Begun).decode
outcomes: Final = msgspec.msgpack.Decoder(list[Outcome]).decode
_work: Final = msgspec.msgpack.Decoder(Work).decode


def work(told: IO[bytes], tells: IO[bytes]) -> None:
    """Do it. Raises nothing for what configuration and policies hold."""
    with suppress(BrokenPipeError, EOFError):
        task = _work(receive(told))
        engine = Engine("replay", Path(task.home), _FLAGS)
        try:
            house = House(Path(task.config), os.environ)
            policy = house.policy(Path(task.folder), task.name)
            engine.start()
            _replay(told, tells, task, house, policy, engine)
        except (ConfigError, EngineFailed, StoreAway) as error:
            send(tells, encode(Begun(fault=str(error))))
        finally:
            engine.stop()


def _replay(told: IO[bytes], tells: IO[bytes], task: Work, house: House, policy: Policy, engine: Engine) -> None:
    org = house.directory.org
    planner = Planner(bearing(policy.said, house.serves), Scales(house.routes, house.prices))
    run = Run(planner, VirtualBatch(engine.socket, org), org)
    rules = [
        KnownRule(rule.id, rule.verb, rule.mode.name.lower(), rule.place, rule.owner) for rule in policy.said.rules
    ]
    send(tells, encode(Begun(tuple(rules))))
    receive(told)
    gc.disable()  # nothing here makes circles, and to look for them takes a tenth of the time
    for batch in run.outcomes(read_own(Path(task.calls))):
        send(tells, encode(batch))
    send(tells, encode([]))


if __name__ == "__main__":
    work(sys.stdin.buffer, sys.stdout.buffer)
