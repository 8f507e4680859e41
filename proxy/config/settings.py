"""The configuration as the other rooms see it: frozen, complete, with every default filled in and every unit in a name.

Holds no parsing and no I/O; ``loader`` makes it out of ``tallygate.yaml``.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from proxy.config.passthrough import Entry
from proxy.domain.decision import Reserve, StoreDown
from proxy.domain.upstream import Secret, Upstream


class Address(msgspec.Struct, frozen=True):
    """Where a listener binds. Port 0 lets the system choose."""

    host: str
    port: int

    def __str__(self) -> str:
        """``host:port``, IPv6 in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Tls(msgspec.Struct, frozen=True):
    """PEM files of the public listener."""

    cert: Path
    key: Path


class Engine(msgspec.Struct, frozen=True):
    """Where a store lives: ``embedded`` or a URL, whose password does not show itself."""

    url: str = "embedded"

    @property
    def embedded(self) -> bool:
        """True when we start and own the engine."""
        return self.url == "embedded"

    def __repr__(self) -> str:
        """Show the URL's scheme only."""
        return f"Engine({self.url.partition('://')[0]})"


class Budget(msgspec.Struct, frozen=True):
    """``budget:``, the shorthand for one rule of the org named ``config/budget``."""

    limit_nusd: int
    period: str = "day"  # hour | day | week | month | total
    timezone: str = "UTC"
    reserve: Reserve = Reserve.EXPECTED
    grace_millionths: int = 0
    store_down: StoreDown = StoreDown()
    owner: str = ""
    name: str = "config/budget"


class Drain(msgspec.Struct, frozen=True):
    """How a stop goes: so long not ready but serving, then so long for streams to finish."""

    delay_s: float = 5.0
    max_s: float = 300.0


class Limits(msgspec.Struct, frozen=True):
    """Guards of the public listener (DESIGN section 4)."""

    body_bytes: int = 16 << 20
    upload_bytes: int = 512 << 20  # of a body that is passed on while it comes
    header_timeout_s: float = 10.0  # from the first byte of each request's head
    body_timeout_s: float = 30.0  # for a body at its slowest: then 408
    body_rate_bytes: int = 1024  # a body that keeps this rate per second is not slow, however long it takes
    write_timeout_s: float = 60.0  # a caller that does not read
    keepalive_s: float = 75.0
    in_flight: int = 1024  # calls of one worker
    queue: int = 256  # calls of one worker that wait for their turn


class Log(msgspec.Struct, frozen=True):
    """One line per call."""

    format: str = "json"  # json | text
    level: str = "info"  # debug | info | warning | error


class Notify(msgspec.Struct, frozen=True):
    """A webhook. Its URL may hold a secret, so it does not show itself."""

    url: str
    secret: Secret | None = None  # signs what is posted
    ca_file: Path | None = None  # whose certificates its server may show; None: the system's

    def __repr__(self) -> str:
        """Never the URL."""
        return "Notify(***)"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """One reading of ``tallygate.yaml``. ``notes`` are lines for people; ``files`` is everything that was read."""

    source: Path
    listen: Address = Address("127.0.0.1", 8080)
    admin: Address = Address("127.0.0.1", 9090)
    tls: Tls | None = None
    workers: int = 1
    state: Path
    store: Engine = Engine()
    cache: Engine = Engine()
    ledger: Engine = Engine()
    policies: Path
    directory: Path
    budget: Budget | None = None
    drain: Drain = Drain()
    limits: Limits = Limits()
    lease_s: float = 30.0
    durability: str = "process"  # process | power
    log: Log = Log()
    notify: Notify | None = None
    demo: bool = False  # the stand-in upstream is on
    passthrough: tuple[Entry, ...] = ()  # those whose upstream is on
    upstreams: tuple[Upstream, ...] = ()  # those that are on, in the order of the file
    off: tuple[tuple[str, str], ...] = ()  # upstreams that are not, and why
    notes: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()
