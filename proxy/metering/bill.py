"""Usage times rates, in millionths of a nano-dollar; whoever calls rounds once.

``input - cached_read - cache_write`` at the input price, then each subset at its own. Providers sometimes report more
in the subsets than in the whole; then every subset is billed, nothing is below zero, and the bill says so.
"""

from __future__ import annotations

from typing import Final

from proxy.domain.usage import Usage
from proxy.metering.rates import Rates, Scale

MILLION: Final = 1_000_000
LONGEST_S: Final = 1e9  # a duration above is not one


def bill_tokens(scale: Scale, usage: Usage) -> tuple[int, bool]:
    """What tokens and searches cost, and whether the report contradicted itself."""
    given = usage.input or 0
    made = usage.output or 0
    odd = given < 0 or made < 0
    if odd:
        given, made = max(given, 0), max(made, 0)
    rates = scale.at(given) if scale.steps else scale.base
    amount = given * rates.input + made * rates.output
    if (
        usage.cached_read
        or usage.cache_write
        or usage.cache_write_1h
        or (usage.audio_input and rates.audio_priced)
        or (usage.image_input and rates.image_priced)
    ):
        extra, strange = _input_extra(rates, usage, given)
        amount += extra
        odd = odd or strange
    if rates.parts_of_output:
        extra, strange = _output_extra(rates, usage, made)
        amount += extra
        odd = odd or strange
    if usage.web_searches:
        amount += max(usage.web_searches, 0) * rates.search
    return amount, odd


def bill_units(rates: Rates, usage: Usage) -> int:
    """What seconds, characters and pictures cost. Seconds come as a float from JSON; from here on they are whole µs."""
    amount = max(usage.characters or 0, 0) * rates.character + max(usage.images or 0, 0) * rates.image
    seconds = usage.seconds
    if seconds is not None and 0 < seconds < LONGEST_S:
        amount += half_even(round(seconds * MILLION) * rates.second, MILLION)
    return amount


def half_even(amount: int, parts: int) -> int:
    """Divide by an even number of ``parts`` and round to the nearest whole, ties to the even one."""
    whole, rest = divmod(amount + parts // 2, parts)
    return whole - 1 if rest == 0 and whole & 1 else whole


def _input_extra(rates: Rates, usage: Usage, given: int) -> tuple[int, bool]:
    read = usage.cached_read or 0
    hour = usage.cache_write_1h or 0
    write = usage.cache_write
    if write is None:
        write = hour + (usage.cache_write_5m or 0)
    audio = (usage.audio_input or 0) if rates.audio_priced else 0
    image = (usage.image_input or 0) if rates.image_priced else 0
    odd = min(read, write, hour, audio, image) < 0 or hour > write
    if odd:
        read, write, audio, image = max(read, 0), max(write, hour, 0), max(audio, 0), max(image, 0)
        hour = max(hour, 0)
    amount = 0
    over = read + write + audio + image - given
    if over > 0:
        # Cached sounds and pictures are counted in both subsets: bill them as cached.
        cached_audio = min(over, read, audio)
        cached_image = min(over - cached_audio, read - cached_audio, image)
        audio -= cached_audio
        image -= cached_image
        amount = cached_audio * rates.cached_audio_extra + cached_image * rates.cached_image_extra
        over -= cached_audio + cached_image
        odd = odd or over > 0
        amount += over * rates.input
    return (
        amount
        + read * rates.read_extra
        + write * rates.write_extra
        + hour * rates.hour_extra
        + audio * rates.audio_extra
        + image * rates.image_extra,
        odd,
    )


def _output_extra(rates: Rates, usage: Usage, made: int) -> tuple[int, bool]:
    parts = (
        (usage.audio_output or 0, rates.audio_output_extra),
        (usage.image_output or 0, rates.image_output_extra),
        (usage.reasoning or 0, rates.reasoning_extra),
    )
    priced = [(max(part, 0), extra) for part, extra in parts if extra]
    over = max(sum([part for part, _ in priced]) - made, 0)
    return sum([part * extra for part, extra in priced]) + over * rates.output, over > 0
