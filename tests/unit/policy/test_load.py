"""From YAML to rules: what is refused, where and with which word."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.config.problems import ConfigError, Problem
from proxy.domain.decision import StoreDown
from proxy.policy.rule import Mode, Rule, Selector
from proxy.policy.terms import Budget, Cache, Deny, Inspect, Models, Pace, Parallel, Rate, Require, Route, Rung, Waste
from tests.support.policies import EXAMPLE, loaded, policy, problems, refusal


def rule(text: str, head: str = "") -> Rule:
    (found,) = loaded({"p.yaml": policy(f"  - {{ name: r, {text} }}\n", head)}).policy.rules
    return found


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("models: { deny: gpt-5 }", Models(None, ("gpt-5",))),
        ("require: { tags: [project, purpose] }", Require(("project", "purpose"))),
        ("budget: { limit: $1.50/hour, per: model }", Budget(1_500_000_000, "hour", "model")),
        (
            "budget: { limit: $5/total, per: project, when_spent: warn, on_outgrown: cut, warn_at: 50% }",
            Budget(5 * 10**9, "total", "project", warn_at=(500_000,), when_spent="warn", on_outgrown="cut"),
        ),
        ("rate: { limit: 1k tokens/s, per: org, burst: 200% }", Rate((Pace("tokens", 1000, 1),), "org", 2_000_000)),
        ("parallel: { limit: 2, per: model }", Parallel(2, "model")),
        ("inspect: { find: pii, in: answer, then: redact }", Inspect(("pii",), ("answer",), "redact")),
        ("inspect: { find: aws-access-key }", Inspect(("secrets.aws-access-key",))),
        ("cache: { mode: off }", Cache("off")),
        (
            "cache: { mode: exact, share: user, ttl: 30d, max_temperature: 0.3, verify: 1%, volatile: [Build] }",
            Cache("exact", share="user", ttl_s=2_592_000.0, max_temperature=0.3, verify_millionths=10_000, volatile=("Build",)),
        ),
        ("route: gpt-5-mini", Route((("*", "gpt-5-mini"),))),
        ("deny: { reason: No. }", Deny("No.")),
        (
            "waste: { above: { errors: 50, cost: $2.50 }, over: 1h, per: key, then: [{ warn: Look. }, { after: 1h, deny: { reason: Stop. } }] }",
            None,
        ),
        (
            "waste: { above: { cost: $2.50, requests: 1k }, over: 24h, per: key, then: [{ warn: Look. }, { after: 1h, deny: { reason: Stop. } }] }",
            Waste(
                (("requests", 1000.0), ("cost", 2.5)), "24h", "key",
                then=(Rung("warn", reason="Look."), Rung("deny", 3600.0, reason="Stop.")),
            ),
        ),
    ],
)  # fmt: skip
def test_each_verb_is_compiled(text: str, terms: object) -> None:
    if terms is None:
        assert "above.cost: is not counted over 1h, only over 24h" in refusal(f"  - {{ name: r, {text} }}\n")
    else:
        assert rule(text).terms == terms


def test_a_rule_has_what_its_policy_says() -> None:
    found = rule(
        "match: { users: ann@acme.example }, from: 2026-11-01, until: 2026-12-01, message: Ask., deny: { reason: No }",
        "mode: warn\ntimezone: Europe/Berlin\nmatch: { teams: [growth] }\non_store_down: { meters: deny, for: 1m }\n",
    )
    assert (found.id, found.verb, found.mode, found.owner) == ("p/r", "deny", Mode.WARN, "sec@acme.example")
    assert found.match == (Selector(teams=frozenset({"growth"})), Selector(users=frozenset({"ann@acme.example"})))
    assert (found.since, found.until) == (1_793_487_600.0, 1_796_079_600.0)
    assert (found.message, found.timezone, found.place) == ("Ask.", "Europe/Berlin", "p.yaml:9")
    assert found.store_down == StoreDown("deny", 250_000, 60.0)


def test_a_policy_is_in_force_unless_it_says_otherwise() -> None:
    assert rule("deny: { reason: No }").mode is Mode.ENFORCE
    assert rule("mode: audit, deny: { reason: No }").mode is Mode.AUDIT


def test_no_files_are_no_rules() -> None:
    assert loaded({}).policy.rules == ()


def test_the_order_of_files_changes_nothing_but_the_order_of_rules() -> None:
    files = {
        f"{name}.yaml": policy("  - { name: r, deny: { reason: No } }\n").replace("name: p", f"name: {name}")
        for name in "abc"
    }
    found = [
        {r.id: r for r in loaded({name: files[name] for name in order}).policy.rules} for order in permutations(files)
    ]
    assert all(one == found[0] for one in found)


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ("  - { name: r }\n", "5:5: rules.0: does nothing; give it one of models, require"),
        ("  - { name: r, buget: { limit: $1/day, per: org } }\n", "5:16: rules.0: unknown key 'buget'; did you mean 'budget'?"),
        ("  - { name: r, deny: { reason: x }, cache: { mode: off } }\n", "5:16: rules.0.deny: deny stands beside cache; a rule has one verb"),
        ("  - { name: r, deny: { reason: x }, match: { teams: [grwoth] } }\n", "there is no team 'grwoth'; did you mean 'growth'?"),
        ("  - { name: r, deny: { reason: x }, match: { teams: [] } }\n", "5:53: rules.0.match.teams: is an empty list; leave it out"),
        ("  - { name: r, deny: { reason: x }, match: { teams: [growth, growth] } }\n", "5:62: rules.0.match.teams.1: 'growth' stands here twice"),
        ("  - { name: r, deny: { reason: x }, match: { team: growth } }\n", "unknown key 'team'; did you mean 'teams'?"),
        ("  - { name: r, deny: { reason: x }, match: { keys: key_2 } }\n", "there is no key 'key_2'; did you mean 'key_1'?"),
        ("  - { name: r, deny: { reason: x }, match: { groups: bach } }\n", "there is no group 'bach'; did you mean 'batch'?"),
        ("  - { name: r, deny: { reason: x }, match: { models: gtp-5* } }\n", "no model fits 'gtp-5*'; did you mean 'gpt-5*'?"),
        ("  - { name: r, models: { allow: ['*-rpeview'] } }\n", "no model fits '*-rpeview'; did you mean '*-preview'?"),
        ("  - { name: r, models: { allow: [vlm/*] } }\n", "no model fits 'vlm/*'; did you mean 'vllm/*'?"),
        ("  - { name: r, models: {} }\n", "says nothing; write allow: or deny:"),
        ("  - { name: r, deny: { reason: x }, mode: enforced }\n", "'enforced' is not one of audit, warn, enforce; did you mean 'enforce'?"),
        ("  - { name: r, deny: { reason: '' } }\n", "wants a text of 1 to 500 characters, found 0"),
        (f"  - {{ name: r, deny: {{ reason: x }}, message: {'x' * 501} }}\n", "message: wants a text of 1 to 500 characters, found 501"),
        ("  - { name: r, deny: { reason: x }, from: 2026-12-01, until: 2026-11-01 }\n", "5:62: rules.0.until: is not after from:"),
        ("  - { name: r, budget: { limit: $1/day, per: usr } }\n", "'usr' is not one of org, team, user, key, project, model; did you mean 'user'?"),
        ("  - { name: r, budget: { limit: 120/day, per: org } }\n", "'120' is not an amount; write it as $100"),
        ("  - { name: r, budget: { limit: $1/fortnight, per: org } }\n", "'fortnight' is not a period; one of hour, day, week, month, total"),
        ("  - { name: r, budget: { per: user, limit: { team:growth: $1/day } } }\n", "'default' is missing"),
        ("  - { name: r, budget: { per: user, limit: { default: $1/day, team:grow: $1/day } } }\n", "there is no team 'grow'; did you mean 'growth'?"),
        ("  - { name: r, budget: { per: user, limit: { default: $1/day, taem:growth: $1/day } } }\n", "'taem:growth' is no row of limits; did you mean 'team'?"),
        ("  - { name: r, budget: { per: team, limit: { default: $1/day, key:key_1: $2/day } } }\n", "5:63: rules.0.budget.limit.key:key_1: 'key:key_1' does not fit per: team, which takes only team: rows"),
        ("  - { name: r, budget: { per: org, limit: { default: $1/day, team:growth: $2/day } } }\n", "does not fit per: org, which takes no rows"),
        ("  - { name: r, budget: { per: user, limit: { default: $1/day, team:growth: $2/week } } }\n", "is for another period than the default's, day"),
        ("  - { name: r, budget: { limit: $9M/month, per: org, grace: 10% } }\n", "which no store counts exactly"),
        ("  - { name: r, budget: { limit: $1/day, per: org, when_spent: allow } }\n", "'allow' is no answer to a spent budget; one of deny, warn"),
        ("  - { name: r, budget: { limit: $1/day, per: org, when_spent: { route: { anthropic: gpt-5-mini } } } }\n", "'gpt-5-mini' cannot be called in this dialect, only in openai"),
        ("  - { name: r, budget: { limit: $1/day, per: org, when_spent: { route: { opnai: gpt-5-mini } } } }\n", "did you mean 'openai'?"),
        ("  - { name: r, rate: { limit: 1 requests/min, per: org, burst: 50% } }\n", "leaves less than one of requests at once, so nothing could pass"),
        ("  - { name: r, rate: { limit: [1 requests/min, 2 requests/min], per: org } }\n", "requests have a pace for this span already"),
        ("  - { name: r, parallel: { limit: 0, per: key } }\n", "'0' is not a whole number of 1 or more"),
        ("  - { name: r, request: { over: clamp } }\n", "says nothing; write max_input_tokens: or max_output_tokens:"),
        ("  - { name: r, request: { max_input_tokens: 1k, over: clamp } }\n", "clamp lowers max_output_tokens, which is not set"),
        ("  - { name: r, inspect: { find: secret } }\n", "there is no detector 'secret'; did you mean 'secrets'?"),
        ("  - { name: r, inspect: { find: pii, restore: true } }\n", "has nothing to restore; it goes with then: redact"),
        ("  - { name: r, inspect: { find: pii, in: answer, then: redact, restore: true } }\n", "only what was redacted in the prompt comes back"),
        ("  - { name: r, inspect: { find: pii, restore: yes, then: redact } }\n", "'yes' is not a switch; write true or false"),
        ("  - { name: r, cache: { mode: on } }\n", "'on' is not one of off, exact, near"),
        ("  - { name: r, cache: { mode: near, similarity: 0.97 } }\n", "unknown key 'similarity'"),
        ("  - { name: r, cache: { mode: near, max_temperature: 3 } }\n", "'3' is not a temperature; write a number from 0 to 2"),
        ("  - { name: r, route: gpt-5* }\n", "'gpt-5*' is a pattern; name one model"),
        ("  - { name: r, waste: { above: {}, over: 1h, per: key, then: warn } }\n", "says nothing; name redundancy"),
        ("  - { name: r, waste: { above: { errors: 5 }, over: 2h, per: key, then: warn } }\n", "'2h' is not one of 1h, 24h"),
        ("  - { name: r, waste: { above: { errors: 5 }, over: 1h, per: key, then: [wrn] } }\n", "'wrn' is no rung of a ladder; did you mean 'warn'?"),
        ("  - { name: r, waste: { above: { errors: 5 }, over: 1h, per: key, then: [{ after: 1h }] } }\n", "does nothing; a rung does one of cache, throttle, deny, warn"),
        ("  - { name: r, waste: { above: { errors: 5 }, over: 1h, per: key, then: [{ throttle: 5 tokens/s }] } }\n", "a throttle counts requests"),
        ("  - { name: r, when: request.modle == 'x', deny: { reason: x } }\n", "5:22: rules.0.when: there is no fact 'request.modle'; did you mean 'request.model'?"),
        ("  - name: r\n    when: >-\n      request.stream &&\n      request.modle == 'x'\n    deny: { reason: x }\n", "8:7: rules.0.when: there is no fact 'request.modle'"),
        ("  - { name: R, deny: { reason: x } }\n", "'R' is not a name; use a-z, 0-9 and -"),
        ("  - { name: r, deny: { reason: x } }\n  - { name: r, deny: { reason: y } }\n", "6:13: rules.1.name: there is rule 'r' already, at p.yaml:5"),
        ("  - [deny]\n", "5:5: rules.0: wants a mapping, found a list"),
        ("  []\n", "rules: "),
    ],
)  # fmt: skip
def test_a_mistake_in_a_rule_is_told_with_its_place_and_a_useful_word(rules: str, said: str) -> None:
    assert said in refusal(rules)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "1:1: 'kind' is missing; one of Policy, Exemption, Detectors, Tests"),
        ("kind: Polisy", "1:7: kind: 'Polisy' is not a kind of document; did you mean 'Policy'?"),
        ("[]", "1:1: 'kind' is missing"),
        ("kind: Tests\ntests: []", "1:7: kind: Tests belong in a folder named tests"),
        ("kind: Policy\nname: p\nrules: [{ name: r, deny: { reason: x } }]", "1:1: 'owner' is missing"),
        ("kind: Policy\nname: p\nowner: o", "1:1: 'rules' is missing"),
        ("kind: Policy\nname: p\nowner: o\nruels: [{ name: r, deny: { reason: x } }]", "4:1: unknown key 'ruels'; did you mean 'rules'?"),
        ("kind: Policy\nname: config\nowner: o\nrules: [{ name: r, deny: { reason: x } }]", "2:7: name: 'config' is the name of the rules in tallygate.yaml"),
        ("kind: Policy\nname: p\nowner: o\ntimezone: Europe/Berln\nrules: [{ name: r, deny: { reason: x } }]", "4:11: timezone: 'Europe/Berln' is not a time zone; did you mean 'Europe/Berlin'?"),
        ("kind: Policy\nname: p\nname: q\nowner: o\nrules: [{ name: r, deny: { reason: x } }]", "3:1: 'name' stands here twice, first on line 2"),
        ("kind: Policy\nname: p\nowner: o\nmode: warn\nrules: [{ name: r, mode: enforce, deny: { reason: x } }]", "5:26: rules.0.mode: is stricter than the policy's mode, warn"),
        ("kind: Policy\nname: p\nowner: o\non_store_down: { meters: locl }\nrules: [{ name: r, deny: { reason: x } }]", "'locl' is not one of local, allow, deny; did you mean 'local'?"),
        ("kind: Detectors\nsecrets: { token: { regex: '(?=x)y' } }", "RE2"),
        ("kind: Detectors\nsecrets: { token: { regex: 'acme_[a-z]{9}', hint: amce_ } }", "2:51: secrets.token.hint: the hint 'amce_' is not in the regex"),
        ("kind: Detectors\nsecrets:\n  token: { regex: 'x{3,9}', min_entropy: 9 }", "3:42: secrets.token.min_entropy: '9' is not bits per character"),
        ("kind: Detectors\nsecret: {}", "2:1: unknown key 'secret'; did you mean 'secrets'?"),
        ("kind: Policy\nname: p\n\towner: o", "3:1: "),
    ],
)  # fmt: skip
def test_a_mistake_in_a_file_is_told_with_its_place_and_a_useful_word(text: str, said: str) -> None:
    found = "\n".join(map(str, problems({"p.yaml": text})))
    assert f"p.yaml:{said}" in found or said in found


def test_all_mistakes_of_all_files_are_told_at_once() -> None:
    found = problems({
        "a.yaml": policy("  - { name: r, match: { teams: [grwoth] }, deny: { reason: x } }\n  - { name: s, when: requst.x, dney: { reason: x } }\n", "mod: warn\n"),
        "b.yaml": "kind: Exemption\nname: e\nowner: o\napproved_by: o\nreason: r\nmatch: { keys: [key_9] }\nfrom: 2026-11-01\nuntil: 2027-11-01\nlift: [p/r, p/x]\n",
    })  # fmt: skip
    assert [(one.file, one.line) for one in found] == [
        ("a.yaml", 4), ("a.yaml", 6), ("a.yaml", 7), ("a.yaml", 7), ("b.yaml", 6), ("b.yaml", 9),
    ]  # fmt: skip
    assert "there is no rule 'p/x'; did you mean 'p/" in str(found[-1])


def test_a_rule_of_a_broken_file_is_still_a_rule_to_others() -> None:
    found = problems({
        "a.yaml": policy("  - { name: day, budget: { limit: $1, per: org } }\n"),
        "b.yaml": EXEMPTION + "grant: { p/day: $5 }\n",
    })  # fmt: skip
    assert [(one.file, one.line) for one in found] == [("a.yaml", 5)]


EXEMPTION = """\
kind: Exemption
name: e
owner: o@acme.example
approved_by: s@acme.example
reason: r
match: { teams: growth }
from: 2026-11-01
until: 2026-12-01
"""
DAY = policy("  - { name: day, budget: { limit: $1/day, per: org } }\n  - { name: no, deny: { reason: x } }\n")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (EXEMPTION, "1:1: does nothing; write lift: or grant:"),
        (EXEMPTION + "lift: ['*']\n", "9:8: lift.0: there is no rule '*'; write policy/rule; there are p/day, p/no"),
        (EXEMPTION + "grant: { p/no: $5 }\n", "9:10: grant.p/no: 'p/no' is no budget but a deny"),
        (EXEMPTION + "grant: { p/dya: $5 }\n", "there is no rule 'p/dya'; did you mean 'p/day'?"),
        (EXEMPTION + "lift: p/day\ngrant: { p/day: $5 }\n", "10:10: grant.p/day: is lifted already"),
        (
            EXEMPTION.replace("2026-12-01", "2027-02-01") + "lift: p/day\n",
            "8:8: until: is more than 90 days after from:",
        ),
        (EXEMPTION.replace("2026-12-01", "2026-10-01") + "lift: p/day\n", "8:8: until: is not after from:"),
        (EXEMPTION.replace("until: 2026-12-01\n", "") + "lift: p/day\n", "'until' is missing"),
        (EXEMPTION.replace("{ teams: growth }", "{}") + "lift: p/day\n", "6:8: match: names nobody"),
        (EXEMPTION.replace("match: { teams: growth }\n", "") + "lift: p/day\n", "'match' is missing"),
        (EXEMPTION.replace("approved_by: s@acme.example\n", "") + "lift: p/day\n", "'approved_by' is missing"),
    ],
)
def test_an_exemption_ends_names_rules_and_names_people(text: str, said: str) -> None:
    assert f"e.yaml:{said}" in (told := "\n".join(map(str, problems({"e.yaml": text, "p.yaml": DAY})))) or said in told


def test_ninety_days_over_a_change_of_clocks_are_ninety_days() -> None:
    text = EXEMPTION.replace("2026-11-01", "2026-09-01").replace("2026-12-01", "2026-11-30")
    found = loaded({"e.yaml": text + "timezone: Europe/Berlin\nlift: p/day\n", "p.yaml": DAY})
    assert found.policy.exemptions[0].until - found.policy.exemptions[0].since == 90 * 86400 + 3600


def test_a_grant_that_no_store_could_count_is_refused() -> None:
    rich = DAY.replace("$1/day", "$9M/day")
    found = problems({"e.yaml": EXEMPTION + "grant: { p/day: $8k }\n", "p.yaml": rich})
    assert "e.yaml:9:17: grant.p/day: raises p/day above $9,007,199" in str(found[0])
    assert loaded({"e.yaml": EXEMPTION + "grant: { p/day: $7k }\n", "p.yaml": rich}).policy.exemptions


TESTS = "kind: Tests\ngiven: { principal: { user: ann@acme.example }, clock: 2026-11-23 }\ntests:\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("  - { name: t, request: { model: gtp-5 }, expect: { allow: true } }", "no model fits 'gtp-5'; did you mean 'gpt-5'?"),
        ("  - { name: t, request: { model: gpt-5 }, expect: {} }", "4:51: tests.0.expect: expects nothing"),
        ("  - { name: t, request: { model: gpt-5 }, expect: { allow: true, deny: p/no } }", "4:66: tests.0.expect.deny: stands beside allow: true"),
        ("  - { name: t, request: { model: gpt-5 }, expect: { deny: p/on } }", "there is no rule 'p/on'; did you mean 'p/no'?"),
        ("  - { name: t, request: { model: gpt-5 }, expect: { status: 430 } }", "430 is no status of a decision"),
        ("  - { name: t, request: { model: gpt-5 }, state: { spent: { p/no: $1 } }, expect: { allow: true } }", "'p/no' is no budget but a deny"),
        ("  - { name: t, request: { model: gpt-5 }, state: { usage: { redundancy: 5% } }, expect: { allow: true } }", "there is no usage fact 'redundancy'"),
        ("  - { name: t, principal: { org: acne, team: growth }, request: { model: gpt-5 }, expect: { allow: true } }", "did you mean 'acme'?"),
        ("  - { name: t, principal: { key: key_1, team: research }, request: { model: gpt-5 }, expect: { allow: true } }", "is of team growth, not of research"),
        ("  - { name: t, request: { model: gpt-5 }, expect: { retry_after: soon } }", "'soon' is not a wait; write it as <= 2s"),
        ("  - { name: t, request: { model: gpt-5 }, expect: { allow: true } }\n  - { name: t, request: { model: gpt-5 }, expect: { allow: true } }", "5:13: tests.1.name: there is a test of this name already, at tests/t.yaml:4"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_test_is_told_with_its_place(text: str, said: str) -> None:
    assert said in "\n".join(map(str, problems({"p.yaml": DAY, "tests/t.yaml": TESTS + text})))


def test_a_test_says_when() -> None:
    text = "kind: Tests\ntests:\n  - { name: t, request: { model: gpt-5 }, expect: { allow: true } }\n"
    assert "says not when" in str(problems({"p.yaml": DAY, "tests/t.yaml": text})[0])


def test_everything_a_test_can_say_is_read() -> None:
    text = (
        TESTS
        + """\
  - name: t
    principal: { key: key_eval_01 }
    tags: { purpose: x }
    clock: 2026-11-23T10:00:00Z
    request: { model: gpt-5, input_tokens: 0, max_output_tokens: 1k, stream: true, tools: true, cost: $0.5 }
    state: { spent: { p/day: $1 }, usage: { redundancy_24h: 40%, cost_24h: $5, requests_1h: 7 }, store: down }
    expect: { deny: p/day, status: 429, warn: [], notes: p/no, audit: [p/no], retry_after: "<= 2s", route: none }
    todo: true
"""
    )
    (case,) = loaded({"p.yaml": DAY, "tests/t.yaml": text}).cases
    assert (case.asker.user, case.asker.project) == ("rob@acme.example", "evals")
    assert case.standing.usage == (("redundancy_24h", 0.4), ("cost_24h", 5.0), ("requests_1h", 7.0))
    assert (case.expected.warn, case.expected.notes, case.expected.retry_after) == ((), ("p/no",), ("<=", 2.0))
    assert (case.todo, case.standing.store_up, case.rules()) == (True, False, frozenset({"p/day", "p/no"}))


def test_own_detectors_can_be_named_by_rules() -> None:
    found = loaded({
        "d.yaml": "kind: Detectors\npii:\n  staff: { regex: '\\bE[0-9]{7}\\b' }\n",
        "p.yaml": policy("  - { name: r, inspect: { find: [staff, pii.email] } }\n"),
    })  # fmt: skip
    assert found.policy.rules[0].terms == Inspect(("pii.staff", "pii.email"))
    assert [one.full_name for one in found.policy.detectors] == ["pii.staff"]


def test_detectors_policies_and_exemptions_have_names_of_their_own() -> None:
    twice = {f"{at}.yaml": "kind: Detectors\npii:\n  staff: { regex: '\\bE[0-9]{7}\\b' }\n" for at in "ab"}
    assert "b.yaml:3:3: pii.staff: there is detector 'pii.staff' already, at a.yaml:3" in "\n".join(
        map(str, problems(twice))
    )
    again = {"a.yaml": DAY, "b.yaml": DAY.replace("name: day", "name: d").replace("name: no", "name: n")}
    assert "b.yaml:2:7: name: there is policy 'p' already, at a.yaml:2" in "\n".join(map(str, problems(again)))


_SOURCES = [path.read_text() for path in sorted((EXAMPLE / "policies").rglob("*.yaml"))]


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(_SOURCES), st.data())
def test_whatever_is_done_to_a_file_it_loads_or_is_refused_with_places(text: str, data: st.DataObject) -> None:
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(text)))
        gone = data.draw(st.integers(0, 12))
        text = text[:at] + data.draw(st.text("{}[]:,-# \n'\"|>&*$%0a~", max_size=4)) + text[at + gone :]
    name = "tests/t.yaml" if "kind: Tests" in text else "p.yaml"
    found: tuple[Problem, ...] = ()
    try:
        loaded({name: text})
    except ConfigError as error:
        found = error.problems
    assert all(problem.file == name and problem.line >= 1 and problem.message for problem in found)


def test_the_facts_that_any_rule_asks_for_are_listed() -> None:
    rules = "  - { name: a, when: request.stream, deny: { reason: x } }\n  - { name: b, when: clock.hour > 3, deny: { reason: x } }\n"
    assert loaded({"p.yaml": policy(rules)}).facts == {"request.stream", "clock.hour"}
