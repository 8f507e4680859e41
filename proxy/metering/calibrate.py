"""What a model adds to the tokens of its texts, learned from the input that its provider reports.

Overhead is additive (roles, preambles, tool schemas), so a learned ratio would be worse than nothing. Recursive least
squares on five features learns both: [text tokens, tool tokens, messages, 1, has tools]. Errors are weighed relative
to the size of the request, so that one long prompt does not outvote a hundred short ones. Used for holds, never for
settled money.

The arithmetic is written out, without loops and arrays: it runs once per call.
"""

from __future__ import annotations

from math import isfinite, sqrt
from typing import Final

FORGETTING: Final = 0.98
PRIOR: Final = (1.0, 1.0, 3.0, 3.0, 0.0)  # OpenAI's: 3 tokens a message, 3 to begin the answer
PRIOR_RATIO: Final = 0.25  # tokens per byte of a text that is too long to be counted
# How far from the prior a model may be, as standard deviations of the weights: Anthropic's preamble for tools has 350
# to 700 tokens, Llama's on Groq 690; its newest tokenizer counts 1.4 times o200k.
_VARIANCE: Final = (0.04, 0.25, 16.0, 3_600.0, 160_000.0)
_COVARIANCE: Final = (_VARIANCE[0], 0.0, 0.0, 0.0, 0.0, _VARIANCE[1], 0.0, 0.0, 0.0, _VARIANCE[2], 0.0, 0.0,
                      _VARIANCE[3], 0.0, _VARIANCE[4])  # fmt: skip
_INFLATION: Final = sqrt(1 / FORGETTING)
_LOW, _HIGH = 0.5, 4.0  # the calibrated estimate against the prior's, at most …
_PREAMBLE: Final = 1_024.0  # … but for so many tokens, which a vendor's tool preamble adds to the smallest prompt too
_NOISE: Final = 0.03  # how far a report lies from any line, relative to its size
_SMALLEST: Final = 100.0  # tokens: errors of smaller requests count as if they had so many
_SURPRISE: Final = 4.0  # standard deviations: a report further off moves the weights no more than this
_DOUBT: Final = 2.0  # how much less sure such a report makes
_RATIO_STEP: Final = 0.1
_RATIO_LOW, _RATIO_HIGH = 0.02, 1.0

Regressors = tuple[float, float, float, float, float]


def plain(row: Regressors) -> float:
    """Input tokens as the prior sees them."""
    return row[0] + row[1] + 3.0 * row[2] + 3.0 * row[3]


class Calibration:
    """Weights of one model at one upstream; ``_p`` is the upper triangle of their covariance: how unsure they are."""

    __slots__ = ("_p", "ratio", "weights")

    def __init__(self, weights: Regressors = PRIOR, ratio: float = PRIOR_RATIO) -> None:
        self.weights = weights
        self.ratio = ratio
        self._p = _COVARIANCE

    def predict(self, row: Regressors) -> float:
        """Input tokens, kept within reason: see ``_LOW``, ``_HIGH`` and ``_PREAMBLE``."""
        a, b, c, d, e = row
        u, v, w, x, y = self.weights
        prior = a + b + 3.0 * c + 3.0 * d
        learned = u * a + v * b + w * c + x * d + y * e
        if learned < _LOW * prior:
            return _LOW * prior
        return min(learned, max(_HIGH * prior, prior + _PREAMBLE))

    def learn(self, row: Regressors, reported: int) -> None:
        """One step of recursive least squares; a report beyond all reason is pulled to the edge of reason first."""
        a, b, c, d, e = row
        aa, ab, ac, ad, ae, bb, bc, bd, be, cc, cd, ce, dd, de, ee = self._p
        u, v, w, x, y = self.weights
        prior = plain(row)
        target = min(max(reported, 0.5 * _LOW * prior), 2.0 * (_HIGH * prior + _PREAMBLE))
        size = _NOISE * max(prior, _SMALLEST)
        pa = aa * a + ab * b + ac * c + ad * d + ae * e
        pb = ab * a + bb * b + bc * c + bd * d + be * e
        pc = ac * a + bc * b + cc * c + cd * d + ce * e
        pd = ad * a + bd * b + cd * c + dd * d + de * e
        pe = ae * a + be * b + ce * c + de * d + ee * e
        explained = a * pa + b * pb + c * pc + d * pd + e * pe
        total = FORGETTING * size * size + explained
        surprise = target - (u * a + v * b + w * c + x * d + y * e)
        most = _SURPRISE * sqrt(max(total, 0.0))
        # One absurd report must not throw the weights about; if the next ones say the same, it was no error.
        growth = _INFLATION if -most <= surprise <= most else _DOUBT
        step = min(max(surprise, -most), most) / total
        weights = (u + pa * step, v + pb * step, w + pc * step, x + pd * step, y + pe * step)
        if explained < 0.0 or not isfinite(sum(weights)):
            self._p = _COVARIANCE  # rounding has eaten the covariance: begin anew from the weights we have
            return
        self.weights = weights
        ka, kb, kc, kd, ke = pa / total, pb / total, pc / total, pd / total, pe / total
        aa, bb, cc, dd, ee = aa - ka * pa, bb - kb * pb, cc - kc * pc, dd - kd * pd, ee - ke * pe
        va, vb, vc, vd, ve = _VARIANCE
        fa, fb, fc = _inflated(aa, va, growth), _inflated(bb, vb, growth), _inflated(cc, vc, growth)
        fd, fe = _inflated(dd, vd, growth), _inflated(ee, ve, growth)
        self._p = (
            aa * fa * fa, (ab - ka * pb) * fa * fb, (ac - ka * pc) * fa * fc, (ad - ka * pd) * fa * fd,
            (ae - ka * pe) * fa * fe, bb * fb * fb, (bc - kb * pc) * fb * fc, (bd - kb * pd) * fb * fd,
            (be - kb * pe) * fb * fe, cc * fc * fc, (cd - kc * pd) * fc * fd, (ce - kc * pe) * fc * fe,
            dd * fd * fd, (de - kd * pe) * fd * fe, ee * fe * fe,
        )  # fmt: skip

    def learn_ratio(self, row: Regressors, text_bytes: int, reported: int) -> None:
        """From a text too long to be counted: what remains when everything else is taken off is the text's."""
        rest = self.predict((0.0, *row[1:]))
        tokens = (reported - rest) / max(self.weights[0], _LOW)
        ratio = min(max(tokens / text_bytes, _RATIO_LOW), _RATIO_HIGH)
        self.ratio += _RATIO_STEP * (ratio - self.ratio)


def _inflated(variance: float, bound: float, growth: float) -> float:
    """How much a weight's uncertainty grows while time passes: by forgetting, but never beyond the prior's.

    Without a bound it grows for ever in what the samples do not touch (wind-up): after a thousand equal requests one
    different request would throw all weights about. Scaling rows and columns alike keeps the matrix a covariance.
    """
    return growth if variance * growth * growth < bound else sqrt(bound / variance)
