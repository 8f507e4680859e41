"""The shape of ``tallygate.yaml``, member by member as users write it."""

from __future__ import annotations

import ipaddress
import re
import zoneinfo
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, ValidationInfo

from proxy.config.ledger_url import parse_ledger
from proxy.config.masking import shown
from proxy.config.notify_shape import NotifyShape
from proxy.config.passthrough_shape import PassthroughShape
from proxy.config.problems import did_you_mean
from proxy.config.quantities import MILLION, as_text, size_bytes, spending_limit, whole
from proxy.config.references import reference, surroundings
from proxy.config.settings import Address, Engine
from proxy.config.shape import Duration, PositiveDuration, Shape, Share, Size
from proxy.config.store_url import parse_endpoint
from proxy.config.upstream_shape import UpstreamShape
from proxy.domain.money import NANO_PER_USD

_MOST_NUSD = 2**53 - 2  # what a store counts exactly, less one step: a call may want the most and must not fit
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,252})")
_UPSTREAM = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_MAX_PORT = 65535
_MAX_WORKERS = 512


def address(value: object) -> Address:
    """Read ``host:port``, ``:port`` or ``[::1]:port``; raises ``ValueError``."""
    text = as_text(value, "an address such as 127.0.0.1:8080")
    host, colon, port = text.rpartition(":")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not colon or not port.isascii() or not port.isdigit() or int(port) > _MAX_PORT or not _is_bindable(host, bare):
        raise ValueError(f"{shown(text)} is not an address; write host:port, such as 127.0.0.1:8080")
    return Address(bare or "0.0.0.0", int(port))


def _is_bindable(host: str, bare: str) -> bool:
    if host == bare:
        return not host or bool(_HOST.fullmatch(host))
    try:
        return ipaddress.ip_address(bare).version == 6  # noqa: PLR2004 - brackets are IPv6's
    except ValueError:
        return False


def _engine_url(value: object, info: ValidationInfo, wanted: str) -> str:
    text = as_text(value, wanted)
    if not text.startswith(("env:", "file:")):
        return text
    named = reference(text, info)
    if named.secret is None:
        raise ValueError(f"the environment variable {named.name} is not set")
    return named.secret.value


def _store(value: object, info: ValidationInfo) -> Engine:
    text = _engine_url(value, info, "embedded or redis://…")
    if text != "embedded":
        try:
            parse_endpoint(text)
        except ValueError as error:
            raise ValueError(f"wants embedded or a URL: {error}") from None
    return Engine(text)


def _ledger(value: object, info: ValidationInfo) -> Engine:
    text = _engine_url(value, info, "embedded or postgresql://…")
    if text != "embedded":
        try:
            parse_ledger(text)
        except ValueError as error:
            raise ValueError(f"wants embedded or a URL: {error}") from None
    return Engine(text)


def _countable(grace: int, info: ValidationInfo) -> int:
    limit_nusd, _ = info.data.get("limit", (0, ""))  # absent when it was no limit
    if limit_nusd + limit_nusd * grace // MILLION > _MOST_NUSD:
        raise ValueError(
            f"limit and grace together are more than ${_MOST_NUSD // NANO_PER_USD:,}, which no store counts exactly"
        )
    return grace


def _path(value: object, info: ValidationInfo) -> Path:
    text = as_text(value, "a path")
    if not text or "\0" in text:
        raise ValueError("wants a path")
    return surroundings(info).path(text)


def _file(value: object, info: ValidationInfo) -> Path:
    path = _path(value, info)
    if not path.is_file():
        raise ValueError(f"there is no file {shown(str(value))}")
    return path


def _workers(value: object) -> int:
    count = whole(value)
    if not 1 <= count <= _MAX_WORKERS:
        raise ValueError(f"wants 1 to {_MAX_WORKERS} processes")
    return count


def _at_least_one(value: object) -> int:
    count = whole(value)
    if count < 1:
        raise ValueError("must be at least 1")
    return count


def _timezone(value: object) -> str:
    text = as_text(value, "a time zone such as Europe/Berlin")
    known = zoneinfo.available_timezones()
    if text not in known:
        raise ValueError("; ".join(filter(None, [f"{shown(text)} is not a time zone", did_you_mean(text, known)])))
    return text


def _upstream_name(value: object) -> str:
    text = as_text(value, "a name")
    if not _UPSTREAM.fullmatch(text):
        raise ValueError(f"{shown(text)} is not a name; use a-z, 0-9, - and _, at most 64")
    return text


Location = Annotated[Path, BeforeValidator(_path)]
ExistingFile = Annotated[Path, BeforeValidator(_file)]


class TlsShape(Shape):
    """PEM files."""

    cert: ExistingFile
    key: ExistingFile


class StoreShape(Shape):
    """``{url: embedded}`` or a Redis URL."""

    url: Annotated[Engine, PlainValidator(_store)] = Engine()


class LedgerShape(Shape):
    """``{url: embedded}`` or a PostgreSQL URL."""

    url: Annotated[Engine, PlainValidator(_ledger)] = Engine()


class StoreDownShape(Shape):
    """What budgets do while the store is away."""

    meters: Literal["local", "allow", "deny"] = "local"
    local_share: Share = 250_000
    span: PositiveDuration = Field(default=600.0, alias="for")


class BudgetShape(Shape):
    """One ceiling for the whole org."""

    limit: Annotated[tuple[int, str], BeforeValidator(spending_limit)]
    timezone: Annotated[str, BeforeValidator(_timezone)] = "UTC"
    reserve: Literal["expected", "max"] = "expected"
    grace: Annotated[Share, AfterValidator(_countable)] = 0
    on_store_down: StoreDownShape = StoreDownShape()
    owner: str = ""


class DrainShape(Shape):
    """How a stop goes."""

    delay: Duration = 5.0
    max: Duration = 300.0


class LimitsShape(Shape):
    """Guards of the public listener."""

    body: Size = 16 << 20
    upload: Size = 512 << 20
    header_timeout: PositiveDuration = 10.0
    body_timeout: PositiveDuration = 30.0
    body_rate: Annotated[int, BeforeValidator(size_bytes)] = 1024
    write_timeout: PositiveDuration = 60.0
    keepalive: PositiveDuration = 75.0
    in_flight: Annotated[int, BeforeValidator(_at_least_one)] = 1024
    queue: Annotated[int, BeforeValidator(whole)] = 256


class LogShape(Shape):
    """Lines for machines or for people."""

    format: Literal["json", "text"] = "json"
    level: Literal["debug", "info", "warning", "error"] = "info"


class SettingsShape(Shape):
    """The whole file."""

    listen: Annotated[Address, PlainValidator(address)] = Address("127.0.0.1", 8080)
    admin: Annotated[Address, PlainValidator(address)] = Address("127.0.0.1", 9090)
    tls: TlsShape | None = None
    workers: Annotated[int, BeforeValidator(_workers)] = 1
    state: Location = Path("state")
    store: StoreShape = StoreShape()
    cache: StoreShape = StoreShape()
    ledger: LedgerShape = LedgerShape()
    policies: Location = Path("policies")
    directory: Location = Path("directory.yaml")
    budget: BudgetShape | None = None
    drain: DrainShape = DrainShape()
    limits: LimitsShape = LimitsShape()
    lease: PositiveDuration = 30.0
    durability: Literal["process", "power"] = "process"
    log: LogShape = LogShape()
    notify: NotifyShape | None = None
    demo: Literal["auto", "on", "off"] = "auto"
    upstreams: dict[Annotated[str, BeforeValidator(_upstream_name)], UpstreamShape] = Field(default_factory=dict)
    passthrough: dict[Annotated[str, BeforeValidator(_upstream_name)], PassthroughShape] = Field(default_factory=dict)
