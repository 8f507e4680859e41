"""Audit and enforce differ in nothing but the answer: the same traffic leaves the same trace on the same counters.

Every call begins at the same state in both modes, for what a rule in force refuses changes what comes after it.
"""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Any, NamedTuple

import msgspec
import pytest

from proxy.domain.decision import Decision, Obligation
from proxy.domain.meter import Draw, Held, Hold, HoldState, MeterKind
from proxy.domain.trace import Said
from proxy.policy.decide import decide
from proxy.policy.draws import Amounts, draw
from proxy.policy.facts import Facts, Recent
from proxy.policy.generation import Policy
from proxy.policy.levels import readings
from proxy.stores.virtual import Taking, VirtualMeters, virtual_meters
from tests.support.company import only
from tests.support.policed import Told, asker, policed
from tests.support.policies import NOW, loaded
from tests.support.running import RunningProxy
from tests.support.scripted import ScriptedUpstream

CALLS = 400
EVERY_VERB = """\
kind: Policy
name: all
owner: security@acme.example
mode: %s
timezone: Europe/Berlin
rules:
  - { name: models, models: { allow: ["gpt-5*", "claude-*"], deny: ["*-nano"] } }
  - { name: more-models, match: { teams: [growth] }, models: { deny: ["claude-opus-*"] } }
  - { name: tags, require: { tags: [purpose] } }
  - { name: clamp, request: { max_output_tokens: 4k, over: clamp } }
  - { name: cap, request: { max_input_tokens: 60k, max_output_tokens: 20k } }
  - { name: org-month, budget: { limit: $40/month, per: org, reserve: max } }
  - { name: day, budget: { per: user, limit: { default: $3/day, "team:research": $6/day }, grace: 10%%, warn_at: [80%%] } }
  - { name: model-day, budget: { limit: $5/day, per: model, when_spent: { route: { openai: gpt-5-mini } } } }
  - { name: key-hour, budget: { limit: $2/hour, per: key, when_spent: warn } }
  - { name: speed, rate: { limit: [30 requests/min, 100k tokens/min], per: user, burst: 50%% } }
  - { name: parallel, parallel: { limit: 4, per: project } }
  - { name: secrets, inspect: { find: [secrets], in: [prompt], then: deny } }
  - { name: masks, inspect: { find: [pii.email], in: [prompt], then: redact, restore: true } }
  - { name: reuse, cache: { mode: exact, share: team } }
  - { name: small, when: 'request.input_tokens < 400 && !request.tools', route: { openai: gpt-5-mini, anthropic: claude-haiku-4-5 } }
  - { name: nights, when: clock.hour < 7 || request.cost_usd > 1.5, deny: { reason: "Not now." } }
  - { name: often, when: usage.requests_1h > 50, rate: { limit: 3 requests/min, per: user } }
  - name: loop
    waste:
      above: { errors: 20 }
      over: 1h
      at_least: 40 requests
      per: user
      then: [warn, { after: 1h, throttle: 2 requests/min }, { after: 2h, deny: { reason: "Stop." } }]
"""
PEOPLE = (("growth", "ann", "key_1", "crm-enrichment"), ("research", "rob", "key_eval_01", "evals"))
MODELS = (
    *[("openai", "gpt-5.1"), ("openai", "gpt-5-mini"), ("anthropic", "claude-sonnet-4-5")] * 4,
    *[("openai", "gpt-5-nano"), ("openai", "gpt-4o"), ("anthropic", "claude-opus-4-1")],
)


class Judged(NamedTuple):
    """What became of a call in one mode."""

    decision: Decision
    draws: tuple[Draw, ...]
    held: Held | None


@pytest.fixture(scope="module")
def modes() -> tuple[Policy, Policy]:
    """The same rules in audit and in force."""
    both = [loaded({"all.yaml": EVERY_VERB % mode}) for mode in ("audit", "enforce")]
    audit, enforce = [Policy(one.policy, uses=one.facts) for one in both]
    return audit, enforce


@pytest.fixture(scope="module")
def meters() -> Iterator[VirtualMeters]:
    with virtual_meters() as made:
        yield made


def a_call(rng: random.Random) -> tuple[Facts, Amounts]:
    """A call of the company, often one that some rule does not like."""
    team, name, key, project = rng.choice(PEOPLE)
    family, model = rng.choice(MODELS)
    given, most = int(rng.lognormvariate(7, 2)), rng.choice((None, 100, 100, 5_000, 30_000))
    cost = int(rng.lognormvariate(17, 2))
    requests = rng.choice((0, 10, 60))
    usage = Recent(requests_1h=requests, errors_1h=float(rng.randint(0, requests)))
    clock = int(NOW) + rng.randrange(86_400)
    facts = Facts(
        team=team, model=model, dialect=f"{family}_x", endpoint="/v1/x", upstream=family, project=project,
        groups=(team,), tags=((("purpose", "tests"),) if rng.random() < 0.9 else ()), tools=rng.choice((0, 2)), messages=1,
        input_tokens=given, max_output=most, clock=clock, family=family, cost_nusd=cost,
        usage=((f"user:p_{name}", usage),), waste_since=(("all/loop", clock - rng.randrange(4 * 3600)),),
        org="acme", key=key, person=f"p_{name}", user=f"{name}@acme.example",
    )  # fmt: skip
    return facts, Amounts(cost // 2, cost, 2 * cost, given + (most or 1000))


def judged(meters: VirtualMeters, policy: Policy, call: tuple[Facts, Amounts], org: str, seed: int) -> Judged:
    """Decide and hold in an org of its own, whose meters stand somewhere: for the same seed always at the same."""
    facts, amounts = call
    decision = decide(facts, policy, "d_1")
    if decision.denials:
        return Judged(decision, (), None)
    at_us = facts.clock * 1_000_000
    draws = tuple(draw(wish, org, amounts, at_us) for wish in decision.obligations)
    rng = random.Random(seed)
    before = [
        Taking(Hold(f"before-{n}", org, (_used(one, rng),), b"{}"), at_us, lease_s=60.0)
        for one in sorted(draws, key=lambda one: one.key)
        for n in range(rng.randint(0, 5) if one.kind is MeterKind.PARALLEL else 1)
    ]
    meters.play([Taking(Hold(f"{n}", org, one.hold.draws, b"{}"), one.at_us) for n, one in enumerate(before)])
    (held,) = meters.hold_many([Taking(Hold("the-call", org, draws, b"{}"), at_us)])
    return Judged(decision, draws, held)


def _used(one: Draw, rng: random.Random) -> Draw:
    amount = 1 if one.kind is MeterKind.PARALLEL else rng.choice((0, one.limit // 2, one.limit - 1, one.limit))
    return msgspec.structs.replace(one, amount=amount, enforce=False)


def trace(decision: Decision) -> list[tuple[str, ...]]:
    """All of it but the mode, also that of the rules which a detail names: those in force refuse, others would."""
    return [(note.rule, note.verb, note.place, note.said, _modeless(note.detail)) for note in decision.trace]


def _modeless(detail: str) -> str:
    return re.sub(r"; refused there by (.+)$", r"; \1 would refuse there", detail)


def wishes(decision: Decision) -> list[Obligation]:
    return [msgspec.structs.replace(wish, mode="", enforce=True) for wish in decision.obligations]


def meters_asked(one: Judged) -> list[Draw]:
    return [msgspec.structs.replace(drawn, key=drawn.key.partition("}")[2], enforce=True) for drawn in one.draws]


def test_the_decision_is_the_same_but_for_the_answer(modes: tuple[Policy, Policy]) -> None:
    audit, enforce = modes
    rng, said = random.Random(4), set()
    for _ in range(CALLS):
        facts, _ = a_call(rng)
        quiet, loud = decide(facts, audit, "d_1"), decide(facts, enforce, "d_1")
        assert trace(quiet) == trace(loud)
        assert quiet.watches == loud.watches
        assert (quiet.denials, quiet.warnings, quiet.route, quiet.max_output, quiet.reuse) == ((), (), None, None, None)
        looked = [[msgspec.structs.replace(one, mode="") for one in of.inspections] for of in (quiet, loud)]
        assert looked[0] == looked[1]
        here = facts if loud.route is None else msgspec.structs.replace(facts, model=loud.route.model)
        assert wishes(decide(here, audit, "d_1")) == wishes(loud)
        said |= {(note.rule.partition("/")[2], note.said) for note in quiet.trace}
    refusing = {"models", "more-models", "tags", "cap", "nights"}
    assert {(rule, Said.DENY) for rule in refusing} <= said
    assert {("clamp", Said.CLAMP), ("small", Said.ROUTE), ("loop", Said.WASTE), ("often", Said.METER)} <= said


def test_counters_stand_the_same_and_only_one_of_both_is_refused(
    modes: tuple[Policy, Policy], meters: VirtualMeters
) -> None:
    rng, over, refused, compared = random.Random(5), set(), 0, 0
    for seed in range(CALLS):
        call = a_call(rng)
        loud = judged(meters, modes[1], call, f"e{seed}", seed)
        route = loud.decision.route
        here = call if route is None else (msgspec.structs.replace(call[0], model=route.model), call[1])
        quiet = judged(meters, modes[0], here, f"a{seed}", seed)
        assert quiet.held is not None
        assert quiet.held.state is HoldState.ADMITTED
        if loud.held is None:
            continue
        compared += 1
        assert meters_asked(quiet) == meters_asked(loud)
        assert quiet.held.levels == loud.held.levels
        seen = [readings(one.decision.obligations, one.draws, one.held.levels) for one in (quiet, loud) if one.held]
        assert [(one.level, one.amount) for one in seen[0]] == [(one.level, one.amount) for one in seen[1]]
        full = {one.wish.rule for one in seen[1] if one.level.over}
        over |= full
        binding = {one.wish.rule for one in seen[1] if one.level.over and one.wish.enforce}
        assert (loud.held.state is HoldState.REFUSED) == bool(binding)
        assert full - binding <= {"all/key-hour"}
        refused += bool(binding)
    assert compared > CALLS // 10
    assert 0 < refused < compared
    assert {"all/org-month", "all/day", "all/key-hour", "all/speed", "all/parallel"} <= over


# -- the same on running proxies

TAGGED = {"headers": {"x-tally-tags": "purpose=x"}}
SECRET = {"messages": [{"role": "user", "content": "use AKIA" + "Q3TZ7RNDW2EXKPLM"}]}
# Of each person: a rule, and the calls up to the first one that it refuses in force.
TRAFFIC: dict[str, tuple[str, Sequence[dict[str, Any]]]] = {
    "mo": ('models: { allow: ["gpt-5*"] }', ({}, {"model": "gpt-4o"})),
    "tag": ("require: { tags: [purpose] }", (TAGGED, {})),
    "cut": ("request: { max_output_tokens: 64, over: clamp }", ({"max_tokens": 500}, {"max_tokens": None}, {})),
    "cap": ("request: { max_output_tokens: 64 }", ({}, {"max_tokens": 500})),
    "day": ("budget: { limit: $0.03/day, per: user }", ({}, {})),
    "org": ("budget: { limit: $0.17/day, per: org, reserve: max }", ({}, {})),
    "key": ("budget: { limit: $0.03/day, per: key, when_spent: { route: gpt-5-mini } }", ({}, {})),
    "pro": ("budget: { limit: $0.05/day, per: project, warn_at: [10%] }", ({}, {}, {})),
    "fast": ("rate: { limit: 2 requests/hour, per: user }", ({}, {}, {})),
    "par": ("parallel: { limit: 9, per: user }", ({}, {})),
    "sent": ("route: gpt-5-mini", ({}, {"model": "gpt-5-mini"})),
    "deny": ('deny: { reason: "No." }, when: request.max_output_tokens > 9', ({}, {"max_tokens": 10})),
    "used": ('deny: { reason: "No." }, when: usage.requests_1h > 2', ({}, {}, {}, {})),
    "loop": ("waste: { above: { requests: 1 }, over: 1h, per: user, then: [{ deny: { reason: No. } }] }", ({}, {}, {})),
    "leak": ("inspect: { find: [secrets], in: [prompt], then: deny }", ({}, SECRET)),
}
RULES = "".join(f"  - {{ name: {who}, {only(who)}, {rule} }}\n" for who, (rule, _) in TRAFFIC.items())
LEARNT = ("clock", "input_tokens", "output_tokens", "cost_nusd")  # from answers, which are fewer where rules refuse
COUNTED = re.compile(r'tallygate_policy_decisions_total\{action="(\w+)",mode="(\w+)",rule="([\w/-]+)"\} (\S+)')


def test_two_proxies_that_differ_in_mode_leave_the_same_trace(tmp_path_factory: pytest.TempPathFactory) -> None:
    with ExitStack() as stack:
        upstream = stack.enter_context(ScriptedUpstream())
        seen: dict[str, tuple[dict[str, list[Told]], dict[tuple[str, str], float], dict[str, list[Any]]]] = {}
        for mode in ("audit", "enforce"):
            rules = RULES.replace(" }\n", f", mode: {mode} }}\n")
            people = dict.fromkeys(TRAFFIC, "growth")
            proxy = stack.enter_context(policed(tmp_path_factory.mktemp(mode), upstream, rules, people))
            ask = asker(proxy, upstream)
            answers = {who: [ask(who, **body) for body in bodies] for who, (_, bodies) in TRAFFIC.items()}
            seen[mode] = (answers, decisions(proxy), facts_of(proxy, answers))
    quiet, loud = seen["audit"][0], seen["enforce"][0]
    asked_again = {("walk/key", "warn"): 1.0}  # for the model that its budget sends it to, where nothing holds it up
    assert seen["audit"][1] | asked_again == seen["enforce"][1]
    assert seen["audit"][2] == seen["enforce"][2]
    for one in [one for told in quiet.values() for one in told]:
        assert one.status == 200
        assert not {"x-tally-warning", "x-tally-route", "x-tally-budget"} & one.headers.keys()
    assert {one.status for told in loud.values() for one in told[:-1]} == {200}
    refusals = {who: told[-1].status for who, told in loud.items() if told[-1].status != 200}
    assert refusals == {
        "mo": 403, "tag": 400, "cap": 400, "day": 429, "org": 429, "pro": 429, "fast": 429, "deny": 403, "used": 403,
        "loop": 403, "leak": 400,
    }  # fmt: skip


def decisions(proxy: RunningProxy) -> dict[tuple[str, str], float]:
    """What rules said, by rule and action, once all calls are counted: metrics are a second late."""
    proxy.wait_rows(sum(len(bodies) for _, bodies in TRAFFIC.values()))
    found, before = dict[tuple[str, str], float](), None
    while not (sum(found.values()) and found == before):
        before = found
        time.sleep(1.5)
        text = proxy.get("/metrics", base=proxy.admin_url).decode()
        found = {(rule, action): float(count) for action, _, rule, count in COUNTED.findall(text)}
    return found


def facts_of(proxy: RunningProxy, answers: dict[str, list[Told]]) -> dict[str, list[Any]]:
    """What each call was decided by, but for what is another time or another estimate."""
    rows = {row.request_id: row for row in proxy.rows()}
    found: dict[str, list[Any]] = {}
    for who, told in answers.items():
        for one in told:
            row = rows[one.headers["x-request-id"]]
            facts = json.loads(row.facts.replace(row.principal.encode(), b"p_somebody"))
            found.setdefault(who, []).append({name: one for name, one in facts.items() if name not in LEARNT})
    return found
