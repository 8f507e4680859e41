"""Store and cache: can they be asked, may they hold what they hold, do they keep it, and is anything left lying in them."""

from __future__ import annotations

from collections.abc import Iterator

from proxy.app.doctor.finding import Finding, fail, off, ok, warn
from proxy.app.doctor.running import holds
from proxy.config.settings import Engine, Settings
from proxy.config.store_url import parse_endpoint
from proxy.domain.errors import StoreAway
from proxy.stores.inspection import Inspection, inspect

CLOCK_S = 1.0  # apart: periods begin and end by the store's clock
SLOW_MS = 10.0


async def engines(settings: Settings, org: str, urls: tuple[str, str], calls: int | None) -> list[Finding]:
    """Look at both; ``urls`` are those of store and cache, embedded ones included. ``calls``: see ``running``."""
    findings: list[Finding] = []
    for name, engine, url in (("store", settings.store, urls[0]), ("cache", settings.cache, urls[1])):
        try:
            seen = await inspect(parse_endpoint(url), org, settings.lease_s)
        except (StoreAway, OSError) as error:
            findings.append(_away(name, engine, error, runs=calls is not None))
            continue
        findings += _reached(name, seen)
        if name == "store":
            findings += _store(seen, settings)
            findings.append(holds(seen.open_holds, calls, whole=settings.store.embedded))
        else:
            findings.append(_eviction_of_cache(seen))
    return findings


def _away(name: str, engine: Engine, error: Exception, *, runs: bool) -> Finding:
    """``runs``: a proxy does, and its embedded engines with it."""
    if engine.embedded and not runs:
        return off(name, "embedded, and not running", "it runs while `tallygate serve` does")
    why = str(error) or type(error).__name__
    if engine.embedded:
        advice = "the proxy starts it again; if it does not stay, engines/…/engine.log says why"
    else:
        advice = f"check {name}.url, and that the server takes connections from here"
    if name == "cache":
        advice += "; meanwhile calls go upstream, and nothing is answered again"
    return fail(name, f"cannot be reached: {why}", advice)


def _reached(name: str, seen: Inspection) -> Iterator[Finding]:
    version = ".".join(map(str, seen.server.version))
    said = f"{seen.server.kind} {version} at {seen.where}, answers in {seen.round_trip_ms:.1f} ms"
    if not seen.new_enough:
        yield fail(name, said, "the scripts need Redis 7.0 or Valkey 7.2, or newer")
    elif seen.server.replica:
        yield fail(name, f"{said}; it is a replica", "name the primary, or the Sentinels that know it")
    elif seen.round_trip_ms > SLOW_MS:
        yield warn(name, said, "every call waits for it once: keep it in the same zone")
    else:
        yield ok(name, said)


def _store(seen: Inspection, settings: Settings) -> Iterator[Finding]:
    yield _eviction_of_store(seen)
    yield _persistence(seen, settings)
    yield _clock(seen)
    yield _holds(seen)


def _eviction_of_store(seen: Inspection) -> Finding:
    policy = seen.settings.get("maxmemory-policy") or seen.fields.get("maxmemory_policy", "")
    if not policy:
        return warn("eviction", "the store does not tell its maxmemory-policy", "make sure that it is noeviction")
    if policy != "noeviction":
        return fail(
            "eviction", f"the store evicts ({policy})", "set maxmemory-policy to noeviction: what it evicts is money"
        )
    return ok("eviction", "the store never evicts")


def _eviction_of_cache(seen: Inspection) -> Finding:
    policy = seen.settings.get("maxmemory-policy") or seen.fields.get("maxmemory_policy", "")
    limit = seen.settings.get("maxmemory") or seen.fields.get("maxmemory", "0")
    if policy == "noeviction" or limit == "0":
        advice = "set maxmemory, and maxmemory-policy to allkeys-lfu"
        return warn("cache eviction", f"the cache cannot forget (maxmemory {limit}, {policy or 'unknown'})", advice)
    return ok("cache eviction", f"{policy or 'on'}, at most {int(limit) >> 20} MiB")


def _persistence(seen: Inspection, settings: Settings) -> Finding:
    fields, name = seen.fields, "persistence"
    if fields.get("aof_enabled") == "1" and fields.get("aof_last_write_status", "ok") != "ok":
        return fail(name, "the store cannot write its log", "look at its disk: counters of today live in memory only")
    if fields.get("aof_enabled") != "1":
        advice = "counters are replayed from the journals after a restart; appendonly yes spares that"
        return warn(name, "the store keeps no log (appendonly no)", advice)
    fsync = seen.settings.get("appendfsync", "")
    if settings.durability == "power" and fsync not in ("", "always"):
        return fail(name, f"durability: power, but the store syncs {fsync}", "set appendfsync to always")
    return ok(name, f"append-only log, synced {fsync or 'as its service does'}")


def _clock(seen: Inspection) -> Finding:
    said = (
        f"the store's clock is {abs(seen.ahead_s):.3f} s {'ahead of' if seen.ahead_s > 0 else 'behind'} this machine's"
    )
    if abs(seen.ahead_s) > CLOCK_S:
        return warn("clock", said, "periods follow the store's clock; run NTP on both")
    return ok("clock", said)


def _holds(seen: Inspection) -> Finding:
    if seen.overdue_holds:
        advice = "a running proxy sweeps them within a lease; see its log for `task_failed`"
        return warn("overdue holds", f"{seen.overdue_holds} of {seen.open_holds} outlived their lease", advice)
    return ok("overdue holds", f"none of {seen.open_holds} open ones")
