"""A start with policies that are not good is refused on the terminal, before there is an engine, a port or a worker."""

from __future__ import annotations

from pathlib import Path

from tests.support.reloading import call, metric, row_of, until
from tests.support.running import RunningProxy, openai_like
from tests.support.scripted import ScriptedUpstream
from tests.support.scripts import whole

RULES = """\
kind: Policy
name: org
owner: security@acme.example
mode: enforce
rules:
  - name: nothing
    deny: { reason: "Nothing passes." }
"""
TEST = """\
kind: Tests
given: { principal: { user: ann@acme.example }, clock: 2026-11-23T10:00:00Z }
tests:
  - name: somebody passes
    request: { model: gpt-5-mini }
    expect: { allow: true }
"""


def test_what_is_wrong_is_told_at_once_and_an_urgent_start_is_possible_and_seen(tmp_path: Path) -> None:
    folder = tmp_path / "policies"
    (folder / "tests").mkdir(parents=True)
    (folder / "org.yaml").write_text(RULES.replace("deny: {", "dney: {").replace("owner", "ownr"))
    with ScriptedUpstream() as scripted:
        scripted.replies(whole({"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 0}}), always=True)
        proxy = RunningProxy(tmp_path, {"own": openai_like(scripted.base_url)})

        done = proxy.cli("serve")
        assert done.returncode == 2
        assert "policies/org.yaml:3:1: unknown key 'ownr'; did you mean 'owner'?" in done.stderr
        assert "policies/org.yaml:7:5: " in done.stderr
        assert "Traceback" not in done.stderr
        assert not (tmp_path / "state" / "engines").exists()
        checked = proxy.cli("check")
        assert (checked.returncode, checked.stderr) == (2, done.stderr)

        (folder / "org.yaml").write_text(RULES)
        (folder / "tests" / "org.test.yaml").write_text(TEST)
        done = proxy.cli("serve")
        assert done.returncode == 2
        assert "policies/tests/org.test.yaml:4:1: the test 'somebody passes' fails: allow: expected true" in done.stderr
        assert "`tallygate serve --untested` starts all the same" in done.stderr
        checked = proxy.cli("check")
        assert (checked.returncode, checked.stdout) == (2, "")
        assert "org.test.yaml:4:1: the test 'somebody passes' fails: allow: expected true" in checked.stderr

        proxy.options = ("--untested", "--audit-only")
        with proxy:
            heard = call(proxy)
            assert heard.status == 200
            row = row_of(proxy, heard)
            assert row.generation.endswith("-audit")
            until(lambda: metric(proxy, "tallygate_policy_info") == {row.generation: 1.0})
            view = proxy.get_json(f"/v1/policy/decisions/{row.decision}")
            assert any(line.startswith("audit    org/nothing would have refused") for line in view["why"])
            done = proxy.cli("policy", "explain", row.request_id)  # which reads the rules as they are in force
            assert "refused" not in done.stdout
            assert f"\nGeneration {row.generation} decided this; these files are generation " in done.stdout
            assert metric(proxy, "tallygate_audit_only") == {"": 1.0}
            until(lambda: metric(proxy, "tallygate_policy_decisions_total").get("denyauditorg/nothing") == 1)
            assert proxy.get("/readyz", base=proxy.admin_url) == b"degraded: no rule is felt (--audit-only)\n"
