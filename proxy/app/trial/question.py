"""A question about a call, in the words of a command line, as a case: names are looked up, what is left out is completed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from proxy.app.budgets.whose import whose
from proxy.config.directory import Directory, VirtualKey
from proxy.config.problems import did_you_mean
from proxy.policy.case import Asker, Case, Question
from proxy.policy.names import Names

_BYTES_PER_TOKEN = 4


@dataclass(frozen=True, slots=True)
class Words:
    """What somebody asks about. Empty is left out; ``at`` is unix seconds."""

    model: str
    at: float
    user: str = ""
    key: str = ""
    team: str = ""
    project: str = ""
    tokens: int | None = None
    max_output: int | None = None
    cost_nusd: int | None = None
    endpoint: str = ""
    stream: bool = False
    tools: bool = False
    prompt: str = ""
    tags: tuple[tuple[str, str], ...] = ()


def case_of(words: Words, names: Names) -> tuple[Case, tuple[str, ...]]:
    """The case, and what was assumed. Raises ``ValueError`` for names that nobody has, or that do not fit together."""
    model = names.asked_model(words.model)
    asker, assumed = _asker(words, names.directory)
    tokens = words.tokens
    if tokens is None:
        tokens = -(-len(words.prompt.encode("utf-8", "replace")) // _BYTES_PER_TOKEN)
        assumed += (f"about {tokens:,} tokens of input; say --tokens",) if words.prompt else ()
    question = Question(
        model=model,
        input_tokens=tokens,
        max_output_tokens=words.max_output,
        stream=words.stream,
        tools=words.tools,
        endpoint=words.endpoint,
        cost_nusd=words.cost_nusd,
        prompt=words.prompt,
    )
    return Case("", "", asker, question, words.at, words.tags), assumed


def person_named(directory: Directory, name: str) -> str:
    """The user whom a name means: their own, or what stands before the @ of theirs. Raises ``ValueError``."""
    short = [user for user in directory.users if user.partition("@")[0].lower() == name.lower()]
    if name not in directory.users and len(short) == 1:
        return short[0]
    if name not in directory.users and len(short) > 1:
        raise ValueError(f"{name} may be {len(short)} people; write all of the name")
    try:
        return whose(directory, "user", name).name
    except ValueError as error:
        near = did_you_mean(name, {user.partition("@")[0] for user in directory.users})
        raise ValueError(f"{error}; {near}" if near and "@" not in name else str(error)) from None


def _asker(words: Words, directory: Directory) -> tuple[Asker, tuple[str, ...]]:
    user = person_named(directory, words.user) if words.user else ""
    key = next((one for one in directory.keys if one.id == words.key), None)
    if words.key and key is None:
        whose(directory, "key", words.key)
    assumed: tuple[str, ...] = ()
    if key is None and user:
        own = [one for one in directory.keys if one.user == user]
        key = own[0] if len(own) == 1 else None
        assumed = tuple(_about_keys(own))
    _agree(words, user, key)
    user = user or (key.user or "" if key else "")
    known = directory.users.get(user)
    team = words.team or (key.team if key else known.team if known else "")
    if words.team:
        whose(directory, "team", words.team)
    if not (user or key or team):
        raise ValueError("say who asks: --user, --key or --team")
    if words.project:
        whose(directory, "project", words.project)
    project = words.project or (key.project or "" if key else "")
    groups = tuple(sorted(known.groups)) if known else ()
    return Asker(directory.org, team, user, key.id if key else "", project, groups), assumed


def _about_keys(own: list[VirtualKey]) -> Iterator[str]:
    if len(own) == 1:
        yield f"by {own[0].id}, their only key"
    elif own:
        yield f"by no key in particular; say --key: {', '.join(one.id for one in own)}"


def _agree(words: Words, user: str, key: VirtualKey | None) -> None:
    if key is None:
        return
    if user and key.user != user:
        raise ValueError(f"the key {key.id} is not {words.user}'s but {key.user or 'a service'}'s")
    if words.team and words.team != key.team:
        raise ValueError(f"the key {key.id} is of team {key.team}, not of {words.team}")
    if words.project and words.project != key.project and words.project not in key.projects:
        known = ", ".join(sorted(key.projects)) or "none"
        raise ValueError(f"the key {key.id} may not book to {words.project}; its projects: {known}")
