"""One thing worth finding in a text: a secret of some service, or one kind of personal data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import msgspec

Check = Callable[[str], bool]
Group = Literal["secrets", "pii"]


class Detector(msgspec.Struct, frozen=True):
    """A regex in RE2's syntax, and what must be true besides.

    ``hint`` is a cheaper regex that holds wherever ``regex`` does: one pass over a text looks for all hints at once, and
    only where one was seen its regex runs. If ``regex`` has a group, the first one is the finding, and the rest is what
    must stand around it; a match without its group is passed over.
    """

    name: str  # "aws-access-key"
    group: Group
    label: str  # what a placeholder calls it: capital letters
    regex: str
    hint: str
    min_entropy: float = 0.0  # bits per character of the finding
    check: Check | None = None
    is_own: bool = False  # a company's: of all placeholders it passes over those of its own label alone

    @property
    def full_name(self) -> str:
        """The name as a rule writes it: ``secrets.aws-access-key``."""
        return f"{self.group}.{self.name}"
