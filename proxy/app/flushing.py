"""Emptying a part of the cache by hand: whose answers, and the one script that ends them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import msgspec

from proxy.app.budgets.house import Shut, enter
from proxy.app.budgets.whose import whose
from proxy.app.supervise import cache_url
from proxy.config.reading import read
from proxy.config.store_url import parse_endpoint
from proxy.domain.errors import StoreAway
from proxy.server.lock import owner_of
from proxy.stores.answers.asking import StoreAnswers
from proxy.stores.store import Store

_WAIT_S = 2.0


class Flushed(msgspec.Struct, frozen=True):
    """Whose answers are gone. ``remark``: what could not be checked."""

    whose: str
    remark: str = ""


def flush(config: Path, environ: Mapping[str, str], kind: str, name: str) -> Flushed:
    """Empty the scope of a team, user or service, or that of the whole org ("org").

    Raises ``ConfigError``; ``ValueError`` for a name that the directory does not have; ``Shut`` where the cache is away.
    """
    enter(config, environ)
    reading = read(config, environ)
    settings, directory = reading.settings, reading.directory
    whom = whose(directory, kind, name) if name else None
    scope = kind if whom is None else f"user:{whom.ground.person}" if whom.ground.person else f"{kind}:{name}"
    try:
        asyncio.run(_flush(cache_url(settings), directory.org, scope))
    except StoreAway as error:
        if settings.cache.embedded and owner_of(settings.state) is None:
            raise Shut(
                "the proxy does not run, and its cache is embedded: it kept nothing, so there is nothing to flush"
            ) from None
        raise Shut(f"the cache is away and nothing was flushed: {error}. Run this again when it is back") from None
    return Flushed(str(whom), whom.remark) if whom else Flushed("the organisation")


async def _flush(url: str, org: str, scope: str) -> None:
    store = Store(parse_endpoint(url), may_evict=True)
    store.start()
    try:
        await store.wait_up(_WAIT_S)
        await StoreAnswers(store).flush(org, scope)
    finally:
        await store.close()
