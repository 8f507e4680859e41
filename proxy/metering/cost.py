"""The price of one model at one upstream: what a call did cost, will probably cost, and can cost at most.

Integers only: rates are nano-dollars per million units, a bill is rounded half-even once.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from proxy.domain.usage import ModelUsage, Usage, UsageSource
from proxy.metering.bill import LONGEST_S, MILLION, bill_tokens, bill_units, half_even
from proxy.metering.rates import TOKENS_IN, TOKENS_OUT, Rates, Scale

# Words of ``Cost.flag`` and of a row's ``price_flag``.
UNPRICED: Final = "unpriced"  # no price at all: nothing was booked
FREE_BY_CONFIG: Final = "unpriced_free"  # ``unpriced: free``
PRICED_BY_CONFIG: Final = "unpriced_price"  # ``unpriced: {input, output}``
SERVED_UNPRICED: Final = "served_unpriced"  # the model that answered has no price: billed as requested
USAGE_MISSING: Final = "usage_missing"  # the answer did not show what the price is for
USAGE_ODD: Final = "usage_odd"  # subsets larger than their whole, or numbers below zero
LANE_UNPRICED: Final = "lane_unpriced"  # the provider named a service tier that has no price: billed as standard

MOST_NUSD: Final = 2**53 - 1  # what a counter in the store can add exactly: nine million dollars for one call

_STANDARD: Final = frozenset({"", "default", "standard", "auto", "on_demand", "on-demand", "provisioned_throughput"})
_LANE_NAMES: Final = {"on_demand_priority": "priority", "on_demand_flex": "flex", "on_demand_batch": "batch"}
_CHARACTERS_PER_TOKEN: Final = 4
_EXPECTED_AUDIO_S: Final = 60
_TOKENS_PER_AUDIO_S: Final = 10  # as sound is estimated


class Cost(msgspec.Struct, frozen=True):
    """What an attempt is booked with."""

    nusd: int
    price_version: str = ""
    flag: str | None = None


@dataclass(frozen=True, slots=True)
class Price:
    """Rates of a model by lane. ``flag`` says when they are not the table's or the configuration's own for it."""

    model: str  # the table's id, or the configuration's
    version: str
    standard: Scale
    lanes: Mapping[str, Scale]
    units: frozenset[str]  # that have a rate above zero
    written: frozenset[str]  # that have a standard rate, be it zero
    flag: str | None = None

    def cost(self, usage: Usage, requests: int = 1) -> int:
        """Nano-dollars of a usage at this model's price, whatever models it names. Costs 1 µs."""
        amount, _ = self.amount(usage)
        nusd = half_even(amount + requests * self.standard.base.request, MILLION)
        return min(nusd, MOST_NUSD)

    def bill(self, usage: Usage, requests: int = 1) -> Cost:
        """The same with version and flag."""
        amount, flag = self.amount(usage)
        return self.booked(amount + requests * self.standard.base.request, flag)

    def amount(self, usage: Usage) -> tuple[int, str | None]:
        """Cost in millionths of a nano-dollar, not rounded, and what was odd about it. Without the fee per request."""
        scale, flag = self.standard, self.flag
        lane = usage.service_tier
        if lane is not None:
            scale, strange = self.lane(lane)
            flag = flag or strange
        amount, odd = bill_tokens(scale, usage)
        if scale.base.by_unit:
            amount += bill_units(scale.base, usage)
        if odd:
            flag = flag or USAGE_ODD
        if (not usage.input or scale.base.by_unit) and not self._shown(usage):
            flag = flag or USAGE_MISSING
            if not usage.input and 0 < (usage.seconds or 0) < LONGEST_S:  # sold by the token here, told in seconds
                amount += math.ceil(usage.seconds or 0) * _TOKENS_PER_AUDIO_S * scale.base.input
        return amount, flag

    def booked(self, amount: int, flag: str | None) -> Cost:
        """Round an amount, once."""
        nusd = half_even(amount, MILLION)
        return Cost(nusd, self.version, flag) if nusd <= MOST_NUSD else Cost(MOST_NUSD, self.version, USAGE_ODD)

    def expected(
        self, input_tokens: int, output_tokens: int, lane: str | None = None, *, pictures: int = 1, searches: int = 0
    ) -> int:
        """Nano-dollars that a call will probably cost; units that nobody can foresee are guessed."""
        scale = self.standard if lane is None else self.lane(lane)[0]
        rates = scale.at(input_tokens)
        amount = input_tokens * rates.input + output_tokens * rates.output
        amount += rates.request + pictures * rates.image + searches * rates.search
        seconds = 0 if rates.input else input_tokens // _TOKENS_PER_AUDIO_S  # all that goes in is sound
        amount += rates.second * max(seconds, _EXPECTED_AUDIO_S)
        amount += input_tokens * _CHARACTERS_PER_TOKEN * rates.character
        return min(half_even(amount, MILLION), MOST_NUSD)

    def ceiling(self, input_upper_tokens: int, output_ceiling: int | None, choices: int = 1) -> int | None:
        """Nano-dollars that a call cannot exceed, on any lane and any tier within its reach; None: nobody can say.

        ``output_ceiling`` holds for each choice. Searches by the provider are not foreseen.
        """
        worst = 0
        for scale in (self.standard, *self.lanes.values()):
            for rates in scale.within(input_upper_tokens):
                if rates.second or (output_ceiling is None and rates.dearest_output):
                    return None
                worst = max(worst, _most(rates, input_upper_tokens, output_ceiling or 0, choices))
        return min(-(-worst // MILLION), MOST_NUSD)

    def lane(self, name: str) -> tuple[Scale, str | None]:
        """Find the scale of a service tier; an unknown one is billed as standard, and flagged."""
        lane = name.lower()
        lane = _LANE_NAMES.get(lane, lane)
        scale = self.lanes.get(lane)
        if scale is not None:
            return scale, None
        return self.standard, None if lane in _STANDARD else LANE_UNPRICED

    def _shown(self, usage: Usage) -> bool:
        """Tell whether the usage shows anything that this price is for; True also where nothing was used."""
        if not self.units or (usage.usage_source is UsageSource.NONE and not usage.complete):
            return True
        units = self.units
        if units <= {"per_request"}:
            return True
        if usage.seconds is not None:  # reported, and not only taken from the length of a file
            if usage.usage_source is UsageSource.ESTIMATED:
                return False
            if not (usage.input or usage.output):
                return "per_second" in units
        return (
            (usage.input is not None and not units.isdisjoint(TOKENS_IN))
            or (usage.output is not None and not units.isdisjoint(TOKENS_OUT))
            or (usage.seconds is not None and "per_second" in units)
            or (usage.images is not None and "per_image" in units)
            or (usage.characters is not None and "per_character" in units)
        )


def as_usage(part: ModelUsage, whole: Usage) -> Usage:
    """The share of one model as a usage of its own, on the lane of the whole."""
    return Usage(
        input=part.input,
        output=part.output,
        cached_read=part.cached_read,
        cache_write=part.cache_write,
        cache_write_5m=part.cache_write_5m,
        cache_write_1h=part.cache_write_1h,
        image_input=part.image_input,
        image_output=part.image_output,
        service_tier=whole.service_tier,
        complete=True,
    )


def _most(rates: Rates, input_upper: int, output_ceiling: int, choices: int) -> int:
    amount = input_upper * rates.dearest_input + output_ceiling * choices * rates.dearest_output
    # A token is at least one character of the bound, which counts bytes.
    return amount + rates.request + input_upper * rates.character + choices * rates.image
