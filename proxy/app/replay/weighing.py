"""What a recorded call holds, and what it costs, at a model that it may not have gone to: recorded where that is known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from proxy.app.replay.recorded import Recorded
from proxy.config.routes import Routes
from proxy.dialects import DIALECTS
from proxy.domain.decision import Obligation, Reserve
from proxy.domain.upstream import Upstream
from proxy.metering.prices import PriceBook
from proxy.policy.draws import Amounts
from proxy.policy.facts import Facts
from proxy.steps.planning import MAX_HOLD_OUTPUT

NOTHING: Final = Amounts(0, 0, 0, 0)
_UNMETERED: Final = frozenset(
    (dialect.name, endpoint.path) for dialect in DIALECTS for endpoint in dialect.endpoints if not endpoint.metered
)


class Scales:
    """Prices and upstreams of now."""

    def __init__(self, routes: Routes, prices: PriceBook) -> None:
        """Nothing is weighed yet."""
        self._routes = routes
        self._prices = prices
        self._by_name = {upstream.name: upstream for upstream in routes.upstreams}

    def upstream(self, facts: Facts, model: str) -> Upstream | None:
        """Who would be asked for a model: whoever was, where that upstream serves it; else the first that does."""
        asked = self._by_name.get(facts.upstream)
        serving = self._routes.candidates(facts.family, model)
        if asked in serving:
            return asked
        return serving[0] if serving else asked if model == facts.model else None

    def is_priced(self, call: Recorded, model: str, at: Upstream) -> bool:
        """Whether calls to a model may be forwarded there."""
        facts = call.facts
        if (facts.dialect, facts.endpoint) in _UNMETERED:
            return True
        return self._prices.quote(at, at.own_name(model), call.at) is not None

    def amounts(
        self, call: Recorded, model: str, at: Upstream | None, clamp: int | None, wishes: Sequence[Obligation]
    ) -> Amounts | None:
        """What the call holds; None where a budget holds the most that it can cost, and nobody can say how much that is.

        ``clamp``: what rules lower its output to.
        """
        facts = call.facts
        if (facts.dialect, facts.endpoint) in _UNMETERED:
            return NOTHING
        holds_max = holds_most(wishes)
        most = _most(facts, clamp, holds_max=holds_max)
        output = self._output(call) if facts.generates else 0
        price = None if at is None else self._prices.quote(at, at.own_name(model), call.at)
        if price is None:  # it was, when it was called: the record says at least what was expected
            return Amounts(facts.cost_nusd, facts.cost_nusd, facts.cost_nusd, facts.input_tokens + output)
        expected, likely = facts.cost_nusd, output if clamp is None else min(output, clamp * facts.choices)
        if likely < output or model != facts.model:
            expected = price.expected(facts.input_tokens, likely, pictures=facts.choices)
        ceiling = price.ceiling(facts.input_ceiling, most, facts.choices) if holds_max and most is not None else None
        return None if holds_max and ceiling is None else Amounts(0, expected, ceiling, facts.input_tokens + likely)

    def cost(self, call: Recorded, model: str, at: Upstream | None, amounts: Amounts) -> int:
        """What it cost where it went there, else what its tokens cost there; of a refused call what is expected."""
        if not call.answered:
            return amounts.expected_nusd
        if at is None or model == call.model:
            return call.cost_nusd
        usage = msgspec.structs.replace(call.usage, model=None, by_model=(), parts=())
        return call.cost_nusd - call.last_nusd + self._prices.cost_of(at, at.own_name(model), usage, call.at).nusd

    @staticmethod
    def _output(call: Recorded) -> int:
        """Output tokens that were expected; older facts do not say, then those that came."""
        return call.facts.output_tokens or call.usage.output or 0


def _most(facts: Facts, clamp: int | None, *, holds_max: bool) -> int | None:
    """The output tokens of one choice that it can come to; None: nobody knows."""
    if not facts.generates:
        return 0
    if not facts.clamps:
        return None
    if clamp is None and facts.max_output is None and holds_max:
        return MAX_HOLD_OUTPUT
    return facts.max_output if clamp is None else clamp


def holds_most(wishes: Sequence[Obligation]) -> bool:
    """Whether a budget in force holds the most that the call can cost."""
    return True in [wish.reserve is Reserve.MAX and wish.enforce for wish in wishes]
