"""The upstreams of a configuration, those that are off for want of their key included.

A policy must not be wrong on the machines that have no keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from proxy.config.loader import load_settings
from proxy.config.look import Look
from proxy.domain.upstream import Upstream

# Of a variable that is not set: good as a key, and as the address of a store.
_UNSET = "embedded"


class _Assumed(dict[str, str]):
    """An environment in which every secret is set, so that no upstream is off."""

    def get(self, name: str, default: str | None = None) -> str | None:  # type: ignore[override]  # narrower on purpose
        """Give a stand-in for what is not set; our own switches stay as they are."""
        return super().get(name) or (default if name.startswith("TALLYGATE_") else _UNSET)


def every_upstream(source: Path, environ: Mapping[str, str], look: Look | None = None) -> tuple[Upstream, ...]:
    """List them, as ``look`` sees the files. Raises ``ConfigError``."""
    return load_settings(source, _Assumed(environ), look).upstreams
