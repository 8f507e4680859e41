"""From a ``kind: Policy`` file to compiled rules. Rules are read one by one, so that all mistakes are told at once."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from proxy.config.problems import Problem
from proxy.config.shape import fit_part
from proxy.config.yaml_nodes import Scalar
from proxy.config.yaml_source import Source
from proxy.domain.decision import StoreDown
from proxy.policy.documents.fields import MODES, Around
from proxy.policy.documents.policy import PolicyHead, PolicyShape
from proxy.policy.documents.rule import RuleShape
from proxy.policy.expr import BadExpression, Expression, compile_expression
from proxy.policy.names import Names
from proxy.policy.places import Place, child, inside, items_of, text_of, without
from proxy.policy.rule import Mode, Rule

_MODES: Mapping[str, Mode] = {"audit": Mode.AUDIT, "warn": Mode.WARN, "enforce": Mode.ENFORCE}


class Placed(msgspec.Struct, frozen=True):
    """A rule and where it stands."""

    rule: Rule
    place: Place


class Expressions:
    """Compiles each text once in a loading: many rules say the same."""

    def __init__(self) -> None:
        """Nothing is compiled yet."""
        self._compiled: dict[str, Expression | BadExpression] = {}

    def compile(self, source: str) -> Expression:
        """Raises ``BadExpression``."""
        if source not in self._compiled:
            try:
                self._compiled[source] = compile_expression(source)
            except BadExpression as error:
                self._compiled[source] = error
        found = self._compiled[source]
        if isinstance(found, BadExpression):
            raise found
        return found

    def facts(self) -> frozenset[str]:
        """List every fact that some expression uses."""
        return frozenset(fact for one in self._compiled.values() if isinstance(one, Expression) for fact in one.facts)


def read_policy(source: Source, names: Names, expressions: Expressions) -> tuple[list[Placed], list[Problem]]:
    """Read the rules of a file that fit, and every problem of the file."""
    items = items_of(child(source.root, "rules"))
    if not items:
        # Without rules there is nothing to be told apart: the whole shape says what is wrong.
        return [], fit_part(PolicyShape, source, source.root, (), {"around": Around(names)})[1]
    head, problems = _head(source, names)
    mode = text_of(child(source.root, "mode"))
    around = Around(names, head.timezone if head else "UTC", mode if mode in MODES else "enforce")
    rules = []
    for position, item in enumerate(items):
        place = Place(source, ("rules", position))
        shape, found = fit_part(RuleShape, source, item, place.path, {"around": around})
        when, wrong = _when(place, child(item, "when"), expressions)
        problems += found + wrong
        if head is not None and shape is not None and not found and not wrong:
            rules.append(Placed(_rule(head, shape, when, place), place))
    return rules, problems


def _head(source: Source, names: Names) -> tuple[PolicyHead | None, list[Problem]]:
    head = without(source.root, "rules")
    return fit_part(PolicyHead, source, head, (), {"around": Around(names)})


def _when(place: Place, node: object, expressions: Expressions) -> tuple[Expression | None, list[Problem]]:
    if not isinstance(node, Scalar) or node.is_null:
        return None, []
    try:
        return expressions.compile(node.text), []
    except BadExpression as error:
        path = ".".join(map(str, (*place.path, "when")))
        source = place.source
        return None, [
            source.problem(inside(source, node, one.offset), path, one.message, one.hint) for one in error.findings
        ]


def _rule(head: PolicyHead, shape: RuleShape, when: Expression | None, place: Place) -> Rule:
    verb, terms = shape.terms(head.timezone)
    down = head.on_store_down
    parts = [part for part in (head.match, shape.match) if part.model_fields_set]
    return Rule(
        id=f"{head.name}/{shape.name}",
        verb=verb,
        terms=terms,
        mode=_MODES[shape.mode or head.mode],
        owner=head.owner,
        place=place.short,
        match=tuple(part.selector() for part in parts),
        when=when,
        message=shape.message or "",
        timezone=head.timezone,
        since=shape.since,
        until=shape.until,
        store_down=StoreDown(down.meters, down.local_share, down.span),
    )
