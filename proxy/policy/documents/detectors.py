"""``kind: Detectors``: what the company's own secrets and personal data look like."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from proxy.config.masking import shown
from proxy.config.quantities import as_text
from proxy.config.shape import Shape, written
from proxy.policy.documents.fields import Name

_ENTROPY = re.compile(r"[0-8](?:\.[0-9]{1,3})?")


def _entropy(value: object) -> float:
    text = as_text(value, "bits per character such as 3.5")
    if not _ENTROPY.fullmatch(text):
        raise ValueError(f"{shown(text)} is not bits per character; write a number from 0 to 8, such as 3.5")
    return float(text)


class DetectorShape(Shape):
    """A regex in RE2's syntax, and what must be true besides; ``policy.content`` compiles it."""

    regex: str = Field(description="RE2: no look-around, no back-references.")
    hint: str | None = Field(None, description="Text that stands in every match; makes looking cheaper.")
    min_entropy: Annotated[float, BeforeValidator(_entropy), written("[0-9.]+", number=True)] = 0.0
    check: Literal["luhn", "iban", "none"] = "none"


class DetectorsShape(Shape):
    """Detectors by group; rules name them as ``secrets.acme-internal-token``."""

    kind: Literal["Detectors"]
    secrets: dict[Name, DetectorShape] = Field(default_factory=dict)
    pii: dict[Name, DetectorShape] = Field(default_factory=dict)
