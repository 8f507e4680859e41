"""Emptying a part of the cache by hand: whose answers, and the scripts that end them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from proxy.app.budgets.house import Shut, enter
from proxy.app.budgets.whose import whose
from proxy.app.supervise import cache_url
from proxy.config.directory import Directory
from proxy.config.masking import shown
from proxy.config.problems import did_you_mean
from proxy.config.reading import read
from proxy.config.store_url import parse_endpoint
from proxy.domain.errors import StoreAway
from proxy.server.lock import owner_of
from proxy.stores.answers.asking import StoreAnswers
from proxy.stores.store import Store

ALL: Final = "all"
_WAIT_S = 2.0


class Flushed(msgspec.Struct, frozen=True):
    """Whose answers are gone. ``remark``: what could not be checked."""

    whose: str
    remark: str = ""


def flush(config: Path, environ: Mapping[str, str], kind: str, name: str) -> Flushed:
    """Empty the scope of a team, user or service, that of the whole org ("org"), or all of the org's scopes ("all").

    Raises ``ConfigError``; ``ValueError`` for a name that the directory does not have; ``Shut`` where the cache is away.
    """
    enter(config, environ)
    reading = read(config, environ)
    settings, directory = reading.settings, reading.directory
    whom = whose(directory, kind, full_name(directory, name) if kind == "user" else name) if name else None
    scope = kind if whom is None else f"user:{whom.ground.person}" if whom.ground.person else f"{kind}:{name}"
    by = environ.get("SUDO_USER") or environ.get("USER") or f"uid {os.getuid()}"
    try:
        asyncio.run(_flush(cache_url(settings), directory.org, "" if kind == ALL else scope, by))
    except StoreAway as error:
        if settings.cache.embedded and owner_of(settings.state) is None:
            raise Shut(
                "the proxy does not run, and its cache is embedded: it kept nothing, so there is nothing to flush"
            ) from None
        done = "perhaps not everything" if kind == ALL else "nothing"
        raise Shut(f"the cache is away and {done} was flushed: {error}. Run this again when it is back") from None
    if whom is not None:
        return Flushed(str(whom), whom.remark)
    return Flushed("anybody" if kind == ALL else "the organisation")


def full_name(directory: Directory, name: str) -> str:
    """A person as the directory has them: what stands before the @ is enough where nobody else has it.

    Raises ``ValueError`` where several have it, or only one that looks like it.
    """
    if name in directory.users:
        return name
    wanted, briefly = name.casefold(), {user: user.partition("@")[0] for user in directory.users}
    found = sorted(user for user, brief in briefly.items() if wanted in (user.casefold(), brief.casefold()))
    if len(found) > 1:
        raise ValueError(f"{name} may be {' or '.join(found)}; say which")
    if not found and "@" not in name and directory.jwt is None and (near := did_you_mean(name, briefly.values())):
        raise ValueError(f"the directory has no user {shown(name)}; {near}")
    return found[0] if found else name


async def _flush(url: str, org: str, scope: str, by: str) -> None:
    store = Store(parse_endpoint(url), may_evict=True)
    store.start()
    try:
        await store.wait_up(_WAIT_S)
        answers = StoreAnswers(store)
        await (answers.flush(org, scope, by) if scope else answers.flush_all(org, by))
    finally:
        await store.close()
