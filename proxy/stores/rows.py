"""Draws and charges as the scripts read them: flat MessagePack rows, whose layout ``scripts/common.lua`` tells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from proxy.domain.meter import Charge, Draw, MeterKind, Unit

EXACT: Final = 2**53  # Lua counts in doubles: whole numbers beyond this would lose digits

_KINDS: Final = (MeterKind.BUDGET, MeterKind.RATE, MeterKind.PARALLEL, MeterKind.GRANT)
_UNITS: Final = (Unit.NUSD, Unit.REQUESTS, Unit.TOKENS, Unit.CALLS)
_KIND: Final = {kind: code for code, kind in enumerate(_KINDS)}
_UNIT: Final = {unit: 4 * code for code, unit in enumerate(_UNITS)}
_ENFORCED: Final = 16
_DRAW_WIDTH: Final = 7

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode


def pack_draws(draws: Sequence[Draw]) -> bytes:
    """The rows of a hold. Raises ``ValueError`` for an amount that the scripts could not count exactly."""
    flat: list[Any] = []
    for draw in draws:
        if not (0 <= draw.amount <= EXACT and 0 <= draw.limit <= EXACT and 0 <= draw.interval_us <= EXACT):
            raise ValueError(f"{draw.key}: amounts must lie between 0 and 2^53")
        code = _KIND[draw.kind] + _UNIT[draw.unit] + (_ENFORCED if draw.enforce else 0)
        flat += (draw.key, code, draw.amount, draw.limit, draw.interval_us, draw.period_start, draw.period_end)
    return _encode(flat)


def unpack_draws(rows: bytes) -> tuple[Draw, ...]:
    """The draws of a hold as the store kept them; rule names are not kept."""
    flat = _decode(rows)
    draws = []
    for i in range(0, len(flat), _DRAW_WIDTH):
        key, code, amount, limit, interval_us, period_start, period_end = flat[i : i + _DRAW_WIDTH]
        draws.append(
            Draw(
                key=key,
                kind=_KINDS[code % 4],
                unit=_UNITS[code // 4 % 4],
                amount=amount,
                limit=limit,
                interval_us=interval_us,
                period_start=period_start,
                period_end=period_end,
                enforce=code >= _ENFORCED,
            )
        )
    return tuple(draws)


def pack_charges(charges: Sequence[Charge]) -> bytes:
    """The rows of a settlement. Raises ``ValueError`` for an amount that the scripts could not count exactly."""
    flat: list[Any] = []
    for charge in charges:
        if not -EXACT <= charge.amount <= EXACT:
            raise ValueError(f"{charge.key}: {charge.amount} is beyond 2^53")
        flat += (charge.key, _KIND[charge.kind], charge.amount, charge.interval_us, charge.period_end)
    return _encode(flat)
