"""From a ``kind: Tests`` file to cases. What a test leaves out comes from ``given:``, then from the directory."""

from __future__ import annotations

from proxy.config.problems import Problem
from proxy.config.shape import fit_part
from proxy.config.yaml_source import Source
from proxy.policy.case import Asker, Case, Expected, Question, Standing
from proxy.policy.documents.fields import Around
from proxy.policy.documents.tests import (
    ExpectShape,
    GivenShape,
    PrincipalShape,
    RequestShape,
    StateShape,
    TestShape,
    TestsHead,
    TestsShape,
)
from proxy.policy.names import Names
from proxy.policy.places import Place, child, items_of, without


def read_tests(source: Source, names: Names) -> tuple[list[Case], list[Problem]]:
    """Read the tests of a file that fit, and every problem of the file."""
    context = {"around": Around(names)}
    items = items_of(child(source.root, "tests"))
    if not items:
        return [], fit_part(TestsShape, source, source.root, (), context)[1]
    head, problems = fit_part(TestsHead, source, without(source.root, "tests"), (), context)
    given = head.given if head else GivenShape()
    cases: list[Case] = []
    seen: dict[str, Place] = {}
    for position, item in enumerate(items):
        place = Place(source, ("tests", position))
        shape, found = fit_part(TestShape, source, item, place.path, context)
        problems += found
        if shape is None or head is None:
            continue
        if (first := seen.setdefault(shape.name, place)) is not place:
            problems.append(place.problem(f"there is a test of this name already, at {first.short}", below=("name",)))
        principal, clock = shape.principal or given.principal, shape.clock or given.clock
        if clock is None:
            problems.append(place.problem("says not when", "give a clock here or below given:"))
        else:
            cases.append(_case(shape, given, _asker(principal, names), clock, place))
    return cases, problems


def _asker(shape: PrincipalShape | None, names: Names) -> Asker:
    """Fill in what the directory says of a key or a user. Where nobody is named, it is a caller of no team."""
    directory = names.directory
    if shape is None:
        return Asker(org=directory.org, team="")
    key = next((key for key in directory.keys if key.id == shape.key), None)
    user = shape.user or (key.user if key else None)
    known = directory.users.get(user or "")
    groups = shape.groups if shape.groups is not None else tuple(sorted(known.groups)) if known else ()
    return Asker(
        org=directory.org,
        team=shape.team or (key.team if key else known.team if known else ""),
        user=user or "",
        key=shape.key or "",
        project=shape.project or (key.project if key else None) or "",
        groups=groups,
    )


def _case(shape: TestShape, given: GivenShape, asker: Asker, clock: float, place: Place) -> Case:
    tags = given.tags if shape.tags is None else shape.tags
    return Case(
        name=shape.name,
        place=place.short,
        asker=asker,
        question=_question(shape.request),
        clock=clock,
        tags=tuple(tags.items()),
        standing=_standing(shape.state),
        expected=_expected(shape.expect),
        todo=shape.todo,
        col=place.col,
    )


def _question(request: RequestShape) -> Question:
    return Question(
        model=request.model,
        input_tokens=request.input_tokens,
        max_output_tokens=request.max_output_tokens,
        messages=request.messages,
        stream=request.stream,
        tools=request.tools,
        endpoint=request.endpoint,
        provider=request.provider,
        user_agent=request.user_agent,
        cost_nusd=request.cost,
        prompt=request.prompt,
    )


def _standing(state: StateShape) -> Standing:
    return Standing(
        spent=tuple(state.spent.items()),
        used=tuple((rule, unit, amount) for rule, (unit, amount) in state.used.items()),
        running=tuple(state.running.items()),
        usage=tuple(state.usage.items()),
        stood_s=tuple(state.stood.items()),
        store_up=state.store == "up",
    )


def _expected(expect: ExpectShape) -> Expected:
    return Expected(
        allow=expect.allow,
        deny=expect.deny,
        status=expect.status,
        route=expect.route,
        warn=expect.warn,
        notes=expect.notes,
        audit=expect.audit,
        retry_after=expect.retry_after,
        max_output_tokens=expect.max_output_tokens,
        found=expect.found,
        cache=expect.cache,
    )
