"""Usage that an answer did not tell: what is booked when a stream died, a caller left or a provider keeps silent.

The floor is what can be proven: reported figures where there are some, else the estimate of the input and a count of
the text that was relayed. Hidden reasoning stays invisible; the row says ``partial`` or ``estimated``.
"""

from __future__ import annotations

import msgspec

from proxy.domain.usage import Usage, UsageSource


def is_whole(usage: Usage) -> bool:
    """True when the provider told everything: nothing needs to be counted."""
    return usage.usage_source is UsageSource.REPORTED and (usage.input is not None or usage.seconds is not None)


def completed(usage: Usage, input_estimate: int, counted_output: int) -> Usage:
    """Fill in what is missing. A reported number is never lowered; ``max(reported, counted)`` is booked for output.

    What a tap has estimated itself, from the length of a sound, stays an estimate.
    """
    if usage.input is None and usage.output is None:
        return msgspec.structs.replace(
            usage, input=input_estimate, output=counted_output, usage_source=UsageSource.ESTIMATED
        )
    return msgspec.structs.replace(
        usage,
        input=input_estimate if usage.input is None else usage.input,
        output=max(usage.output or 0, counted_output),
        usage_source=UsageSource.ESTIMATED if usage.usage_source is UsageSource.ESTIMATED else UsageSource.PARTIAL,
    )
