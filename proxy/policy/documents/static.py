"""The verbs that need no counter: ``models``, ``require``, ``request`` and ``deny``."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from proxy.config.shape import Shape
from proxy.policy.amounts import Count
from proxy.policy.documents.fields import ModelGlobs, Tags, Text
from proxy.policy.terms import Cap, Deny, Models, Require


class ModelsShape(Shape):
    """Which models may be called. Allow lists of several rules intersect; deny always wins."""

    allow: ModelGlobs | None = Field(None, description="Only these; of several rules, what all of them allow.")
    deny: ModelGlobs = Field((), description="Never these, whatever else allows them.")

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.allow is None and not self.deny:
            raise ValueError("says nothing; write allow: or deny:")
        return self

    def terms(self) -> Models:
        """Give the compiled form."""
        return Models(self.allow, self.deny)


class RequireShape(Shape):
    """Tags that a call must carry, sent as ``x-tally-tags: purpose=review``."""

    tags: Tags

    def terms(self) -> Require:
        """Give the compiled form."""
        return Require(self.tags)


class RequestShape(Shape):
    """The most that one call may ask for."""

    max_input_tokens: Count | None = Field(None, description="Longer prompts are refused, never cut.")
    max_output_tokens: Count | None = Field(None, description="Lowered or refused, as `over` says.")
    over: Literal["clamp", "deny"] = Field("deny", description="clamp lowers the output ceiling of the request.")

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.max_input_tokens is None and self.max_output_tokens is None:
            raise ValueError("says nothing; write max_input_tokens: or max_output_tokens:")
        if self.over == "clamp" and self.max_output_tokens is None:
            raise ValueError("clamp lowers max_output_tokens, which is not set; input is never cut")
        return self

    def terms(self) -> Cap:
        """Give the compiled form."""
        return Cap(self.max_input_tokens, self.max_output_tokens, self.over == "clamp")


class DenyShape(Shape):
    """No, and why; usually with ``when:``."""

    reason: Text

    def terms(self) -> Deny:
        """Give the compiled form."""
        return Deny(self.reason)
