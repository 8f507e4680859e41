"""A test of a policy, compiled: who asks what, when, with how much spent, and what must come of it."""

from __future__ import annotations

import msgspec


class Asker(msgspec.Struct, frozen=True):
    """Who asks. What a test leaves out is the directory's."""

    org: str
    team: str
    user: str = ""
    key: str = ""
    project: str = ""
    groups: tuple[str, ...] = ()


class Question(msgspec.Struct, frozen=True):
    """What is asked of a model. ``prompt`` is only for content rules; sizes are given, not counted."""

    model: str
    input_tokens: int = 0
    max_output_tokens: int | None = None
    messages: int = 1
    stream: bool = False
    tools: bool = False
    endpoint: str = ""  # "" : the usual one of the model's dialect
    provider: str = ""
    user_agent: str = ""
    cost_nusd: int | None = None  # None: priced by the price book
    prompt: str = ""

    def __repr__(self) -> str:
        return f"Question({self.model!r})"


class Standing(msgspec.Struct, frozen=True):
    """How the meters stand before the call, by rule; each in the scope that this call falls into."""

    spent: tuple[tuple[str, int], ...] = ()  # (budget, nano-dollars) in the period of the clock
    used: tuple[tuple[str, str, int], ...] = ()  # (rate, unit, amount) a moment ago
    running: tuple[tuple[str, int], ...] = ()  # (parallel, calls)
    usage: tuple[tuple[str, float], ...] = ()  # (fact, value): ("redundancy_24h", 0.5)
    stood_s: tuple[tuple[str, float], ...] = ()  # (waste, seconds that its first rung has stood)
    store_up: bool = True


class Expected(msgspec.Struct, frozen=True):
    """What must come of it; None is not looked at."""

    allow: bool | None = None
    deny: str | None = None  # the rule that refuses
    status: int | None = None
    route: str | None = None  # a model, or "none"
    warn: tuple[str, ...] | None = None  # exactly these rules warn
    notes: tuple[str, ...] | None = None  # these rules say something, whatever their mode
    audit: tuple[str, ...] | None = None  # exactly these would have acted, were they not in audit
    retry_after: tuple[str, float] | None = None  # (comparison, seconds)
    max_output_tokens: int | None = None  # as forwarded
    found: tuple[str, ...] | None = None  # detectors that found something
    cache: str | None = None  # off | exact | near


class Case(msgspec.Struct, frozen=True):
    """One test."""

    name: str
    place: str  # "policies/tests/org.test.yaml:7"
    asker: Asker
    question: Question
    clock: float  # unix seconds
    tags: tuple[tuple[str, str], ...] = ()
    standing: Standing = Standing()
    expected: Expected = Expected()
    todo: bool = False  # known to fail: reported, and reported when it passes
    col: int = 1  # of its place

    def rules(self) -> frozenset[str]:
        """List every rule that the test names."""
        wanted, standing = self.expected, self.standing
        named = {rule for rules in (wanted.warn, wanted.notes, wanted.audit) for rule in rules or ()}
        named |= {rule for pairs in (standing.spent, standing.running, standing.stood_s) for rule, _ in pairs}
        return frozenset(named | {rule for rule, _, _ in standing.used} | ({wanted.deny} if wanted.deny else set()))
