"""Wishes of content rules, and what is made of them, for tests."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import jiter
import msgspec

from proxy.domain.decision import Inspection
from proxy.policy.content.detector import Detector
from proxy.policy.content.ruling import Ruling, sides_of
from proxy.policy.content.strings import replaced, texts

KEY = "AKIA" + "QX3DZK7M2PLWTBNA"  # of nobody's account
MAIL = "ada.lovelace@mail.example"
POLICIES = {
    "org.yaml": """\
kind: Policy
name: org
owner: sec@acme.example
rules:
  - name: no-secrets
    match: { models: ["deny-*", "files"] }
    inspect: { find: [secrets], then: deny }
    message: Rotate it.
  - name: mask
    match: { models: ["mask-*"] }
    inspect: { find: [pii], then: redact, restore: true }
""",
    **{
        f"{mode}.yaml": f"""\
kind: Policy
name: {mode}
owner: sec@acme.example
mode: {mode}
rules:
  - name: no-secrets
    match: {{ models: ["{mode}-*"] }}
    inspect: {{ find: [secrets], then: deny }}
  - name: mask
    match: {{ models: ["{mode}-*"] }}
    inspect: {{ find: [pii], then: redact }}
"""
        for mode in ("warn", "audit")
    },
    "answer.yaml": """\
kind: Policy
name: answer
owner: sec@acme.example
rules:
  - name: deny
    match: { models: ["answer-deny-*", "files"] }
    inspect: { find: [secrets], in: [answer], then: deny }
  - name: mask
    match: { models: ["answer-mask-*"] }
    inspect: { find: [pii], in: [answer], then: redact }
""",
}
WISH = Inspection("org/no-secrets", ("secrets",), ("prompt",), "deny", False, "enforce", owner="sec@acme.example")


def make_wish(**changes: Any) -> Inspection:
    """A rule in force that denies secrets in prompts, unless said otherwise."""
    return msgspec.structs.replace(WISH, **changes)


def ruling_of(detectors: Iterable[Detector], **changes: Any) -> Ruling:
    """What one rule about these detectors makes of findings."""
    return Ruling(sides_of([(make_wish(**changes), frozenset(one.full_name for one in detectors))]))


def rewrite(body: bytes, replace: Callable[[str], str]) -> bytes:
    """``body`` with every string that is looked at passed through ``replace``; all other bytes as they were.

    Raises ``ValueError`` when ``body`` is no JSON, or has a member twice.
    """
    tree = jiter.from_json(body, catch_duplicate_keys=True, allow_inf_nan=False)
    read = texts(tree)
    changes = {number: new for number, old in enumerate(read) if old is not None and (new := replace(old)) != old}
    return replaced(body, changes, read)
