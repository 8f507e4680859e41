"""What the decision point costs per call, without a store: ``python -m tests.bench.decide``.

Medians and 99th percentiles in microseconds, of calls whose selection is remembered, and of those that come first.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from functools import partial
from time import perf_counter_ns

from proxy.config.settings import Budget as Shorthand
from proxy.policy.decide import decide
from proxy.policy.expr import Expression, activation, compile_expression
from proxy.policy.facts import Facts, Recent
from proxy.policy.generation import Policy
from proxy.policy.rule import PolicySet, Rule, Selector
from proxy.policy.shorthand import budget_rule
from proxy.policy.terms import Budget, Cap, Deny, Inspect, Models, Pace, Parallel, Rate, Require, Route, Rung, Waste
from tests.support.rules import USD, facts, make_rule

ROUNDS = 20_000
CALL = facts(
    tags=(("purpose", "review"),),
    usage=(("user:p_ann", Recent(requests_1h=40, redundancy_1h=0.1)),),
    max_output=2000,
)
CONDITIONS = (
    "request.input_tokens > 100000 && request.stream",
    'request.max_output_tokens > 8192 && !principal.groups.exists(g, g == "batch") && clock.hour < 18',
    'request.model.startsWith("claude-opus") && request.cost_usd > 2.0',
    "usage.redundancy_1h > 0.6 && usage.requests_1h > 100",
    'principal.project == "evals" && request.tools',
    'request.user_agent.contains("curl")',
    'request.endpoint == "/v1/embeddings" && request.input_tokens > 5000',
    "clock.weekday > 5 && request.cost_usd > 1.0",
    '"purpose" in request.tags && request.tags["purpose"] == "test"',
    "request.messages > 400",
)


def _static() -> list[Rule]:
    return [
        make_rule(Models(("gpt-5*", "claude-*"), ("*-preview",)), "org/models"),
        make_rule(Require(("purpose",)), "org/tags"),
        make_rule(Cap(200_000, 16_000, clamp=True), "org/cap"),
        make_rule(Budget(1000 * USD, "month", "org", warn_at=(800_000,)), "org/month"),
        make_rule(Budget(15 * USD, "day", "user", table={"team:research": USD}), "org/day"),
        make_rule(Rate((Pace("requests", 60, 60), Pace("tokens", 400_000, 60)), "user"), "org/speed"),
        make_rule(Parallel(8, "key"), "org/parallel"),
        make_rule(Inspect(("secrets",)), "org/secrets"),
        make_rule(Waste((("redundancy", 0.4),), "24h", "user", 200, (Rung("warn"),)), "org/waste"),
        make_rule(Budget(900 * USD, "month", "team"), "team/month", match=(Selector(teams=frozenset({"growth"})),)),
    ]


def _policy(rules: list[Rule], expressions: list[Expression]) -> Policy:
    uses = frozenset(fact for one in expressions for fact in one.facts)
    return Policy(PolicySet("g1", tuple(rules)), uses=uses, activate=partial(activation, facts=uses))


def _measure(what: str, work: Callable[[], object], rounds: int = ROUNDS) -> None:
    for _ in range(100):
        work()
    taken = []
    for _ in range(rounds):
        began = perf_counter_ns()
        work()
        taken.append(perf_counter_ns() - began)
    cuts = statistics.quantiles(taken, n=100)
    print(f"{what:<44} p50 {cuts[49] / 1000:7.1f} µs   p99 {cuts[98] / 1000:7.1f} µs")


def _cold(rules: list[Rule], expressions: list[Expression], call: Facts) -> Callable[[], object]:
    policy = _policy(rules, expressions)

    def work() -> object:
        policy._known.clear()
        return decide(call, policy, "d_1")

    return work


def main() -> None:
    """Print the figures."""
    expressions = [compile_expression(source) for source in CONDITIONS]
    asked = [make_rule(Deny("No."), f"org/when-{n}", when=one) for n, one in enumerate(expressions)]
    static = _static()
    shorthand = [budget_rule(Shorthand(100 * USD))]
    everything = _policy([*static, *asked], expressions)
    routed = _policy([*static, make_rule(Route((("*", "gpt-5-mini"),)), "org/route")], [])
    many = [make_rule(Deny("No."), f"t/{n}", match=(Selector(teams=frozenset({f"t{n}"})),)) for n in range(500)]
    empty, alone, plain = _policy([], []), _policy(shorthand, []), _policy(static, [])
    _measure("no rules", lambda: decide(CALL, empty, "d_1"))
    _measure("the budget shorthand", lambda: decide(CALL, alone, "d_1"))
    _measure("10 static and meter rules", lambda: decide(CALL, plain, "d_1"))
    _measure("10 static and meter rules, 10 CEL rules", lambda: decide(CALL, everything, "d_1"))
    _measure("10 static and meter rules, and a route", lambda: decide(CALL, routed, "d_1"))
    _measure("first call: 20 rules", _cold([*static, *asked], expressions, CALL), 2000)
    _measure("first call: 520 rules", _cold([*static, *asked, *many], expressions, CALL), 2000)
    _measure("facts as JSON", CALL.canonical)


if __name__ == "__main__":
    main()
