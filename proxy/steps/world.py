"""What a walk stands on: the generation of the day, and the doors to the world."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from proxy import ports
from proxy.metering.estimate import Estimator
from proxy.metering.outputs import OutputHistory
from proxy.steps.explaining import Explaining
from proxy.steps.generation import Generation
from proxy.steps.identity import Identity
from proxy.steps.leases import Leases
from proxy.steps.measuring import Measuring
from proxy.steps.near_trust import NearTrust
from proxy.steps.upload_aside import Shelf


@dataclass(slots=True)
class World:
    """Put together by ``app.worker``. What changes is ``generation``, by one assignment, and ``is_tight``."""

    generation: Generation
    identity: Identity
    clock: ports.Clock
    new_id: ports.NewId
    wire: ports.Wire
    permits: ports.Permits
    catalog: ports.Catalog
    meters: ports.Meters
    usage: ports.Usage
    books: ports.Books
    answers: ports.Answers
    gauge: ports.Gauge
    notices: ports.Notices
    estimator: Estimator
    outputs: OutputHistory
    leases: Leases
    later: ports.Later
    report: Callable[[str, str, Exception], None]  # (event, request id, error) to the log, without the error's text
    count_long: Callable[[str, str], Awaitable[int]]  # tokens of a long text for a model, counted off the loop
    shelf: Shelf  # where uploads wait that must be read before they can be sent
    is_tight: bool = True  # a meter was near its limit when last seen: prompts are counted exactly
    explaining: Explaining = field(default_factory=Explaining)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)  # of long work on the loop, see ``in_turns``
    measuring: Measuring | None = None  # of repeats
    near: NearTrust = field(default_factory=NearTrust)
