"""The policies of a configuration, as the walk asks them: read, loaded, and joined by the shorthand ``budget:``."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from proxy.app.known_models import known_of
from proxy.config.policy_files import parse_policies
from proxy.config.problems import ConfigError
from proxy.config.reading import Reading
from proxy.metering.table import PriceTable
from proxy.policy.content.pack import PACK
from proxy.policy.generation import Policy
from proxy.policy.load import load
from proxy.policy.loaded import Loaded
from proxy.policy.rule import Mode, PolicySet, Rule
from proxy.policy.shorthand import budget_rule

Serves = Callable[[str, str], bool]
AUDITED = "-audit"  # behind the name of a generation that is not felt


def loaded_policies(reading: Reading, table: PriceTable, now: float) -> Loaded:
    """Load the policies as they were read; no folder is no rules. Raises ``ConfigError`` with every problem."""
    files = parse_policies(reading.policies)
    known = known_of(reading.every_upstream, table, (detector.full_name for detector in PACK))
    try:
        found = load(
            files.policies,
            reading.directory,
            known,
            tests=files.tests,
            now=now,
            generation=reading.generation,
            whole=not files.problems,
        )
    except ConfigError as error:
        raise ConfigError([*files.problems, *error.problems]) from None
    if files.problems:
        raise ConfigError(files.problems)
    return found


def policy_of(reading: Reading, loaded: Loaded, serves: Serves, *, audit_only: bool = False) -> Policy:
    """One generation of rules. ``serves``: whether an upstream of a family has a model; ``audit_only``: see ``audited``."""
    budget = reading.settings.budget
    rules: tuple[Rule, ...] = (budget_rule(budget, f"{reading.settings.source.name}: budget"),) if budget else ()
    said = msgspec.structs.replace(loaded.policy, generation=reading.generation, rules=(*loaded.policy.rules, *rules))
    if audit_only:
        said = audited(said)
    return Policy(said, uses=loaded.facts, serves=serves)


def audited(policy: PolicySet) -> PolicySet:
    """The same rules, none of which is felt: each says and counts what it would have done.

    Their generation has a name of its own, so that nothing that was decided by one kind is told by the rules of the other.
    """
    rules = tuple(msgspec.structs.replace(rule, mode=Mode.AUDIT) for rule in policy.rules)
    return msgspec.structs.replace(policy, generation=f"{policy.generation}{AUDITED}", rules=rules)
