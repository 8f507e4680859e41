"""``kind: Tests``: who asks what, and what must come of it. Lives in a folder named ``tests`` beside the policies."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, ValidationInfo, WithJsonSchema, model_validator

from proxy.config.masking import shown
from proxy.config.quantities import as_text, duration_s, share_millionths, whole
from proxy.config.shape import Duration, Misfit, Shape, Switch, Whole, written
from proxy.policy.amounts import MOST_COUNT, Count, Usd, moment
from proxy.policy.documents.fields import (
    AnyDetectors,
    AnyGroups,
    AnyRuleIds,
    AskedModel,
    Key,
    Project,
    RuleId,
    Tag,
    Team,
    Text,
    User,
    around,
)
from proxy.policy.expr import FACTS

_STATUSES = (200, 400, 403, 404, 413, 429, 503)
_RETRY = re.compile(r"(<=|>=|<|>|==)? ?([0-9.]+ ?[a-z]+)")
_AMOUNT = re.compile(r"(\S+) +([a-z]+)")
_NUMBER = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,6})?")
_ANYWHERE = "UTC"
_NONE = "none"


def _org(value: object, info: ValidationInfo) -> str:
    text, org = as_text(value, "the org's name"), around(info).names.directory.org
    if text != org:
        raise ValueError(f"{shown(text)} is not the directory's org; did you mean {org!r}?")
    return text


def _clock(value: object) -> float:
    return moment(value, _ANYWHERE)


def _status(value: object) -> int:
    status = whole(value)
    if status not in _STATUSES:
        raise ValueError(f"{status} is no status of a decision; one of {', '.join(map(str, _STATUSES))}")
    return status


def _retry(value: object) -> tuple[str, float]:
    text = as_text(value, "a wait such as <= 2s")
    found = _RETRY.fullmatch(text)
    if not found:
        raise ValueError(f"{shown(text)} is not a wait; write it as <= 2s")
    return found[1] or "==", duration_s(found[2])


def _used(value: object) -> tuple[str, int]:
    text = as_text(value, "an amount such as 60 requests")
    found = _AMOUNT.fullmatch(text)
    if not found or found[2] not in {"requests", "tokens"}:
        raise ValueError(f"{shown(text)} is not an amount; write 60 requests or 400k tokens")
    return found[2], _count(found[1])


def _count(text: str) -> int:
    digits, times = (text[:-1], 1_000) if text.endswith("k") else (text, 1)
    amount = whole(digits) * times
    if amount > MOST_COUNT:
        raise ValueError(f"{shown(text)} is too much")
    return amount


def _fact(value: object) -> str:
    text = as_text(value, "a usage fact such as redundancy_24h").removeprefix("usage.")
    known = [fact.removeprefix("usage.") for fact in FACTS if fact.startswith("usage.")]
    if text not in known:
        raise ValueError(f"there is no usage fact {shown(text)}; one of {', '.join(known)}")
    return text


def _figure(value: object) -> float:
    text = as_text(value, "a number such as 0.5 or 40%")
    if text.endswith("%"):
        return share_millionths(text) / 1_000_000
    if not _NUMBER.fullmatch(text.removeprefix("$")):
        raise ValueError(f"{shown(text)} is not a number; write 0.5, 40% or $5")
    return float(text.removeprefix("$"))


def _of(verb: str) -> BeforeValidator:
    def read(value: object, info: ValidationInfo) -> str:
        return around(info).names.rule_of(as_text(value, f"the name of a {verb}, policy/rule"), verb)

    return BeforeValidator(read)


def _routed(value: object, info: ValidationInfo) -> str:
    text = as_text(value, "a model, or none")
    try:
        return text if text == _NONE else around(info).names.model(text)
    except ValueError as error:
        raise ValueError(f"{error}; or write {_NONE}") from None


_ANY_TEXT = WithJsonSchema({"type": "string"})
Clock = Annotated[float, BeforeValidator(_clock), _ANY_TEXT]
Status = Annotated[int, BeforeValidator(_status), WithJsonSchema({"enum": list(_STATUSES)})]
Wait = Annotated[tuple[str, float], BeforeValidator(_retry), _ANY_TEXT]
Used = Annotated[tuple[str, int], BeforeValidator(_used), written("[0-9]+k? +(requests|tokens)")]
Figure = Annotated[float, BeforeValidator(_figure), written(r"\$?[0-9.]+%?", number=True)]


class PrincipalShape(Shape):
    """Who asks. What is left out is what the directory says of the key or the user."""

    org: Annotated[str, BeforeValidator(_org)] | None = None
    team: Team | None = None
    user: User | None = None
    key: Key | None = None
    project: Project | None = None
    groups: AnyGroups | None = None

    @model_validator(mode="after")
    def _agrees(self, info: ValidationInfo) -> Self:
        names = around(info).names
        if self.key is not None:
            team, user = names.key_of(self.key)
            if self.user is not None and user != self.user:
                raise Misfit(("key",), f"belongs to {user or 'a service'}, not to {self.user}")
            if self.team is not None and team != self.team:
                raise Misfit(("key",), f"is of team {team}, not of {self.team}")
        if self.user is not None and self.team not in {None, names.directory.users[self.user].team}:
            raise Misfit(("user",), f"is of team {names.directory.users[self.user].team}, not of {self.team}")
        if self.team is None and self.user is None and self.key is None:
            raise ValueError("is nobody; name a key, a user or a team")
        return self


class RequestShape(Shape):
    """What is asked. Sizes are given here, not counted."""

    model: AskedModel
    input_tokens: Whole = 0
    max_output_tokens: Count | None = None
    messages: Whole = 1
    stream: Switch = False
    tools: Switch = False
    endpoint: str = ""
    provider: str = ""
    user_agent: str = ""
    cost: Usd | None = None
    prompt: str = ""


class StateShape(Shape):
    """How the meters stand before the call, in the scope that it falls into."""

    spent: dict[Annotated[str, _of("budget")], Usd] = Field(default_factory=dict)
    used: dict[Annotated[str, _of("rate")], Used] = Field(default_factory=dict)
    running: dict[Annotated[str, _of("parallel")], Whole] = Field(default_factory=dict)
    usage: dict[Annotated[str, BeforeValidator(_fact)], Figure] = Field(default_factory=dict)
    stood: dict[Annotated[str, _of("waste")], Duration] = Field(default_factory=dict)
    store: Literal["up", "down"] = "up"


class ExpectShape(Shape):
    """What must come of it; what is left out is not looked at."""

    allow: Switch | None = None
    deny: RuleId | None = None
    status: Status | None = None
    route: Annotated[str, BeforeValidator(_routed)] | None = None
    warn: AnyRuleIds | None = None
    notes: AnyRuleIds | None = None
    audit: AnyRuleIds | None = None
    retry_after: Wait | None = None
    max_output_tokens: Count | None = None
    found: AnyDetectors | None = None
    cache: Literal["off", "exact", "near"] | None = None

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("expects nothing; write allow: true or deny: policy/rule")
        if self.deny is not None and self.allow:
            raise Misfit(("deny",), "stands beside allow: true; it cannot be both", key=True)
        return self


class GivenShape(Shape):
    """What holds for every test of the file that does not say otherwise."""

    principal: PrincipalShape | None = None
    tags: dict[Tag, Text] = Field(default_factory=dict)
    clock: Clock | None = None


class TestShape(Shape):
    """One test."""

    __test__ = False  # pytest looks for classes of this name

    name: Text
    principal: PrincipalShape | None = None
    tags: dict[Tag, Text] | None = None
    clock: Clock | None = None
    request: RequestShape
    state: StateShape = StateShape()
    expect: ExpectShape
    todo: Switch = False


class TestsHead(Shape):
    """A file of tests but for the tests, which are read one by one."""

    __test__ = False

    kind: Literal["Tests"]
    given: GivenShape = GivenShape()


class TestsShape(TestsHead):
    """A file of tests."""

    tests: tuple[TestShape, ...] = Field(min_length=1)
