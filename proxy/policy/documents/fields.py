"""Members that many documents have: names, owners, dates, lists of one, and the names that must exist."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Final, TypeVar
from zoneinfo import available_timezones

import msgspec
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from proxy.config.masking import shown
from proxy.config.problems import did_you_mean
from proxy.config.quantities import as_text
from proxy.config.shape import Misfit
from proxy.policy.amounts import moment
from proxy.policy.names import Names

MODES: Final = ("audit", "warn", "enforce")
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_TAG = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_LONGEST_OWNER, _LONGEST_TEXT = 128, 500
T = TypeVar("T")


class Around(msgspec.Struct, frozen=True):
    """What a document is read in: the names that exist, its timezone and the ceiling of its modes."""

    names: Names
    timezone: str = "UTC"
    mode: str = "enforce"


def around(info: ValidationInfo) -> Around:
    """Give the surroundings of what is being read."""
    found: Around = (info.context or {})["around"]
    return found


def name(value: object) -> str:
    """Read the name of a policy, a rule or an exemption."""
    text = as_text(value, "a name")
    if not _NAME.fullmatch(text):
        raise ValueError(f"{shown(text)} is not a name; use a-z, 0-9 and -, at most 64 characters")
    return text


def _tag(value: object) -> str:
    text = as_text(value, "the name of a tag")
    if not _TAG.fullmatch(text):
        raise ValueError(f"{shown(text)} is not the name of a tag; use a-z, 0-9, - and _, at most 64 characters")
    return text


def _owner(value: object) -> str:
    text = as_text(value, "who answers for it, such as security@acme.example")
    if not text or len(text) > _LONGEST_OWNER or not text.isprintable():
        raise ValueError(f"wants an address or a name on one line, at most {_LONGEST_OWNER} characters")
    return text


def _text(value: object) -> str:
    text = as_text(value, "text")
    if not text or len(text) > _LONGEST_TEXT:
        raise ValueError(f"wants a text of 1 to {_LONGEST_TEXT} characters, found {len(text)}")
    return text


def timezone(value: object) -> str:
    """Read the name of a time zone: ``Europe/Berlin``."""
    text = as_text(value, "a time zone such as Europe/Berlin")
    if text not in _zones():
        raise ValueError("; ".join(filter(None, [f"{shown(text)} is not a time zone", did_you_mean(text, _zones())])))
    return text


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _moment(value: object, info: ValidationInfo) -> float:
    return moment(value, around(info).timezone)


def _words(value: object) -> object:
    """Take a single word as a list of one; an empty list would quietly mean everything."""
    if value == []:
        raise ValueError("is an empty list; leave it out, or name something")
    return _list_of(value)


def _list_of(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _once(values: tuple[T, ...]) -> tuple[T, ...]:
    for position, value in enumerate(values):
        if value in values[:position]:
            raise Misfit((position,), f"{shown(str(value))} stands here twice")
    return values


def existing(check: Callable[[Names], Callable[[str], str]], what: str) -> BeforeValidator:
    """Make the reader of a name that must exist."""

    def read(value: object, info: ValidationInfo) -> str:
        return check(around(info).names)(as_text(value, what))

    return BeforeValidator(read)


@dataclass(frozen=True, slots=True)
class Several:
    """Marks a list of which a single thing is as good; editors are told so, too."""

    read: Callable[[object], object]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self.read, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        many = handler(schema)
        return {"anyOf": [many["items"], many]}


WORDS, ANY, ONCE = Several(_words), Several(_list_of), AfterValidator(_once)
Name = Annotated[str, BeforeValidator(name), WithJsonSchema({"type": "string", "pattern": f"^{_NAME.pattern}$"})]
Tag = Annotated[str, BeforeValidator(_tag)]
Owner = Annotated[str, BeforeValidator(_owner), Field(description="Who answers for it; shown to whoever is refused.")]
Text = Annotated[str, BeforeValidator(_text), WithJsonSchema({"type": "string", "maxLength": _LONGEST_TEXT})]
Timezone = Annotated[str, BeforeValidator(timezone)]
Moment = Annotated[float, BeforeValidator(_moment), WithJsonSchema({"type": "string"})]
Team = Annotated[str, existing(lambda names: names.team, "the name of a team")]
User = Annotated[str, existing(lambda names: names.user, "the name of a user")]
Key = Annotated[str, existing(lambda names: names.key, "the id of a key")]
Project = Annotated[str, existing(lambda names: names.project, "the name of a project")]
Group = Annotated[str, existing(lambda names: names.group, "the name of a group")]
ModelGlob = Annotated[str, existing(lambda names: names.pattern, "a model name or pattern")]
Model = Annotated[str, existing(lambda names: names.model, "a model name")]
AskedModel = Annotated[str, existing(lambda names: names.asked_model, "a model name")]
Detector = Annotated[str, existing(lambda names: names.detector, "the name of a detector")]
RuleId = Annotated[str, existing(lambda names: names.rule, "the name of a rule, policy/rule")]

Teams = Annotated[tuple[Team, ...], WORDS, ONCE]
Users = Annotated[tuple[User, ...], WORDS, ONCE]
Keys = Annotated[tuple[Key, ...], WORDS, ONCE]
Projects = Annotated[tuple[Project, ...], WORDS, ONCE]
Groups = Annotated[tuple[Group, ...], WORDS, ONCE]
ModelGlobs = Annotated[tuple[ModelGlob, ...], WORDS, ONCE]
Detectors = Annotated[tuple[Detector, ...], WORDS, ONCE]
RuleIds = Annotated[tuple[RuleId, ...], WORDS, ONCE]
Tags = Annotated[tuple[Tag, ...], WORDS, ONCE]
AnyRuleIds = Annotated[tuple[RuleId, ...], ANY, ONCE]  # none of them is an answer, too
AnyGroups = Annotated[tuple[Group, ...], ANY, ONCE]
AnyDetectors = Annotated[tuple[Detector, ...], ANY, ONCE]
