"""Something that people who keep watch are told: once, wherever it was seen first. It names rules and scopes, never a person."""

from __future__ import annotations

import msgspec


class Notice(msgspec.Struct, frozen=True, omit_defaults=True):
    """What happened, as the webhook tells it. Amounts and times are written as people read them."""

    type: str  # budget.crossed | rule.warned | exemption.expires | cache.near_off
    rule: str = ""
    exemption: str = ""
    mode: str = ""  # of the rule: audit | warn | enforce
    scope: str = ""  # "org", "team:growth", "user:p_8f…" (the pseudonym)
    owner: str = ""
    period: str = ""  # hour day week month total
    mark: str = ""  # "80%"
    level: str = ""  # "$80.12", spent and held; "2 of 7", that differed
    limit: str = ""  # "$100.00"
    resets_at: str = ""
    expires_at: str = ""
    reason: str = ""  # of an exemption; else what is meant by the figures
    generation: str = ""


class Telling(msgspec.Struct, frozen=True):
    """A notice, and the name under which it is told once, until a time (unix seconds; 0: for ever)."""

    once: str
    until_s: int
    notice: Notice
