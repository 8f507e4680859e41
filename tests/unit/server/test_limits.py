"""Limits as the configuration sets them."""

from __future__ import annotations

from proxy.config import settings
from proxy.server.limits import Limits, from_settings


def test_the_configured_limits_are_those_of_the_listener() -> None:
    limits = from_settings(
        settings.Limits(body_bytes=1, header_timeout_s=2, body_timeout_s=3, body_rate_bytes=4, in_flight=5, queue=6)
    )
    assert (limits.body_bytes, limits.head_s, limits.body_s, limits.body_floor) == (1, 2, 3, 4)
    assert (limits.in_flight, limits.queue) == (5, 6)


def test_both_sides_have_the_same_defaults_but_for_uploads_which_a_bare_listener_does_not_expect() -> None:
    assert from_settings(settings.Limits(upload_bytes=0)) == Limits()
    assert from_settings(settings.Limits()).most_bytes == 512 << 20
    assert Limits().most_bytes == Limits().body_bytes
