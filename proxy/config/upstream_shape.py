"""The shape of one entry of ``upstreams:`` and what the domain makes of it."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, ValidationInfo

from proxy.config.base_url import base_url
from proxy.config.masking import shown
from proxy.config.price_shape import Prices, Unpriced
from proxy.config.quantities import as_text, whole
from proxy.config.references import SecretReference, surroundings
from proxy.config.shape import PositiveDuration, Shape, Switch, one_of, text_or_mapping
from proxy.config.upstream_choice import Aliases, BreakerShape, Parallel, QueueShape, Weight
from proxy.domain.upstream import Timeouts, Upstream

FAMILIES = ("openai", "anthropic", "gemini", "ollama", "bedrock", "cohere", "vertex")
# Headers that frame a message, carry credentials or name hosts are ours to write.
_OURS = {"authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie", "host", "connection", "content-length", "transfer-encoding", "te", "trailer", "upgrade", "expect", "baggage"}  # fmt: skip
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")


class TimeoutsShape(Shape):
    """``idle`` is the longest silence between two pieces of an answer."""

    connect: PositiveDuration = 5.0
    first_byte: PositiveDuration = 600.0
    idle: PositiveDuration = 60.0


class DrainMaxShape(Shape):
    """How long an answer nobody waits for is read on."""

    max: PositiveDuration = 30.0


class DisconnectShape(Shape):
    """``{drain: {max: 30s}}``."""

    drain: DrainMaxShape


def _disconnect_word(value: object) -> str:
    return one_of(as_text(value, "cancel or drain"), ("cancel", "drain"), "answer to a caller who left")


def _family(value: object) -> str:
    return one_of(as_text(value, "a dialect"), FAMILIES, "dialect")


def _header(value: object) -> str:
    text = as_text(value, "the name of a header")
    if not _TOKEN.fullmatch(text):
        raise ValueError(f"{shown(text)} is not the name of a header")
    return text.lower()


def _forwarded(value: object) -> str:
    name = _header(value)
    if name in _OURS or name.startswith(("x-tally-", "proxy-")):
        raise ValueError(f"{shown(name)} is never forwarded")
    return name


def _status(value: object) -> int:
    status = whole(value)
    if not 400 <= status <= 599:  # noqa: PLR2004 - what HTTP calls errors (RFC 9110, 15.5 and 15.6)
        raise ValueError(f"{status} is not an error status from 400 to 599")
    return status


def _glob(value: object) -> str:
    text = as_text(value, "a model name or pattern")
    if not text or len(text) > 256 or not text.isprintable():  # noqa: PLR2004 - longer than any model's name
        raise ValueError(f"{shown(text)} is not a model name or pattern such as gpt-*")
    return text


def _ca_file(value: object, info: ValidationInfo) -> str:
    text = as_text(value, "a path")
    path = surroundings(info).path(text)
    if not path.is_file():
        raise ValueError(f"there is no file {shown(text)}")
    return str(path)


Status = Annotated[int, BeforeValidator(_status)]
Forwarded = Annotated[str, BeforeValidator(_forwarded)]
Glob = Annotated[str, BeforeValidator(_glob)]
OnDisconnect = Annotated[
    Annotated[str, BeforeValidator(_disconnect_word), Tag("<text>")] | Annotated[DisconnectShape, Tag("<mapping>")],
    Discriminator(text_or_mapping),
]


class UpstreamShape(Shape):
    """A model endpoint."""

    dialect: Annotated[str, BeforeValidator(_family)]
    base_url: Annotated[str, BeforeValidator(base_url)]
    key: SecretReference | None = None
    auth_header: Annotated[str, BeforeValidator(_header)] | None = None
    query: dict[str, str] = Field(default_factory=dict)
    models: tuple[Glob, ...] = ("*",)
    strip_prefix: str = ""
    aliases: Aliases = Field(default_factory=dict)
    weight: Weight | None = None
    prices_from: str | None = None
    prices: Prices = ()
    unpriced: Unpriced = "deny"
    timeouts: TimeoutsShape = TimeoutsShape()
    failover_on: tuple[Status, ...] = (429, 500, 502, 503, 529)
    on_disconnect: OnDisconnect = "cancel"
    stream_usage: Literal["inject", "native", "never"] = "inject"
    trust_served_model: Switch = True
    max_connections: Parallel = 512
    parallel: Parallel | None = None
    queue: QueueShape = QueueShape()
    breaker: BreakerShape = BreakerShape()
    forward_headers: tuple[Forwarded, ...] = ()
    ca_file: Annotated[str, BeforeValidator(_ca_file)] | None = None

    def upstream(self, name: str) -> Upstream:
        """Give the domain's value."""
        drain = self.on_disconnect.drain.max if isinstance(self.on_disconnect, DisconnectShape) else 30.0
        is_cancel = self.on_disconnect == "cancel"
        return Upstream(
            name=name,
            dialect=self.dialect,
            base_url=self.base_url,
            key=self.key.secret if self.key else None,
            auth_header=self.auth_header,
            query=tuple(self.query.items()),
            models=tuple(self.models),
            strip_prefix=self.strip_prefix,
            aliases=tuple(self.aliases.items()),
            weight=self.weight,
            prices_from=self.prices_from,
            prices=tuple(price.override() for price in self.prices),
            unpriced=self.unpriced if isinstance(self.unpriced, str) else "price",
            unpriced_rates=() if isinstance(self.unpriced, str) else self.unpriced.rates(),
            timeouts=Timeouts(self.timeouts.connect, self.timeouts.first_byte, self.timeouts.idle),
            failover_on=frozenset(self.failover_on),
            on_disconnect="cancel" if is_cancel else "drain",
            drain_s=0.0 if is_cancel else drain,
            stream_usage=self.stream_usage,
            trust_served_model=self.trust_served_model,
            max_connections=self.max_connections,
            queue=self.queue.queue(self.parallel),
            breaker=self.breaker.rule(),
            forward_headers=frozenset(self.forward_headers),
            ca_file=self.ca_file,
        )
