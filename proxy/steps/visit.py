"""A visit is the little state of one walk that grows from step to step; a plan is what stands when the steps are done."""

from __future__ import annotations

from dataclasses import dataclass, field

from proxy.dedup.key import FormsOf, forms_of
from proxy.dialects.base import Dialect
from proxy.domain.ask import Ask, Outgoing
from proxy.domain.call import Call
from proxy.domain.decision import Decision
from proxy.domain.principal import Principal
from proxy.domain.upstream import Upstream
from proxy.metering.estimate import Estimate
from proxy.policy.draws import Amounts
from proxy.policy.facts import Facts
from proxy.policy.levels import Reading
from proxy.ports import Reply, Request
from proxy.steps.cache_status import OFF, CacheStatus
from proxy.steps.generation import Generation
from proxy.steps.screened import Screened
from proxy.steps.upload import Upload
from proxy.steps.upload_heard import Heard


@dataclass(slots=True)
class Visit:
    """What is known of a call so far; ``call`` and ``ask`` are None until their steps were taken."""

    request: Request
    reply: Reply
    request_id: str
    at: float  # unix seconds
    began: float  # monotonic seconds
    generation: Generation
    dialect: Dialect  # writes the errors, also for paths that nobody knows
    read_at: float  # monotonic, when the body was complete: our own work is measured from here
    endpoint: str = ""  # the client's path as the table of routes has it; empty for paths that nobody knows
    principal: Principal | None = None
    call: Call | None = None
    ask: Ask | None = None
    upload: Upload | None = None  # a body that is not kept
    heard: Heard | None = None  # the texts of such a body, once rules had to look through them
    screened: Screened | None = None  # the prompt, once rules have looked through it
    decision: Decision | None = None
    spent: frozenset[str] = frozenset()  # budgets that had no room and gave way: they no longer refuse this call
    facts: Facts | None = field(default=None, repr=False)  # as first decided, once rules sent it to other upstreams
    decided: Facts | None = field(default=None, repr=False)  # what `decision` was made of
    refused_on: tuple[Reading, ...] = ()  # meters as the store told them when it refused, with its clock
    refused_at_us: int = 0
    why: tuple[str, ...] = ()  # set by a refusal that explains itself; else the decision is explained
    tried: int = 0  # holds of the attempt at hand that were given up
    cached: CacheStatus = OFF
    forms: FormsOf = field(default=forms_of, repr=False)  # of what the call asks
    rowed: bool = False  # an attempt was made and has left its row
    attempts: int = 0  # that were made
    counted: bool = False  # among the calls that its scopes made lately
    last_piece: bytes = field(default=b"", repr=False)  # that the caller was sent of a stream
    opened: bool = False  # the head of a stream is out: an error must now travel inside it

    @property
    def is_spent(self) -> bool:
        """Nobody else can be asked: the body went to an upstream as it came, and is kept nowhere."""
        return self.upload is not None and self.upload.is_spent


@dataclass(frozen=True, slots=True)
class Plan:
    """An attempt that is about to be made: everything it, its row and its settlement need."""

    call: Call
    ask: Ask
    dialect: Dialect
    upstream: Upstream
    model: str  # the upstream's own name of the model
    estimate: Estimate
    amounts: Amounts
    facts_json: bytes  # canonical, for the row
    price_version: str
    decision: Decision
    max_output: int | None  # clamps the request's own ceiling; None leaves it as it is
    number: int = 1  # of the attempt
    screened: Screened | None = None  # the prompt, where rules have looked through it
    cached: CacheStatus = OFF
    made: Outgoing | None = field(default=None, repr=False)  # the request, where it was made already

    def headers(self, request: Request) -> list[tuple[bytes, bytes]]:
        """The caller's headers that may go on to its upstream."""
        also = self.ask.endpoint.headers
        return request.forwardable(self.upstream.forward_headers | also if also else self.upstream.forward_headers)

    def outgoing(self) -> Outgoing:
        """The request for its upstream."""
        if self.made is not None:
            return self.made
        out = self.dialect.outgoing(self.ask, self.upstream, self.model, self.max_output)
        return out if self.screened is None else self.screened.outgoing(out)
