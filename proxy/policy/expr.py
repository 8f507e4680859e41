"""``when:`` expressions: CEL over a closed list of typed facts, compiled once at load and asked once per call.

Facts are declared as dotted variables, not as maps, so that ``request.modle`` is an error at load instead of a silent
false. There is no prompt among them: content belongs to ``inspect``. The engine bounds time (iterations, recursion,
RE2 for ``matches``). This is the only file that knows it; what it says to people is ``expr_words``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from types import MappingProxyType
from typing import Any, Final

import re2
from cel_expr_python import cel

from proxy.policy.expr_words import Finding, findings

STRING, INT, DOUBLE, BOOL = "string", "int", "double", "bool"
LONGEST: Final = 2_000

# Everything an expression may use, and its type. `usage.*` are of the caller (user, else key): redundancy is a share
# from 0.0 to 1.0, errors and abandoned count calls, cost is US dollars. `clock.*` is in the policy's timezone, Monday 1.
FACTS: Final[Mapping[str, str]] = MappingProxyType({
    **{f"principal.{name}": STRING for name in ("org", "team", "user", "key", "project")},
    "principal.groups": "list(string)",
    **{f"request.{name}": STRING for name in ("model", "provider", "endpoint", "user_agent")},
    **{f"request.{name}": INT for name in ("input_tokens", "max_output_tokens", "messages")},
    **{f"request.{name}": BOOL for name in ("stream", "tools")},
    "request.cost_usd": DOUBLE,
    "request.tags": "map(string, string)",
    **{f"usage.{name}": DOUBLE for name in ("redundancy_1h", "redundancy_24h", "errors_1h", "abandoned_1h", "cost_24h")},
    **{f"usage.{name}": INT for name in ("requests_1h", "requests_24h")},
    **{f"clock.{name}": INT for name in ("hour", "weekday")},
    "clock.now": "timestamp",
})  # fmt: skip
_ZEROS: Final[Mapping[str, object]] = {
    STRING: "", INT: 0, DOUBLE: 0.0, BOOL: False, "list(string)": [], "map(string, string)": {},
    "timestamp": datetime(1970, 1, 1, tzinfo=UTC),
}  # fmt: skip
# What a fact is when nothing is known of it: never an error.
ZERO: Final[Mapping[str, object]] = MappingProxyType({name: _ZEROS[kind] for name, kind in FACTS.items()})
_NAME = re.compile(r"\b(principal|request|usage|clock)\s*\.\s*([a-z_0-9]+)")
_MATCHES = re.compile(r"\.\s*matches\s*\(\s*(?P<raw>r?)(?P<quote>[\"'])(?P<regex>(?:\\.|(?!(?P=quote)).)*)(?P=quote)")


class BadExpression(ValueError):
    """A ``when:`` that cannot be used; ``findings`` say where and why."""

    def __init__(self, found: Iterable[Finding]) -> None:
        """Keep what was found, at least one."""
        self.findings = tuple(found)
        super().__init__(self.findings[0].message)


class Expression:
    """A compiled ``when:``. ``facts`` are those it uses, so that a call needs to gather no others."""

    __slots__ = ("_evaluate", "facts", "source")

    def __init__(self, source: str, program: Any) -> None:
        """Made by ``compile_expression``."""
        self.source = source
        self.facts = frozenset(f"{room}.{name}" for room, name in _NAME.findall(source)) & FACTS.keys()
        self._evaluate = program.eval

    def holds(self, activation: Any) -> bool | None:
        """Whether it is true; None for an error while it ran (overflow, iteration budget), which the verb decides about."""
        try:
            answer = self._evaluate(activation).value()
        except RuntimeError:
            return None
        return answer if answer.__class__ is bool else None

    def __repr__(self) -> str:
        return f"Expression({self.source!r})"


class Joint:
    """Several conditions asked in one crossing to the engine, which costs as much as a condition does."""

    __slots__ = ("_each", "_evaluate")

    def __init__(self, each: tuple[Expression, ...], program: Any) -> None:
        """Made by ``joined``."""
        self._each = each
        self._evaluate = program.eval

    def hold(self, activation: Any) -> list[bool | None]:
        """What ``Expression.holds`` says of each, in order. Where one breaks, each is asked by itself."""
        try:
            bits = self._evaluate(activation).value()
        except RuntimeError:
            bits = None
        if bits.__class__ is not int:
            return [one.holds(activation) for one in self._each]
        return [bits >> at & 1 == 1 for at in range(len(self._each))]


def joined(each: Sequence[Expression]) -> Joint | None:
    """These conditions as one, a bit for each; None where the engine finds that too deep. Takes milliseconds."""
    bits = " + ".join([f"((\n{one.source}\n) ? {1 << at} : 0)" for at, one in enumerate(each)])
    try:
        return Joint(tuple(each), _language().compile(bits))
    except RuntimeError:
        return None


def compile_expression(source: str) -> Expression:
    """Compile and type-check, then run once against the zero facts. Raises ``BadExpression``."""
    if len(source) > LONGEST:
        raise BadExpression([Finding(0, f"is longer than {LONGEST} characters", "make it several rules")])
    try:
        program = _language().compile(source)
    except RuntimeError as error:
        raise BadExpression(findings(str(error), source, FACTS)) from None
    kind = program.return_type().name().lower()
    if kind != BOOL:
        raise BadExpression([Finding(0, f"is not a condition but a value ({kind})", "compare it with something")])
    if found := list(_bad_patterns(source)):
        raise BadExpression(found)
    expression = Expression(source, program)
    if why := _failure(program, expression.facts):
        raise BadExpression(findings(why, source, FACTS))
    return expression


def activation(values: Mapping[str, object], facts: Iterable[str] = FACTS) -> Any:
    """Lay out a call's facts for its expressions: built once, shared by all of them.

    ``facts``: the union of ``Expression.facts`` of a generation; four cost a third of all 24. What ``values`` lacks is zero.
    Groups are a list and tags a dict; the engine takes no other kinds.
    """
    return _language().Activation({name: values.get(name, ZERO[name]) for name in facts})


@cache
def _language() -> Any:
    """The typed environment: a constant that takes 0.4 ms to make."""
    kinds = {
        STRING: cel.Type.STRING,
        INT: cel.Type.INT,
        DOUBLE: cel.Type.DOUBLE,
        BOOL: cel.Type.BOOL,
        "timestamp": cel.Type.TIMESTAMP,
        "list(string)": cel.Type.List(cel.Type.STRING),
        "map(string, string)": cel.Type.Map(cel.Type.STRING, cel.Type.STRING),
    }
    return cel.NewEnv(variables={name: kinds[kind] for name, kind in FACTS.items()})


def _failure(program: Any, facts: frozenset[str]) -> str:
    """Say what goes wrong when nothing is known of a call, or nothing."""
    try:
        answer = program.eval(activation({}, facts)).value()
    except RuntimeError as error:
        return str(error)
    return "" if answer.__class__ is bool else str(answer)


def _bad_patterns(source: str) -> Iterable[Finding]:
    """Find patterns of ``matches`` that RE2 refuses; the engine would tell only when one is reached."""
    options = re2.Options()
    options.log_errors = False
    for found in _MATCHES.finditer(source):
        regex = found["regex"] if found["raw"] else found["regex"].replace("\\\\", "\\")
        try:
            re2.compile(regex, options)
        except re2.error as error:
            why = error.args[0].decode() if isinstance(error.args[0], bytes) else str(error)
            yield Finding(found.start("regex"), f"is no pattern that RE2 takes: {why}")
