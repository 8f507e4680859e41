"""The verb ``request``: the most that one call may ask for. Input is never cut, only refused; output may be clamped.

The output of a call is that of all its choices. A call that names no ceiling has not asked for more than any: the cap is
written into it. Paths that take no ceiling pass: there a caller cannot ask for one, either.
"""

from __future__ import annotations

from proxy.domain.decision import Kind
from proxy.domain.trace import Said
from proxy.policy.facts import Facts
from proxy.policy.saying import Bound, Effects, Say, Saying
from proxy.policy.terms import Cap


def bind(bound: Bound, terms: Cap) -> Say:
    """Measure each call."""
    passes = bound.says(Said.OK)
    most_input, most_output = terms.max_input_tokens, terms.max_output_tokens

    def say(facts: Facts) -> Saying:
        if most_input is not None and facts.input_tokens > most_input:
            return _too_long(bound, facts.input_tokens, most_input)
        if most_output is None or not (facts.generates and facts.clamps):
            return passes
        each = max(1, most_output // max(1, facts.choices))
        if facts.max_output is not None and facts.max_output <= each:
            return passes
        if facts.max_output is None or terms.clamp:
            return bound.says(Said.CLAMP, f"output to {each:,} tokens", Effects(clamp=each))
        return _too_much(bound, facts.max_output * facts.choices, most_output)

    return say


def _too_long(bound: Bound, tokens: int, most: int) -> Saying:
    told = f"The prompt has about {tokens:,} tokens; at most {most:,} are allowed."
    return bound.denies(Kind.CAP, told, allowed=f"{most:,} input tokens")


def _too_much(bound: Bound, tokens: int, most: int) -> Saying:
    told = f"The call asks for {tokens:,} output tokens; at most {most:,} are allowed."
    return bound.denies(Kind.CAP, told, allowed=f"{most:,} output tokens")
