"""``find: [secrets, pii.email, acme-internal-token]`` into detectors."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from proxy.policy.content.detector import Detector


def choose(detectors: Sequence[Detector], find: Iterable[str]) -> tuple[Detector, ...]:
    """The detectors that a rule asks for: by group, by full name, or by name alone. All that share a name are chosen.

    Raises ``ValueError`` with the nearest known word where nothing has that name.
    """
    wanted: set[Detector] = set()
    for asked in find:
        chosen = [each for each in detectors if asked in (each.group, each.full_name, each.name)]
        if not chosen:
            known = {word for each in detectors for word in (each.group, each.full_name, each.name)}
            near = difflib.get_close_matches(asked, sorted(known), 1)
            raise ValueError(
                f"no detector is named {asked!r}; "
                + (
                    f"did you mean {near[0]}?"
                    if near
                    else "name a group, secrets or pii, or a detector, such as pii.email"
                )
            )
        wanted.update(chosen)
    return tuple(each for each in detectors if each in wanted)
