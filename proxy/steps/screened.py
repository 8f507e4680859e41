"""What is kept of a prompt that was looked through: once for a call, however many attempts are made."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from proxy.domain.ask import Ask, Outgoing
from proxy.domain.call import Call
from proxy.domain.decision import Decision, Inspection
from proxy.policy.content.outcome import judged, judged_unread
from proxy.policy.content.ruling import Looked
from proxy.policy.content.vault import Vault
from proxy.steps.upload_splice import Cut

Changes = Mapping[int, str]  # new texts by their number


@dataclass(frozen=True, slots=True)
class Edited:
    """A call whose texts were changed. ``cuts`` are edits of a body that is not kept."""

    ask: Ask
    cuts: tuple[Cut, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Readable:
    """The texts of a prompt, None for those that are nobody's words, and how some of them are changed."""

    texts: Sequence[str | None] = field(repr=False)
    edit: Callable[[Changes], Edited]
    unread: str = ""  # what stands against looking it through; empty: nothing does
    is_left: bool = False  # only because nobody may wait until it can be: no rule would refuse it


@dataclass(frozen=True, slots=True)
class Screened:
    """A call as it may go on, and what its rules say of it."""

    wishes: tuple[Inspection, ...]  # that were looked for
    call: Call  # without a session that is itself what must not be known
    sent: Edited
    looked: Looked
    unread: str = ""
    vault: Vault | None = None  # what placeholders stand for; None: there are none
    edits: tuple[str, ...] = ()  # for the row
    is_left: bool = False  # as ``Readable`` has it

    def outgoing(self, out: Outgoing) -> Outgoing:
        """The request that goes out, with what was redacted in a body that is not kept."""
        cuts = tuple(sorted((*self.sent.cuts, *out.cuts))) if self.sent.cuts else out.cuts
        return msgspec.structs.replace(out, edits=(*self.edits, *out.edits), cuts=cuts)

    def judge(self, decision: Decision) -> Decision:
        """The decision with what was found."""
        if self.unread:
            wishes = (
                [msgspec.structs.replace(one, mode="audit") for one in self.wishes] if self.is_left else self.wishes
            )
            return judged_unread(decision, wishes, self.unread, "prompt")
        return judged(decision, self.looked, "prompt")
