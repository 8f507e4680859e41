"""The shape of one entry of ``passthrough:``. An entry that does not say how it is metered is none."""

from __future__ import annotations

import re
from typing import Annotated, Self

from pydantic import BeforeValidator, PlainValidator, ValidationInfo, model_validator

from proxy.config.masking import shown
from proxy.config.passthrough import METHODS, USUAL, Entry, checked
from proxy.config.quantities import MILLION, as_text, price_nusd
from proxy.config.shape import Shape, one_of

_STEP = re.compile(r"[A-Za-z0-9_-]{1,64}")
_FLAT = re.compile(r"(\$?[0-9.]+) ?/ ?(call|unit|million)")
_TOKENS = ("input", "output")
_SHOWN = (*_TOKENS, "per_second", "per_character", "per_image")  # units that a figure in an answer can count
_UNITS = (*_SHOWN, "per_request")
_HELP = (
    "`price: $0.01/call` is a flat price and `price: $0/call` none; or `usage: usage.total_tokens` with "
    "`price: {input: 0.02}` for a million of them"
)
Rates = tuple[tuple[str, int], ...]
Places = tuple[tuple[str, tuple[str, ...]], ...]


def _path(value: object) -> str:
    return checked(as_text(value, "a path"))


def _method(value: object) -> str:
    return one_of(as_text(value, "a method").upper(), METHODS, "method")


def _place(value: object) -> tuple[str, ...]:
    text = as_text(value, "a place in a JSON body such as usage.total_tokens")
    steps = tuple(text.split("."))
    if not all(map(_STEP.fullmatch, steps)):
        raise ValueError(f"{shown(text)} is no place in a JSON body; write names with dots, such as usage.total_tokens")
    return steps


def _model(value: object) -> tuple[str, ...]:
    first, *rest = _place(value)
    if first != "body" or not rest:
        raise ValueError("wants the place in the request's JSON body that names the model, such as body.model")
    return tuple(rest)


def _usage(value: object) -> tuple[str, ...] | Places:
    """Places by unit, or the only one."""
    if not isinstance(value, dict):
        return _place(value)
    return tuple((one_of(str(unit), _SHOWN, "unit"), _place(place)) for unit, place in value.items())


def _price(value: object) -> Rates:
    """Rates by unit, as ``prices:`` of an upstream has them."""
    if isinstance(value, dict):
        return tuple((one_of(str(unit), _UNITS, "unit"), price_nusd(price)) for unit, price in value.items())
    text = as_text(value, "a price such as $0.01/call")
    found = _FLAT.fullmatch(text)
    if not found:
        raise ValueError(f"{shown(text)} is no price; {_HELP}")
    nusd = price_nusd(found[1])
    if found[2] == "call":
        return (("per_request", nusd),)
    return (("input", nusd * MILLION if found[2] == "unit" else nusd),)


class PassthroughShape(Shape):
    """Paths of one upstream that are passed on as they are."""

    upstream: Annotated[str, BeforeValidator(lambda value: as_text(value, "the name of an upstream"))]
    paths: tuple[Annotated[str, BeforeValidator(_path)], ...]
    methods: tuple[Annotated[str, BeforeValidator(_method)], ...] = USUAL
    model: Annotated[tuple[str, ...], PlainValidator(_model)] = ()
    usage: Annotated[tuple[str, ...] | Places, PlainValidator(_usage)] = ()
    price: Annotated[Rates, PlainValidator(_price)] = ()

    @model_validator(mode="after")
    def _is_metered(self, _: ValidationInfo) -> Self:
        """Refuse an entry whose calls could not be billed."""
        if not self.paths or not self.methods:
            raise ValueError("lets nothing through: name `paths`, such as [/v1/files, /v1/files/**]")
        if not self.price:
            raise ValueError(f"does not say how its calls are metered: {_HELP}")
        priced, shown_units = {unit for unit, _ in self.price} - {"per_request"}, {unit for unit, _ in self._places()}
        if priced != shown_units or (self.usage and not priced):
            raise ValueError(
                f"wants a `price` for what `usage` counts, and the other way round, unit for unit: {_HELP}"
            )
        return self

    def _places(self) -> Places:
        """By unit; a single place counts what is priced."""
        usage = self.usage
        if not usage or isinstance(usage[0], tuple):
            return tuple(pair for pair in usage if isinstance(pair, tuple))
        units = [unit for unit, _ in self.price if unit != "per_request"]
        return tuple((unit, tuple(map(str, usage))) for unit in units[:1])

    def entry(self, name: str) -> Entry:
        """Give the value that other rooms see."""
        return Entry(
            name=name,
            upstream=self.upstream,
            paths=self.paths,
            methods=self.methods,
            model=self.model,
            usage=self._places(),
            rates=self.price,
        )
