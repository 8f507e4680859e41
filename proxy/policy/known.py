"""What a policy may name besides people: models and detectors. Gathered by whoever knows them and given to ``load``."""

from __future__ import annotations

from collections.abc import Callable

import msgspec


def _no_model(_: str) -> bool:
    return False


def _no_family(_: str) -> frozenset[str]:
    return frozenset()


class KnownModels(msgspec.Struct, frozen=True):
    """Models that somebody can call: by name where names can be listed, else by the patterns of their upstream."""

    names: frozenset[str] = frozenset()
    patterns: tuple[str, ...] = ()  # of upstreams whose models no table lists: "vllm/*"
    priced: Callable[[str], bool] = _no_model  # a name that the price table knows without listing it: dated ones
    served: Callable[[str], bool] = _no_model  # a name that goes somewhere, priced or not; good enough for a test
    families: Callable[[str], frozenset[str]] = _no_family  # dialects that a name can be called in, as far as known


class Known(msgspec.Struct, frozen=True):
    """Everything that exists outside the policies and the directory."""

    models: KnownModels = KnownModels()
    detectors: frozenset[str] = frozenset()  # of the pack: "secrets.aws-access-key", "pii.email"
