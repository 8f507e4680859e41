"""The models that a caller may use, in the caller's own dialect: answered here, from the upstreams' own lists.

A model is listed when a call for it would be taken: an upstream of this dialect serves the name, it has a price, and no
rule forbids it. Names are those that callers use: prefixes and aliases of the configuration are in them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import msgspec

from proxy.config.routes import is_pattern
from proxy.dialects.base import Match
from proxy.dialects.model_lists import SHAPES, ListShape
from proxy.domain.call import Call
from proxy.domain.decision import Kind
from proxy.domain.errors import NotFound
from proxy.domain.upstream import Upstream
from proxy.policy.decide import decide
from proxy.policy.facts import Facts
from proxy.ports import Headers
from proxy.steps import receipt
from proxy.steps.rows import answered_row
from proxy.steps.visit import Visit
from proxy.steps.world import World

AT_ONCE = 64  # names that are judged before others have their turn: 3 ms; some upstreams list ten thousand

_to_json = msgspec.json.Encoder().encode


async def answer(world: World, visit: Visit, match: Match, call: Call) -> None:
    """Answer a question for the list, or for one model of it. Raises ``NotFound`` for a model that is not in it."""
    shape = SHAPES[match.dialect.family]
    listed = await _listed(world, visit, match.dialect.family, shape, call)
    if not match.model:
        told: Any = shape.whole([listed[name] for name in sorted(listed)])
    elif (told := listed.get(match.model)) is None:
        raise NotFound(f"There is no model {match.model!r} for you here.", code="model_not_found", param="model")
    head: Headers = [*receipt.identity(visit.request_id), (b"content-type", b"application/json")]
    visit.rowed = True
    row = answered_row(call, visit, 200, round((world.clock.monotonic() - visit.began) * 1000, 3))
    world.books.book(row, None)
    world.gauge.finished(row)
    await visit.reply.whole(200, head, _to_json(told))


async def _listed(world: World, visit: Visit, family: str, shape: ListShape, call: Call) -> dict[str, dict[str, Any]]:
    """Every entry by the name that callers use; where two upstreams have a model, the one that is asked first tells of it."""
    upstreams = [upstream for upstream in visit.generation.routes.upstreams if upstream.dialect == family]
    lists = await asyncio.gather(*[world.catalog.models(upstream) for upstream in upstreams])
    found: dict[str, dict[str, Any]] = {}
    for upstream, entries in zip(upstreams, lists, strict=True):
        for number, (name, own) in enumerate(_names(upstream, entries), 1):
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)
            if name not in found and _may_use(visit, upstream, name, own, call):
                entry = entries.get(own) or shape.made(name, upstream.name)
                found[name] = entry if name == own else shape.rename(entry, name)
    return found


def _names(upstream: Upstream, entries: Any) -> Iterator[tuple[str, str]]:
    """Names for callers, each with the upstream's own: of its list, of the configuration, and aliases."""
    for own in entries:
        yield upstream.strip_prefix + own, own
    for name in upstream.models:
        if not is_pattern(name):
            yield name, upstream.own_name(name)
    yield from upstream.aliases


def _may_use(visit: Visit, upstream: Upstream, name: str, own: str, call: Call) -> bool:
    generation, who = visit.generation, call.principal
    if upstream not in generation.routes.candidates(upstream.dialect, name):
        return False
    if generation.prices.quote(upstream, own, visit.at) is None:
        return False
    facts = Facts(
        team=call.attribution.team,
        model=name,
        dialect=call.dialect,
        endpoint="",
        upstream=upstream.name,
        project=call.attribution.project,
        service=who.service,
        groups=tuple(sorted(who.groups)),
        tags=call.attribution.tags,
        clock=int(visit.at),
        family=upstream.dialect,
        org=who.org,
        key=who.key_id,
        person=who.pseudonym,
        user=who.user or "",
    )
    denials = decide(facts, generation.policy, "").denials
    return not any(denial.kind is Kind.FORBIDDEN for denial in denials)  # tags and sizes are those of a call
