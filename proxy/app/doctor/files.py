"""What lies on this machine: configuration, vocabularies, prices, permissions, room on the disk."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

from proxy.app.doctor.finding import Finding, fail, ok, warn
from proxy.config.directory import Directory
from proxy.config.reading import watched
from proxy.config.settings import Settings
from proxy.metering.prices import PriceBook
from proxy.metering.table import PriceTable
from proxy.metering.vocab import DEFINITIONS, VocabularyDamaged, load_encoding

OLD_DAYS = 45  # providers change prices about monthly
ROOM_MIB = 512
SOON_DAYS = 14


def configuration(settings: Settings, directory: Directory) -> Iterator[Finding]:
    """What was read, and every line that the configuration itself gives cause to."""
    yield ok("configuration", f"{settings.source.name}: upstreams that are on: {len(settings.upstreams)}")
    for note in settings.notes:
        yield warn("configuration", note)
    if settings.budget is None:
        yield warn("budget", "nothing limits what is spent", "write `budget: { limit: $100/day, timezone: UTC }`")
    yield _keys([key.expires_at for key in directory.keys], directory.org)


def _keys(expiries: list[float | None], org: str) -> Finding:
    now = datetime.now(UTC).timestamp()
    if not expiries:
        return warn("keys", f"{org} has none", "`tallygate keys issue --user …` makes one")
    gone = sum(1 for at in expiries if at is not None and at <= now)
    soon = sum(1 for at in expiries if at is not None and now < at <= now + SOON_DAYS * 86_400)
    said = f"{len(expiries)} of {org}, {gone} expired, {soon} expire within {SOON_DAYS} days"
    return warn("keys", said, "issue new ones in time") if soon else ok("keys", said)


def vocabularies() -> Iterator[Finding]:
    """Unpack every vocabulary and check its sum: half a second."""
    for name in DEFINITIONS:
        try:
            load_encoding(name)
        except VocabularyDamaged as error:
            yield fail("ranks", str(error))
        else:
            yield ok("ranks", f"{name} is whole")


def prices(settings: Settings, table: PriceTable, book: PriceBook) -> Iterator[Finding]:
    """How old the table is, and which models are named whose calls would be refused."""
    age = (datetime.now(UTC).date() - date.fromisoformat(table.made)).days
    said = f"{table.version}, {age} days old"
    advice = "install a newer release, or override prices under upstreams"
    yield warn("prices", said, advice) if age > OLD_DAYS else ok("prices", said)
    now = datetime.now(UTC).timestamp()
    for upstream in settings.upstreams:
        named = [(name, upstream.own_name(name)) for name in upstream.models if not set("*?[") & set(name)]
        missing = [n for n, own in [*named, *upstream.aliases] if book.quote(upstream, own, now) is None]
        if missing:
            told = f"{', '.join(missing)} at {upstream.name} have no price: calls are refused"
            yield warn("prices", told, f"write them under upstreams.{upstream.name}.prices")


def permissions(settings: Settings) -> Iterator[Finding]:
    """Whether what is secret is readable, and what is trusted writable, by more than it should be."""
    secret = [settings.state, settings.state / "calls.db", settings.state / "engines"]
    secret += [settings.tls.key] if settings.tls else []
    loose = [path for path in secret if path.exists() and path.stat().st_mode & (stat.S_IROTH | stat.S_IWOTH)]
    trusted = [path for path in watched(settings) if path.exists() and path.stat().st_mode & stat.S_IWOTH]
    for path in loose:
        yield warn("permissions", f"everybody on this machine may read {path.name}", f"chmod o-rwx {path}")
    for path in trusted:
        yield fail("permissions", f"everybody on this machine may change {path.name}", f"chmod o-w {path}")
    if not loose and not trusted:
        yield ok("permissions", "state and configuration are closed to others")


def disk(state: Path) -> Finding:
    """Room for the journal and the engines' logs."""
    place = next(path for path in (state, *state.absolute().parents) if path.exists())
    free_mib = shutil.disk_usage(place).free >> 20
    said = f"{free_mib:,} MiB free for {state.name}/"
    if free_mib < ROOM_MIB:
        return fail("disk", said, "what cannot be recorded is not forwarded: make room")
    return ok("disk", said)
