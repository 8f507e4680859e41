"""What ``decide()`` sees of a call. Stored with the row as canonical JSON, so that yesterday can be replayed."""

from __future__ import annotations

from typing import Self

import msgspec


class Recent(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a scope did lately, from buckets at most a minute old. Shares from 0 to 1, counts, US dollars."""

    requests_1h: int = 0
    requests_24h: int = 0
    redundancy_1h: float = 0.0
    redundancy_24h: float = 0.0
    errors_1h: float = 0.0
    errors_24h: float = 0.0
    abandoned_1h: float = 0.0
    abandoned_24h: float = 0.0
    cost_24h: float = 0.0


NOTHING = Recent()


class Facts(msgspec.Struct, frozen=True, omit_defaults=True):
    """Everything a rule may look at, and nothing it may not: no prompt and no credential."""

    team: str
    model: str
    dialect: str
    endpoint: str
    upstream: str
    project: str | None = None
    service: str | None = None
    groups: tuple[str, ...] = ()  # sorted
    tags: tuple[tuple[str, str], ...] = ()
    stream: bool = False
    tools: int = 0
    images: int = 0
    messages: int = 0
    input_tokens: int = 0  # estimated
    input_ceiling: int = 0  # what it can be at most
    max_output: int | None = None  # of one choice, as asked
    choices: int = 1
    clock: int = 0  # unix seconds, the store's
    family: str = ""  # of the dialect: "openai"
    generates: bool = True  # False: there are no output tokens
    clamps: bool = True  # False: no ceiling on its output can be written into a request
    user_agent: str = ""
    cost_nusd: int = 0  # expected
    output_tokens: int = 0  # expected, of all choices; what token rates hold beside the input
    usage: tuple[tuple[str, Recent], ...] = ()  # by scope: "user:p_8f…"
    waste_since: tuple[tuple[str, int], ...] = ()  # (rule, unix seconds): since when its condition holds in its scope
    # The row names these beside the facts, the person by pseudonym only; they are not written a second time.
    org: str = ""
    key: str = ""  # the key's id
    person: str = ""  # the pseudonym of the user or service
    user: str = ""

    def canonical(self) -> bytes:
        """The facts as JSON with members in the order above, defaults left out, and who called left to the row."""
        return _to_json(msgspec.structs.replace(self, org="", key="", person="", user=""))

    @classmethod
    def of_row(cls, stored: bytes, *, org: str, key: str, person: str, user: str) -> Self:
        """Put canonical facts and their row together again; the directory knows the ``user`` behind a pseudonym."""
        facts = msgspec.json.decode(stored, type=cls)
        return msgspec.structs.replace(facts, org=org, key=key, person=person, user=user)

    def recent(self, scope: str) -> Recent:
        """What is known of a scope; nothing is known of those that nobody gathered."""
        for known, recent in self.usage:
            if known == scope:
                return recent
        return NOTHING


_to_json = msgspec.json.Encoder().encode
