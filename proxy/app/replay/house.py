"""What both generations share, the configuration of now: who is who, which upstreams serve what at which price."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import msgspec

from proxy.app.generations import demo_upstreams, prices_of
from proxy.app.policies import loaded_policies, policy_of
from proxy.config.directory import Directory
from proxy.config.directory_loader import load_directory
from proxy.config.every_upstream import every_upstream
from proxy.config.loader import load_settings
from proxy.config.look import Fingerprint
from proxy.config.policy_files import policy_texts
from proxy.config.pseudonym import pseudonym_secret
from proxy.config.reading import Reading
from proxy.config.routes import Routes
from proxy.config.settings import Settings
from proxy.metering.prices import PriceBook
from proxy.metering.table import PriceTable
from proxy.policy.generation import Policy

_DEMO = "http://127.0.0.1"  # never asked


def directory_of(settings: Settings) -> Directory:
    """The directory; without a state folder its pseudonyms are nobody's. Raises ``ConfigError``."""
    secret = pseudonym_secret(settings.state) if settings.state.exists() else b""
    return load_directory(settings.directory, secret)


class House:
    """One reading of it. Upstreams whose key is missing here count: nobody is asked."""

    def __init__(self, config: Path, environ: Mapping[str, str]) -> None:
        """Read it. Raises ``ConfigError``."""
        self.settings: Settings = load_settings(config, environ)
        self.directory: Directory = directory_of(self.settings)
        demo = demo_upstreams(_DEMO) if self.settings.demo else ()
        self._every_upstream = every_upstream(config, environ)
        upstreams = (*self._every_upstream, *demo)
        self._table = PriceTable.load()
        self.prices: PriceBook = prices_of(self.settings.source, upstreams, self._table)
        self.routes: Routes = Routes(upstreams)

    def policy(self, folder: Path, name: str) -> Policy:
        """The policies of a folder, as a worker would put them into force. Raises ``ConfigError``."""
        settings = msgspec.structs.replace(self.settings, policies=folder)
        texts = policy_texts(folder)
        reading = Reading(settings, self.directory, texts, self._every_upstream, name, Fingerprint({}))
        loaded = loaded_policies(reading, self._table, time.time())
        return policy_of(reading, loaded, self.serves)

    def serves(self, family: str, model: str) -> bool:
        """Whether some upstream of a family has a model."""
        return bool(self.routes.candidates(family, model))
