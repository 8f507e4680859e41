"""A question about a call, asked of the policies of a configuration."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import msgspec

from proxy.app.budgets.house import House, open_house
from proxy.app.generations import demo_upstreams
from proxy.app.known_models import known_of
from proxy.app.trial.asked import Asked, asked
from proxy.app.trial.ground import Ground, ground_of
from proxy.app.trial.judge import outcome_of
from proxy.app.trial.live import Live
from proxy.app.trial.outcome import Outcome
from proxy.app.trial.question import Words, case_of
from proxy.app.trial.reuse import Reusable, reusable
from proxy.cli.places import config_path
from proxy.cli.policy.reading import Read, read_beside
from proxy.config.pseudonym import pseudonym_secret
from proxy.policy.loaded import Loaded
from proxy.policy.names import Names
from proxy.policy.shorthand import budget_rule
from proxy.stores.virtual import virtual_meters

_NO_DEMO = "http://127.0.0.1:9"  # the stand-in's models have prices and names; nobody is asked


@dataclass(frozen=True, slots=True)
class Answer:
    """What the rules say. ``assumed``: what the question left open."""

    asked: Asked
    outcome: Outcome
    assumed: tuple[str, ...]
    live: bool
    reusable: Reusable | None  # what the cache would do


class Asking:
    """One configuration, ready to be asked; ``house`` is the running installation where its counters are wanted."""

    def __init__(self, directory: Path | None, config: Path | None, *, live: bool) -> None:
        """Read everything. Raises ``ConfigError``, and ``Shut`` where no installation runs here."""
        self.house: House | None = open_house(config_path(config), os.environ) if live else None
        secret = pseudonym_secret(self.house.settings.state) if self.house else b""
        read = read_beside(None, directory, config, secret, may_lack=True)
        demo = demo_upstreams(_NO_DEMO) if read.settings and read.settings.demo else ()
        upstreams = (*read.upstreams, *demo)
        self._names = Names(read.directory, known_of(upstreams, read.table, ()), {})
        self._ground: Ground = ground_of(read.directory, _with_shorthand(read), upstreams, read.table)

    def ask(self, words: Words) -> Answer:
        """Decide. Raises ``ValueError``, ``Unasked``, ``StoreAway`` and ``EngineFailed``."""
        case, assumed = case_of(words, self._names)
        standing = Live(self.house, self._ground.policy) if self.house else None
        with virtual_meters() as meters:
            outcome = outcome_of(case, self._ground, meters, standing)
        understood = asked(self._ground, case)
        return Answer(understood, outcome, assumed, standing is not None, reusable(understood, outcome))


def _with_shorthand(read: Read) -> Loaded:
    """The rules with ``budget:`` of the configuration, as a worker has them."""
    if read.settings is None or read.settings.budget is None:
        return read.loaded
    rule = budget_rule(read.settings.budget, f"{read.settings.source.name}: budget")
    policy = msgspec.structs.replace(read.loaded.policy, rules=(*read.loaded.policy.rules, rule))
    return msgspec.structs.replace(read.loaded, policy=policy)
