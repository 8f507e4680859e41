"""Reading of JSON that trusts nothing: each getter gives what it names or raises ``Unfit``.

A member that is null, or an empty array or object, says nothing: it need not be known to be understood.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

import jiter

from proxy.dedup.replay.form import Members, Unfit

_KIND = re.compile(r"(?:[a-z]+[-_])*")  # chatcmpl-, resp_, msg_vrtx_


def parse(data: bytes) -> Any:
    """The JSON value of ``data``. Raises ``Unfit`` also for duplicate members, NaN, lone surrogates and bad UTF-8."""
    try:
        return jiter.from_json(data, catch_duplicate_keys=True, allow_inf_nan=False)
    except ValueError:
        raise Unfit from None


def an_object(value: Any) -> Members:
    """``value``, which must be an object."""
    if type(value) is not dict:
        raise Unfit
    return value


def known(members: Members, names: Collection[str]) -> None:
    """Refuse a member that is not among ``names`` and says something."""
    for name in members.keys() - names:
        if is_said(members[name]):
            raise Unfit


def is_said(value: Any) -> bool:
    """Whether a value tells anything."""
    return value is not None and value not in ([], {})


def text(members: Members, name: str) -> str:
    """The string ``name``, which must be there."""
    value = members.get(name)
    if type(value) is not str:
        raise Unfit
    return value


def filled(members: Members, *names: str) -> None:
    """Refuse where one of these is no string, or an empty one."""
    if not all(text(members, name) for name in names):
        raise Unfit


def text_or_empty(members: Members, name: str) -> str:
    """The string ``name``; empty when absent or null."""
    value = members.get(name)
    if value is None:
        return ""
    if type(value) is not str:
        raise Unfit
    return value


def literal(members: Members, name: str, *expected: Any) -> None:
    """Refuse another value of ``name`` than the expected ones."""
    value = members.get(name)
    for one in expected:
        if value is one or (type(value) is type(one) and value == one):
            return
    raise Unfit


def number(members: Members, name: str) -> int | float:
    """The number ``name``, which must be there."""
    value = members.get(name)
    if type(value) is not int and type(value) is not float:
        raise Unfit
    return value


def figures(usage: Members, *names: str) -> None:
    """Refuse usage without these numbers of tokens, which every SDK reads."""
    for name in names:
        if type(usage.get(name)) is not int:
            raise Unfit


def mapping(members: Members, name: str) -> Members:
    """The object ``name``, which must be there and hold something."""
    value = members.get(name)
    if type(value) is not dict or not value:
        raise Unfit
    return value


def objects(members: Members, name: str) -> list[Members]:
    """The array of objects ``name``; empty when absent or null."""
    value = members.get(name)
    if value is None:
        return []
    if type(value) is not list:
        raise Unfit
    return [an_object(element) for element in value]


def only(members: Members, name: str) -> Members:
    """The single object of the array ``name``."""
    found = objects(members, name)
    if len(found) != 1:
        raise Unfit
    return found[0]


def kind_of(identity: str) -> str:
    """The letters with which a provider begins ids of one kind: ``chatcmpl-``, ``msg_``; empty for a bare id."""
    kind = _KIND.match(identity)
    return kind.group() if kind else ""


def finish(reason: Any, whole: Collection[str], others: dict[str, str]) -> None:
    """Refuse an answer that did not end of its own accord; ``others`` maps the provider's words to our reasons."""
    if type(reason) is not str or reason not in whole:
        raise Unfit(others.get(reason, "unknown") if type(reason) is str else "unknown")


def toolless(usage: Members) -> None:
    """Refuse an answer for which the provider ran tools of its own: what it read there may be otherwise tomorrow."""
    for name in ("server_tool_use", "server_tool_use_details"):  # Anthropic, OpenRouter
        if any(an_object(usage.get(name) or {}).values()):
            raise Unfit("tool-call")
