"""What is told of a mistake in a policy can be read: the line as it was written, the wrong word, and all of several."""

from __future__ import annotations

from proxy.config.yaml_source import parse_source
from proxy.policy.load import load
from tests.support.policies import acme, known, policy, problems, refusal

TEST = """\
kind: Tests
given: { principal: { user: ann@acme.example }, clock: 2026-11-23T10:00:00Z }
tests:
  - { name: a, request: { model: gpt-5-mini, prompt: my pass is hunter2 }, expect: { allw: [gone/no-keys] } }
"""


def test_policies_hold_no_credentials_so_that_their_lines_are_quoted_as_they_are() -> None:
    told = refusal(
        "  - { name: r, inspect: { find: secrets, then: redcat } }\n  - { name: s, request: { max_output_token: 50 } }\n"
    )
    assert "'redcat' is not one of deny, redact; did you mean 'redact'?" in told
    assert "    " + "  - { name: r, inspect: { find: secrets, then: redcat } }" in told
    assert "    " + "  - { name: s, request: { max_output_token: 50 } }" in told
    assert "*" not in told


def test_what_looks_like_a_key_is_hidden_in_policies_too() -> None:
    key = "sk-proj-Canary0123456789abcdef"
    told = refusal(f"  - {{ name: r, inspect: {{ find: secrets, then: {key} }}, message: {key} }}\n")
    assert "is not one of deny, redact" in told
    assert key not in told


def test_a_mistake_beside_the_prompt_of_a_test_does_not_quote_it() -> None:
    found = "".join(
        map(str, problems({"p.yaml": policy("  - { name: r, deny: { reason: x } }\n"), "tests/t.yaml": TEST}))
    )
    assert "unknown key 'allw'; did you mean 'allow'?" in found
    assert "prompt: ** **** ** ******* }, expect: { allw: [gone/no-keys] }" in found


def test_every_row_for_another_period_is_told() -> None:
    told = refusal(
        "  - name: r\n    budget:\n      per: user\n      limit:\n        default: $1/day\n        team:growth: $2/week\n"
        "        team:research: $3/month\n"
    )
    assert "10:22: rules.0.budget.limit.team:growth: is for another period than the default's, day" in told
    assert "11:24: rules.0.budget.limit.team:research: is for another period than the default's, day" in told


def test_where_a_file_could_not_be_parsed_no_rule_or_detector_is_missed() -> None:
    files = [
        parse_source(text.encode(), name)
        for name, text in (
            ("p.yaml", policy("  - { name: r, inspect: { find: secrets.of-the-broken-file } }\n")),
            ("tests/t.yaml", TEST.replace("allw: [gone/no-keys]", "deny: gone/no-keys")),
        )
    ]
    held = load(files[:1], acme(), known(), tests=files[1:], whole=False)
    assert (len(held.policy.rules), len(held.cases)) == (1, 1)
