"""The terms under which keys are scored and explained: those of a rule that says little more than its mode."""

from __future__ import annotations

from proxy.domain.decision import Reuse


def terms(mode: str = "near", *, time_sensitive: bool = True, max_temperature: float | None = None) -> Reuse:
    """Terms of ``mode``; prompts that speak of now are taken like others unless told otherwise."""
    return Reuse(
        rule="",
        mode=mode,
        shadow=False,
        share="team",
        ttl_s=0.0,
        max_temperature=max_temperature,
        time_sensitive=time_sensitive,
        verify_millionths=0,
        volatile=(),
    )
