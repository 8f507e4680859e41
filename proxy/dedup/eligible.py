"""Whether the cache may speak of a request at all. What is not understood goes to the provider and is not stored."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from proxy.dedup.envelope import Sent
from proxy.dedup.requests import FORMATS
from proxy.dedup.requests.base import Bypass
from proxy.dedup.timeliness import is_time_sensitive
from proxy.domain.decision import Reuse

_ABSENT: Final = 1.0  # the temperature that all four formats document where a request names none
_LONGEST: Final = 1 << 15  # characters of all turns of a user; beyond, looking through them holds up other calls


def ineligible(sent: Sent, reuse: Reuse) -> str:
    """Why ``sent`` may be neither looked up nor stored under these terms, a value of ``Bypass``; empty where it may.

    A rule without ``max_temperature`` bypasses an explicit temperature above 0 and takes an absent one. A rule with it
    means every request: an absent temperature then counts as 1, the providers' default.
    """
    if reason := ruled_out(sent, reuse):
        return reason
    if not reuse.time_sensitive and _may_speak_of_now(FORMATS[sent.api].asked(sent.body)):
        return Bypass.TIME_SENSITIVE
    return ""


def ruled_out(sent: Sent, reuse: Reuse) -> str:
    """The same, without looking through its texts: a few microseconds, however long they are."""
    if reuse.mode == "off":
        return Bypass.OFF
    form = FORMATS.get(sent.api)
    path = sent.target.partition("?")[0]
    if form is None or not form.serves(path):
        return Bypass.DIALECT
    if reason := form.bypass(path, sent.body):
        return reason
    if _is_hot(form.sampling(sent.body).get("temperature"), reuse.max_temperature):
        return Bypass.TEMPERATURE
    return ""


def _may_speak_of_now(texts: Iterator[str]) -> bool:
    """Whether any of them does; so much text does somewhere, and is not looked through."""
    left = _LONGEST
    for text in texts:
        left -= len(text)
        if left < 0 or is_time_sensitive(text):
            return True
    return False


def _is_hot(temperature: Any, most: float | None) -> bool:
    if temperature is None:
        return most is not None and most < _ABSENT
    if type(temperature) not in (int, float):
        return True
    return not temperature <= (most or 0.0)
