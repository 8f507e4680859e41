"""By what the upstream of a call is drawn, where several have a weight.

Mostly by its session, or its own name: calls spread by the weights, and what belongs together stays where the provider has
it warm. But answers of one upstream are never given for another's, so where repeats may be answered here, who asks the same
must come to the same upstream: such a call is drawn by its key, as it would be without an upstream in it. That is an
economy. What rules do to the request later is not known yet; if it matters, a repeat is asked at another upstream.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import jiter

from proxy.dedup.cache_control import caller_wishes
from proxy.dedup.eligible import ruled_out
from proxy.dedup.envelope import Sent
from proxy.dedup.key import Remembered, request_keys
from proxy.domain.ask import Ask
from proxy.domain.call import Call
from proxy.domain.decision import Reuse
from proxy.domain.upstream import Upstream
from proxy.metering.estimate import Estimate
from proxy.steps import recent
from proxy.steps.cache_status import OFF_WORD
from proxy.steps.reusing import compiled, may_reuse, scope_of
from proxy.steps.stated import Weighed, facts_of
from proxy.steps.visit import Visit
from proxy.steps.world import World

_FIRST: Final = 2  # messages, instructions among them: a session that has more goes on
_LONGEST: Final = 1 << 17  # bytes of a body; a longer one takes a millisecond to compare, and everybody waits
_UNWEIGHED: Final = Weighed("", None, Estimate(0, 0, 0, 0, 0, 0, counted=True, media=False), 0, 0, None)


def draw_of(world: World, visit: Visit, call: Call, ask: Ask, upstreams: Sequence[Upstream]) -> str:
    """The draw of a call among ``upstreams``; of no use where it takes none."""
    whose = ask.session or call.request_id
    if len([one for one in upstreams if one.weight]) < 2 or not may_reuse(visit, ask):  # noqa: PLR2004 - one is no choice
        return whose
    if len(ask.body) > _LONGEST or (ask.session and ask.features.messages > _FIRST):
        return whose
    terms = _terms(world, visit, call, ask)
    if terms is None or terms.mode == OFF_WORD or caller_wishes(visit.request.listed("cache-control")).no_store:
        return whose
    sent = Sent(ask.endpoint.api, ask.endpoint.upstream_path, (), jiter.from_json(ask.body))
    if ruled_out(sent, terms):
        return whose
    visit.forms = Remembered()
    secret, scope = visit.generation.directory.answers_key, scope_of(terms.share, call.principal)
    return request_keys(secret, scope, sent, terms.mode, compiled(terms.volatile), forms=visit.forms).name


def _terms(world: World, visit: Visit, call: Call, ask: Ask) -> Reuse | None:
    """What rules say of repeats, asked without an upstream, and so without a cost."""
    policy = visit.generation.policy
    facts = facts_of(visit, call, ask, "", _UNWEIGHED, world.meters.time_us())
    return policy.hears(recent.gathered(world, policy, facts)).reuse
