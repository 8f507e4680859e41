"""What is asked of a wire format whose bodies are too large to be kept: forms with files, and bodies of any kind.

Such a body is read while it passes. The call is understood from its beginning where that tells enough, and else when
the whole of it lies in a file.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from proxy.dialects.base import Dialect, Match
from proxy.dialects.multipart import Field
from proxy.domain.ask import Ask


class Intake(Protocol):
    """Reads one body while it passes. ``feed`` and ``finish`` raise ``BadRequest``."""

    @property
    def known(self) -> bool:
        """Whether enough was seen to understand the call."""
        ...

    @property
    def ready(self) -> bool:
        """Whether nothing more is expected before what is too large to be kept: it is ``known``, and reading on is no use."""
        ...

    def feed(self, data: bytes) -> None:
        """Take a piece, in any split."""
        ...

    def finish(self) -> None:
        """Tell that nothing more comes."""
        ...


@runtime_checkable
class Form(Intake, Protocol):
    """Reads a form."""

    @property
    def texts(self) -> tuple[Field, ...] | None:
        """Its parts that are no files and have passed, with their values; None where they are too large to be kept."""
        ...


@runtime_checkable
class Receiving(Dialect, Protocol):
    """A dialect with endpoints whose bodies are not kept (``Endpoint.upload``)."""

    def intake(self, match: Match, headers: Mapping[str, str], length: int | None) -> Intake:
        """Begin to read a body of ``length`` bytes, None where nobody has said. Raises ``BadRequest``."""
        ...

    def received(self, match: Match, intake: Intake, query: str, headers: Mapping[str, str]) -> Ask:
        """Understand a call from what its intake has seen; the ask's body is empty. Raises ``BadRequest``."""
        ...
