"""How many input tokens a request will have: counted where that is cheap, learned where it is not.

One estimator serves every hold. It is exact for texts up to 8 KB; longer ones are bytes times a learned ratio, unless
the caller has them counted in a thread because the answer decides. Its ``Estimate`` carries numbers only, so that
learning from the settled call does not keep a prompt alive.
"""

from __future__ import annotations

from math import isfinite
from typing import Any, Final

import msgspec
import tiktoken

from proxy.domain.ask import Features
from proxy.domain.usage import Usage, UsageSource
from proxy.metering.calibrate import Calibration, Regressors
from proxy.metering.count import count
from proxy.metering.media import MediaPrice, media_price
from proxy.metering.vocab import Vocabulary, encoding_name

EXACT_BYTES: Final = 8_192  # counted on the loop: 0.2 ms
_TOOL_BYTES_PER_TOKEN: Final = 4
_SURE_AFTER: Final = 64  # reports
_MOST_TOKENS: Final = 10**9  # a report above is a fault
_SANE_WEIGHT: Final = 1e6  # tokens; a dump that says more is damaged
# What a vendor wraps around a request, at most: an upper bound must also hold for "hi", whose overhead is all its cost.
_WRAP_REQUEST, _WRAP_MESSAGE, _WRAP_TOOLS = 128, 16, 2_048


class Estimate(msgspec.Struct, frozen=True):
    """What a hold needs before the call, and what learning needs after it: numbers, no text."""

    input_tokens: int
    upper_tokens: int  # no tokenizer gives more
    text_tokens: int
    tool_tokens: int
    messages: int
    text_bytes: int
    counted: bool  # False: text_tokens is bytes times a ratio
    media: bool  # pictures, sounds or files: their share cannot be told from the text's

    def regressors(self, text_tokens: float) -> Regressors:
        """Give the calibration its row of features."""
        return (text_tokens, self.tool_tokens, self.messages, 1.0, 1.0 if self.tool_tokens else 0.0)


class Model(msgspec.Struct):
    """What is known of one model at one upstream."""

    encoding: str  # by name: it may be loaded later
    media: MediaPrice
    calibration: Calibration
    asked: int = 0
    lessons: int = 0  # reports heard, learnt from or not


class Estimator:
    """The calibrations of one worker, by upstream and model; the least recently used are forgotten beyond ``limit``."""

    __slots__ = ("_limit", "_models", "_vocabulary")

    def __init__(self, vocabulary: Vocabulary, limit: int = 512) -> None:
        self._vocabulary = vocabulary
        self._limit = limit
        self._models: dict[tuple[str, str], Model] = {}

    def estimate(
        self, upstream: str, model: str, features: Features, text_tokens: int | None = None, *, exact: bool = True
    ) -> Estimate:
        """Estimate the input of a request. ``text_tokens``: the texts' tokens where the caller had them counted.

        ``exact`` counts texts up to ``EXACT_BYTES``; without it that is done only until the model is known, and now and
        then afterwards: the vocabulary is 50 MB that push everything else of a call out of the processor's cache.
        """
        known = self._model(upstream, model)
        counted = True
        if text_tokens is None:
            known.asked += 1
            exact = exact or known.lessons <= _SURE_AFTER or not known.asked & 15
            if exact and features.text_bytes <= EXACT_BYTES:
                encoding = self._vocabulary.get(known.encoding)
                text_tokens = sum([count(text, encoding) for text in features.texts])
            else:
                counted = False
                text_tokens = int(features.text_bytes * known.calibration.ratio)
        tool_tokens = features.tools_bytes // _TOOL_BYTES_PER_TOKEN
        row = (text_tokens, tool_tokens, features.messages, 1.0, 1.0 if tool_tokens else 0.0)
        tokens = int(known.calibration.predict(row) + 0.5)
        media = known.media
        has_media = bool(features.images or features.media_bytes)
        if has_media:
            tokens += features.images * media.image_typical + features.media_bytes // media.bytes_per_token
        return Estimate(
            tokens,
            max(tokens, _upper_bound(features, media)),
            text_tokens,
            tool_tokens,
            features.messages,
            features.text_bytes,
            counted,
            has_media,
        )

    def learn(self, upstream: str, model: str, estimate: Estimate, usage: Usage) -> None:
        """Compare with what the provider reported. Only its final word on text and tools teaches; the rest is ignored."""
        reported = usage.input
        if (
            reported is None
            or not 0 < reported < _MOST_TOKENS
            or usage.usage_source is not UsageSource.REPORTED
            or estimate.media
            or usage.web_searches  # what a server's tools read is in its input, and not in ours
            or usage.tool_prompt
            or usage.audio_input
            or usage.image_input
            or usage.by_model
        ):
            return
        known = self._model(upstream, model)
        known.lessons += 1
        # Once it knows a model, most reports confirm what was expected: one in sixteen of those keeps it honest.
        if (
            known.lessons > _SURE_AFTER
            and abs(estimate.input_tokens - reported) * 50 <= reported
            and known.lessons & 15
        ):
            return
        calibration = known.calibration
        row = estimate.regressors(estimate.text_tokens)
        if estimate.counted:
            calibration.learn(row, reported)
        else:
            calibration.learn_ratio(row, estimate.text_bytes, reported)

    def encoding(self, model: str) -> tiktoken.Encoding:
        """Give the encoding that counts for a model, for those who count by themselves."""
        return self._vocabulary.get(encoding_name(model))

    def dump(self) -> list[list[Any]]:
        """Give what was learned as JSON values, the least recently used model first."""
        return [[*key, list(known.calibration.weights), known.calibration.ratio] for key, known in self._models.items()]

    def load(self, dumped: object) -> int:
        """Take up what ``dump`` gave; returns how many models were understood. What is damaged is left out."""
        taken = 0
        for item in dumped if isinstance(dumped, list) else []:
            try:
                upstream, model, weights, ratio = msgspec.convert(item, tuple[str, str, Regressors, float])
            except msgspec.ValidationError:
                continue
            if all(isfinite(value) and abs(value) < _SANE_WEIGHT for value in weights) and 0.0 < ratio <= 1.0:
                self._model(upstream, model).calibration = Calibration(weights, ratio)
                taken += 1
        return taken

    def _model(self, upstream: str, model: str) -> Model:
        key = (upstream, model)
        known = self._models.pop(key, None)
        if known is None:
            known = Model(encoding_name(model), media_price(model), Calibration())
            if len(self._models) >= self._limit:
                del self._models[next(iter(self._models))]
        self._models[key] = known  # the end of the dict is the most recently used
        return known


def _upper_bound(features: Features, media: MediaPrice) -> int:
    """Count what a request cannot exceed: a token is at least a byte of text; pictures at their family's maximum."""
    wrap = _WRAP_REQUEST + _WRAP_MESSAGE * features.messages + (_WRAP_TOOLS if features.tools_bytes else 0)
    return features.text_bytes + features.tools_bytes + wrap + features.images * media.image_most + features.media_bytes
