"""Pairs of prompts: whether the second may be answered with the first one's answer."""

from __future__ import annotations

from proxy.dedup.canonical import canonical


def are_twins(one: str, other: str, *, beside: str = "") -> bool:
    """Tell whether two prompts have the same canonical form."""
    first, second = canonical(one, beside=beside), canonical(other, beside=beside)
    return (first.tag, first.text) == (second.tag, second.text)
