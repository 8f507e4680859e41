"""From ``tallygate.yaml`` and the environment to ``Settings``, with every problem told at once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from proxy.config.base_url import is_clear_text
from proxy.config.look import Look
from proxy.config.passthrough import Entry
from proxy.config.passthrough_checks import in_force, misplaced
from proxy.config.problems import ConfigError, Problem
from proxy.config.references import Surroundings
from proxy.config.settings import Budget, Drain, Engine, Limits, Log, Settings, Tls
from proxy.config.settings_shape import BudgetShape, SettingsShape, address
from proxy.config.shape import fit
from proxy.config.yaml_nodes import locate
from proxy.config.yaml_source import Source, read_source
from proxy.domain.decision import Reserve, StoreDown
from proxy.domain.upstream import Upstream

FILE = "tallygate.yaml"


def find_config(option: Path | None, environ: Mapping[str, str]) -> Path:
    """Choose the configuration file: ``--config``, ``TALLYGATE_CONFIG``, or ``tallygate.yaml`` here.

    Whether it exists is for ``load_settings`` to say.
    """
    path = (option or Path(environ.get("TALLYGATE_CONFIG") or FILE)).expanduser()
    return path / FILE if path.is_dir() else path


def load_settings(path: Path, environ: Mapping[str, str], look: Look | None = None) -> Settings:
    """Read the configuration, as ``look`` sees its files. Raises ``ConfigError`` with every problem that was found."""
    if not path.exists():
        raise ConfigError([Problem(str(path), 0, 0, "", "there is no such file", "`tallygate init` writes one")])
    look = look or Look()
    source = read_source(path, look)
    around = Surroundings(path.parent.absolute(), environ, look)
    shape, problems = fit(SettingsShape, source, {"surroundings": around})
    overrides = _overrides(environ, problems)
    if shape is None:
        raise ConfigError(problems)
    problems += _same_engine(source, shape) + _indivisible(source, shape)
    problems += misplaced(source, _entries(shape), shape.upstreams.keys())
    if problems:
        raise ConfigError(problems)
    return msgspec.structs.replace(_settings(path, shape, around), **overrides)


def _overrides(environ: Mapping[str, str], problems: list[Problem]) -> dict[str, object]:
    """Read what containers set from outside; the state folder is relative to where the process was started."""
    found: dict[str, object] = {}
    for member in ("listen", "admin"):
        if said := environ.get(f"TALLYGATE_{member.upper()}"):
            try:
                found[member] = address(said)
            except ValueError as error:
                problems.append(Problem(f"TALLYGATE_{member.upper()}", 0, 0, "", str(error)))
    if state := environ.get("TALLYGATE_STATE"):
        found["state"] = Path(state).expanduser().absolute()
    return found


def _same_engine(source: Source, shape: SettingsShape) -> list[Problem]:
    """Find a cache that shares the store's instance: what may evict must not hold money. Databases share it too."""
    store, cache = shape.store.url, shape.cache.url
    if store.embedded or cache.embedded or _instance(store) != _instance(cache):
        return []
    mark, _ = locate(source.root, ("cache", "url"))
    message = "is the same instance as the store; a cache evicts, and holds must not be evicted"
    return [source.problem(mark, "cache.url", message, "give the cache its own instance, or leave it embedded")]


def _indivisible(source: Source, shape: SettingsShape) -> list[Problem]:
    """Find bounds on parallel calls that leave a worker without any: its callers would find that upstream always full."""
    found = []
    for name, entry in shape.upstreams.items():
        if entry.parallel is not None and entry.parallel < shape.workers:
            mark, _ = locate(source.root, ("upstreams", name, "parallel"))
            message = f"{entry.parallel} cannot be divided among {shape.workers} workers"
            found.append(source.problem(mark, f"upstreams.{name}.parallel", message, "raise it, or run fewer workers"))
    return found


def _instance(engine: Engine) -> tuple[str, str]:
    parts = urlsplit(engine.url)
    return (parts.netloc.rpartition("@")[2].lower(), parts.path if parts.scheme == "unix" else "")


def _settings(path: Path, shape: SettingsShape, around: Surroundings) -> Settings:
    upstreams, off, notes = _upstreams(shape)
    passthrough, without = in_force(_entries(shape), dict(off))
    notes += without
    is_demo = shape.demo == "on" or (shape.demo == "auto" and not upstreams)
    if is_demo and shape.demo == "auto":
        notes.append("no upstream is on: the built-in stand-in `demo` answers models named demo-*")
    if shape.notify and is_clear_text(shape.notify.url):
        notes.append("notify: what it tells crosses the network in the clear; use https://")
    policies = around.path(str(shape.policies))
    limits, drain = shape.limits, shape.drain
    return Settings(
        source=path.absolute(),
        listen=shape.listen,
        admin=shape.admin,
        tls=Tls(shape.tls.cert, shape.tls.key) if shape.tls else None,
        workers=shape.workers,
        state=around.path(str(shape.state)),
        store=shape.store.url,
        cache=shape.cache.url,
        ledger=shape.ledger.url,
        policies=policies,
        directory=around.path(str(shape.directory)),
        budget=_budget(shape.budget) if shape.budget else None,
        drain=Drain(drain.delay, drain.max),
        limits=Limits(
            body_bytes=limits.body,
            upload_bytes=limits.upload,
            header_timeout_s=limits.header_timeout,
            body_timeout_s=limits.body_timeout,
            body_rate_bytes=limits.body_rate,
            write_timeout_s=limits.write_timeout,
            keepalive_s=limits.keepalive,
            in_flight=limits.in_flight,
            queue=limits.queue,
        ),
        lease_s=shape.lease,
        durability=shape.durability,
        log=Log(shape.log.format, shape.log.level),
        notify=shape.notify.notify if shape.notify else None,
        demo=is_demo,
        passthrough=passthrough,
        upstreams=tuple(upstreams),
        off=tuple(off),
        notes=tuple(notes),
        files=(path.absolute(), *around.read),
    )


def _entries(shape: SettingsShape) -> tuple[Entry, ...]:
    return tuple(entry.entry(name) for name, entry in shape.passthrough.items())


def _upstreams(shape: SettingsShape) -> tuple[list[Upstream], list[tuple[str, str]], list[str]]:
    """Give the upstreams that are on, those that are off and why, and lines for people."""
    on, off, notes = [], [], []
    for name, entry in shape.upstreams.items():
        if entry.key is not None and entry.key.secret is None:
            off.append((name, f"the environment variable {entry.key.name} is not set"))
            notes.append(f"upstream {name} is off: {off[-1][1]}")
            continue
        on.append(entry.upstream(name))
        if entry.key is not None and is_clear_text(entry.base_url):
            notes.append(f"upstream {name}: its key crosses the network in the clear; use https://")
    return on, off, notes


def _budget(shape: BudgetShape) -> Budget:
    down = shape.on_store_down
    limit_nusd, period = shape.limit
    return Budget(
        limit_nusd=limit_nusd,
        period=period,
        timezone=shape.timezone,
        reserve=Reserve(shape.reserve),
        grace_millionths=shape.grace,
        store_down=StoreDown(down.meters, down.local_share, down.span),
        owner=shape.owner,
    )
