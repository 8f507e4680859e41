"""How budgets stand in the store: what is spent, held, granted and left, each in the period that contains now."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Final

import msgspec

from proxy.app.budgets.house import House
from proxy.app.budgets.whose import PEOPLE, Whose, everybody, is_counted, whose_scope
from proxy.config.store_url import parse_endpoint
from proxy.domain.decision import Obligation
from proxy.domain.meter import Standing
from proxy.policy.budgets import around_scope, budgets, terms_of, unmet, wish_of
from proxy.policy.draws import meter_key
from proxy.policy.periods import Period, period_at
from proxy.policy.rule import Rule
from proxy.policy.scopes import scope
from proxy.stores.meters import StoreMeters
from proxy.stores.scan import scopes_between
from proxy.stores.store import Store

WAIT_S: Final = 2.0


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """One budget of one scope, as it stands; amounts are nano-dollars."""

    rule: Rule
    whom: Whose
    wish: Obligation
    key: str
    period: Period
    stands: Standing

    @property
    def per(self) -> str:
        """What has a budget of its own by this rule: org, team, user, key, project or model."""
        return terms_of(self.rule).per

    @property
    def name(self) -> str:
        """Of which of these it is; "" for the org, and for calls of no project."""
        ground = self.whom.ground
        names = {"team": ground.team, "key": ground.key, "project": ground.project, "model": ground.model}
        return (names.get(self.per) or "") if self.per != "user" else ground.user or self.whom.name

    @property
    def limit(self) -> int:
        """What the rule allows, without grace and grants."""
        return self.wish.base - self.wish.granted

    @property
    def grace(self) -> int:
        """What the rule admits beyond it, with a warning."""
        return self.wish.limit - self.wish.base

    @property
    def ceiling(self) -> int:
        """Limit, grace and everything granted."""
        return self.wish.limit + self.stands.granted

    @property
    def left(self) -> int:
        """What may still be held; never below nothing."""
        return max(0, self.ceiling - self.stands.spent - self.stands.held)

    @property
    def share(self) -> float:
        """The used part of what is allowed without grace, 0 where nothing is allowed."""
        whole = self.wish.base + self.stands.granted
        return (self.stands.spent + self.stands.held) / whole if whole > 0 else 0.0


@asynccontextmanager
async def reaching(house: House) -> AsyncIterator[Store]:
    """A store that is there, for as long as the block. Raises ``StoreAway``."""
    store = Store(parse_endpoint(house.store))
    try:
        store.of(house.org)
        store.start()
        await store.wait_up(WAIT_S)
        yield store
    finally:
        await store.close()


async def budget_of(house: House, rule: Rule, whom: Whose) -> Budget:
    """One budget of one scope. Raises ``StoreAway``."""
    async with reaching(house) as store:
        return await _read(house, store, rule, whom)


async def budgets_of(
    house: House, whom: Whose | None, rules: Sequence[str] = (), *, untouched: bool = False
) -> list[Budget]:
    """Budgets in the order of their rules and scopes' names; of these rules only, or of all. Raises ``StoreAway``.

    ``whom``: every budget that a call of theirs counts against. None: those of org, teams, projects and models that
    anything happened to in their period, or all with ``untouched``. Those of people and their keys are in no such list.
    """
    wanted = [rule for name, rule in budgets(house.said).items() if not rules or name in rules]
    async with reaching(house) as store:
        if whom is not None:
            return [
                await _read(house, store, rule, whom)
                for rule in wanted
                if is_counted(terms_of(rule), whom) and not unmet(rule, whom.ground)
            ]
        found = []
        for rule in wanted:
            scopes = await _scopes(house, store, rule)
            read = [await _read(house, store, rule, one) for one in scopes if not unmet(rule, one.ground)]
            found += [one for one in read if untouched or any(one.stands) or one.whom.kind == ""]
        return found


def kept_to_themselves(house: House, rules: Sequence[str] = ()) -> list[str]:
    """Ids of budgets that nobody reads in a list, because each of their scopes is a person."""
    return [
        name
        for name, rule in budgets(house.said).items()
        if terms_of(rule).per in PEOPLE and (not rules or name in rules)
    ]


async def _scopes(house: House, store: Store, rule: Rule) -> Iterable[Whose]:
    """Every scope of a budget that the directory lists or the store has, but people."""
    per, directory = terms_of(rule).per, house.directory
    if per in PEOPLE:
        return ()
    if per == "org":
        return (everybody(directory),)
    wish, period = _now(house, store, rule, everybody(directory))
    seen = await scopes_between(store, house.org, *around_scope(house.org, wish, period.name))
    names = {one.partition(":")[2] for one in seen if one.startswith(f"{per}:")}
    names |= set({"team": directory.teams, "project": directory.projects}.get(per, ()))
    return [whose_scope(directory, per, name) for name in sorted(names)]


async def _read(house: House, store: Store, rule: Rule, whom: Whose) -> Budget:
    wish, period = _now(house, store, rule, whom)
    wish = msgspec.structs.replace(wish, scope=scope(terms_of(rule).per, whom.ground))
    key = meter_key(house.org, wish, period.name)
    return Budget(rule=rule, whom=whom, wish=wish, key=key, period=period, stands=await StoreMeters(store).spent(key))


def _now(house: House, store: Store, rule: Rule, whom: Whose) -> tuple[Obligation, Period]:
    now_us = store.of(house.org).clock.time_us()
    wish = wish_of(rule, whom.ground, house.said.exemptions, now_us / 1e6)
    return wish, period_at(wish.period, wish.timezone, now_us)


def run_budgets(house: House, whom: Whose | None, rules: Sequence[str], *, untouched: bool) -> list[Budget]:
    """``budgets_of``, for whoever has no loop. Raises ``StoreAway``."""
    return asyncio.run(budgets_of(house, whom, rules, untouched=untouched))
