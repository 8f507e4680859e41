"""``inspect``: what is looked for in prompts and answers, and what happens to it."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from proxy.config.shape import Misfit, Shape, Switch
from proxy.policy.documents.fields import ONCE, WORDS, Detectors
from proxy.policy.terms import Inspect


class InspectShape(Shape):
    """What is looked for, where, and what happens to it."""

    find: Detectors = Field(description="Detectors or groups of them: secrets, pii.email.")
    places: Annotated[tuple[Literal["prompt", "answer"], ...], WORDS, ONCE] = Field(("prompt",), alias="in")
    then: Literal["deny", "redact"] = Field("deny", description="redact replaces what was found by placeholders.")
    restore: Switch = Field(default=False, description="Put the original back into the answer.")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.restore and self.then != "redact":
            raise Misfit(("restore",), "has nothing to restore; it goes with then: redact")
        if self.restore and "prompt" not in self.places:
            raise Misfit(("restore",), "has nothing to restore; only what was redacted in the prompt comes back")
        return self

    def terms(self) -> Inspect:
        """Give the compiled form."""
        return Inspect(self.find, self.places, self.then, self.restore)
