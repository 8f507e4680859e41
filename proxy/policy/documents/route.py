"""``route``: another model of the caller's dialect, one name for all or one for each family."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag, ValidationInfo

from proxy.config.masking import shown
from proxy.config.shape import Misfit, Shape, text_or_mapping
from proxy.policy.documents.fields import Model, around
from proxy.policy.terms import Route

Family = Literal["openai", "anthropic", "gemini", "ollama", "bedrock", "cohere", "vertex"]


def _speaks(routes: dict[Family, str], info: ValidationInfo) -> dict[Family, str]:
    if not routes:
        raise ValueError("is empty; name a model, or one for each family")
    for family, model in routes.items():
        spoken = around(info).names.models.families(model)
        if spoken and family not in spoken:
            raise Misfit((family,), f"{shown(model)} cannot be called in this dialect, only in {', '.join(spoken)}")
    return routes


RouteText = Annotated[
    Annotated[Model, Tag("<text>")] | Annotated[dict[Family, Model], AfterValidator(_speaks), Tag("<mapping>")],
    Discriminator(text_or_mapping),
    Field(description="A model name, or one for each family: {openai: …, anthropic: …}."),
]


class RouteShape(Shape):
    """``{route: …}`` as it stands below ``when_spent``."""

    route: RouteText


def route(written: str | dict[Family, str]) -> Route:
    """Give the compiled form."""
    return Route((("*", written),) if isinstance(written, str) else tuple(written.items()))
