"""What a command about budgets leans on: configuration, directory and policies as they lie in the files now."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path

import msgspec

from proxy.app.policies import loaded_policies, policy_of
from proxy.app.supervise import store_url
from proxy.config.directory import Directory
from proxy.config.loader import load_settings
from proxy.config.reading import read
from proxy.config.settings import Settings
from proxy.metering.table import PriceTable
from proxy.policy.rule import PolicySet
from proxy.server.lock import owner_of

JOURNAL = "calls.db"


class Shut(Exception):
    """The command cannot do its work here and now; the text says why, and what to do."""


class House(msgspec.Struct, frozen=True):
    """One installation, as its files say."""

    settings: Settings
    directory: Directory
    said: PolicySet

    @property
    def org(self) -> str:
        """Whose budgets they are."""
        return self.directory.org

    @property
    def journal(self) -> Path:
        """The file of this machine's rows."""
        return self.settings.state / JOURNAL

    @property
    def store(self) -> str:
        """The URL of the store, embedded or not."""
        return store_url(self.settings)


def open_house(config: Path, environ: Mapping[str, str]) -> House:
    """Read everything. Raises ``ConfigError`` for files with mistakes, and ``Shut`` where no proxy has run yet."""
    enter(config, environ)
    reading = read(config, environ)
    loaded = loaded_policies(reading, PriceTable.load(), time.time())
    said = policy_of(reading, loaded, lambda _family, _model: True).said
    return House(reading.settings, reading.directory, said)


def enter(config: Path, environ: Mapping[str, str]) -> Path:
    """The state folder. Raises ``ConfigError``, and ``Shut`` where it is not ours or no proxy has run with it yet.

    People stand in the store by pseudonyms that only the installation's own secret makes, so nothing is begun here.
    """
    state = load_settings(config, environ).state
    if state.exists() and (owner := state.stat().st_uid) != os.getuid():
        raise Shut(f"{state} belongs to the user with the id {owner}; run this as that user: sudo -u '#{owner}' …")
    if not (state / JOURNAL).exists():
        raise Shut(
            f"there is no {state / JOURNAL}, so no proxy has run with this state folder. Run this where the proxy runs "
            f"(in its container: podman exec NAME tallygate …), or start it by `tallygate serve`"
        )
    return state


def people(directory: Directory) -> dict[str, str]:
    """Names by pseudonym: the users and services that a directory lists."""
    users = {directory.pseudonym("user", name): name for name in directory.users}
    services = {key.service for key in directory.keys if key.service and not key.user}
    return users | {directory.pseudonym("service", name): name for name in services}


def away(house: House, error: Exception) -> Shut:
    """The store cannot be reached: why, and what to do."""
    if house.settings.store.embedded and owner_of(house.settings.state) is None:
        return Shut(
            "the proxy does not run, and its store runs with it. Start it by `tallygate serve`, then run this again"
        )
    why = str(error).removeprefix("the store is away: ")
    return Shut(f"the store is away: {why}. Run this again when it is back; `tallygate doctor` looks at it")
