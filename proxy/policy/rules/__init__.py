"""One file per verb. To add one: write its file, and give it its line here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from proxy.policy.rules import (
    budget,
    cache,
    deny,
    inspect,
    models,
    parallel,
    rate,
    request,
    require,
    route,
    waste,
)
from proxy.policy.saying import Bound, Say, Saying


class Verb(msgspec.Struct, frozen=True):
    """A word of the language. ``bind`` takes the rule with its ground, and the verb's own terms."""

    name: str
    bind: Callable[[Bound, Any], Saying | Say]


VERBS: Final = (
    Verb("models", models.bind),
    Verb("require", require.bind),
    Verb("request", request.bind),
    Verb("deny", deny.bind),
    Verb("inspect", inspect.bind),
    Verb("route", route.bind),
    Verb("cache", cache.bind),
    Verb("waste", waste.bind),
    Verb("budget", budget.bind),
    Verb("rate", rate.bind),
    Verb("parallel", parallel.bind),
)
