"""Which upstreams serve a model: an exact name or alias before a pattern, and among equals the first in the file."""

from __future__ import annotations

import difflib
import fnmatch
import re
from collections.abc import Sequence

from proxy.domain.upstream import Upstream

_CACHED = 4096  # models of one family; names come from callers, so the cache must have an end
_LONGEST = 256
_NEAR = 3
_SPECIAL = re.compile(r"[*?\[]")


class Routes:
    """An index over the upstreams of one configuration. Answers are cached; equal questions get equal answers."""

    def __init__(self, upstreams: Sequence[Upstream]) -> None:
        self.upstreams = tuple(upstreams)
        # fnmatch.translate makes a pattern without backtracking over `*`; joined they would clash by group names.
        self._globs = [
            (upstream, [re.compile(fnmatch.translate(glob)) for glob in upstream.models if is_pattern(glob)])
            for upstream in self.upstreams
        ]
        self._found: dict[tuple[str, str], tuple[Upstream, ...]] = {}

    def candidates(self, family: str, model: str) -> tuple[Upstream, ...]:
        """Return every upstream that serves ``model``, in the order in which to try them."""
        known = self._found.get((family, model))
        if known is None:
            known = self._search(family, model)
            if len(self._found) >= _CACHED:
                self._found.clear()
            if len(model) <= _LONGEST:
                self._found[family, model] = known
        return known

    def names_near(self, model: str) -> tuple[str, ...]:
        """Return up to three configured names or patterns that look like ``model``, best first, for a 404's hint."""
        names = {_SPECIAL.split(glob)[0] or glob: glob for upstream in self.upstreams for glob in upstream.models}
        names |= {alias: alias for upstream in self.upstreams for alias, _ in upstream.aliases}
        wanted = model[:_LONGEST].lower()
        near = difflib.get_close_matches(wanted, names, _NEAR, 0.5)
        # "gpt-5.1" is nothing like "claude-3" but much like "gpt-": compare beginnings with beginnings too.
        starts = [stem for stem in names if difflib.SequenceMatcher(None, wanted[: len(stem)], stem).ratio() > 0.7]  # noqa: PLR2004 - by trial
        return tuple(dict.fromkeys(names[stem] for stem in [*near, *starts] if names[stem] != "*"))[:_NEAR]

    def _search(self, family: str, model: str) -> tuple[Upstream, ...]:
        if not model or len(model) > _LONGEST:
            return ()
        exact = [upstream for upstream in self.upstreams if upstream.dialect == family and _names(upstream, model)]
        by_glob = [
            upstream
            for upstream, globs in self._globs
            if upstream.dialect == family and upstream not in exact and any(glob.match(model) for glob in globs)
        ]
        return (*exact, *by_glob)


def _names(upstream: Upstream, model: str) -> bool:
    """Whether the configuration names this very model at the upstream, itself or as an alias."""
    return model in upstream.models or any(alias == model for alias, _ in upstream.aliases)


def is_pattern(name: str) -> bool:
    """Whether an entry of ``models`` is a pattern rather than a name."""
    return _SPECIAL.search(name) is not None
