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


def hold(org: str, hold_id: str) -> str:
    """Hash: what a hold took, or the tombstone of one that was swept or finished."""
    return f"{{{org}}}:h:{hold_id}"


def void(org: str, hold_id: str) -> str:
    """Mark of a hold that was given up."""
    return f"{{{org}}}:void:{hold_id}"
