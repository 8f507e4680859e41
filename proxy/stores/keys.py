"""Names of an org's keys in the store. All start with the hash tag ``{org}``, so that one org lives in one slot.

Meter keys are not made here: they come complete in a ``Draw``.
"""

from __future__ import annotations


def open_holds(org: str) -> str:
    """Sorted set: hold id to lease expiry in ms."""
    return f"{{{org}}}:open"


def applied(org: str) -> str:
    """Hash: journal to the last entry counted."""
    return f"{{{org}}}:applied"


def never(org: str) -> str:
    """A key that is never written: while a slot moves, the engine refuses whoever names a key that it does not have.

    So a script that declares this one does not run while some keys of its org have left and others have not (TRYAGAIN and
    ASK in the Redis cluster specification). Scripts that declare a new hold or its void mark need no more.
    """
    return f"{{{org}}}:never"


def hold(org: str, hold_id: str) -> str:
    """Hash: what a hold took, or the tombstone of one that was swept or finished."""
    return f"{{{org}}}:h:{hold_id}"


def void(org: str, hold_id: str) -> str:
    """Mark of a hold that was given up."""
    return f"{{{org}}}:void:{hold_id}"


def usage(org: str, scope: str) -> str:
    """Hash: bucket of time to what the scope did in it."""
    return f"{{{org}}}:u:{scope}"


def ladder(org: str, rule: str, scope: str) -> str:
    """Since when (unix seconds) a ladder's condition holds in a scope."""
    return f"{{{org}}}:w:{rule}:{scope}"


def prints(org: str, team: str) -> str:
    """Hash: buckets of what a team asked lately, as keyed prints."""
    return f"{{{org}}}:p:{team}"


def repeats(org: str, team: str, day: str) -> str:
    """Hash: what a team's day had of repeats; ``day`` as 2026-11-23."""
    return f"{{{org}}}:r:{day}:{team}"


def mark(org: str, name: str) -> str:
    """Mark of something that is told once."""
    return f"{{{org}}}:once:{name}"


def org_of(key: str) -> str:
    """The org of any key of ours."""
    return key[1 : key.index("}")]
