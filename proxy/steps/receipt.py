"""What the caller is told beside the answer: our ``x-tally-*`` headers, and those of the upstream that may pass.

The upstream's rate limits describe the company's shared key and are not the caller's business; cookies, server names
and hop-by-hop fields end here. An allow-list, so that tomorrow's header is no leak.
"""

from __future__ import annotations

from proxy.domain.decision import Decision
from proxy.domain.meter import Held, Hold
from proxy.domain.money import format_usd
from proxy.domain.usage import UsageSource
from proxy.ports import Answer
from proxy.steps import cache_status
from proxy.steps.limit_headers import Pairs, header_text, limits
from proxy.steps.visit import Plan

PASSED = frozenset(
    {
        b"content-type", b"content-encoding", b"content-disposition", b"cache-control", b"retry-after",
        b"retry-after-ms", b"x-should-retry", b"openai-processing-ms", b"openai-version", b"openai-model",
        b"anthropic-version", b"x-gemini-service-tier", b"x-amzn-errortype", b"x-amzn-bedrock-content-type",
        b"x-amzn-bedrock-input-token-count", b"x-amzn-bedrock-output-token-count", b"x-amzn-bedrock-service-tier",
        b"x-amzn-bedrock-performanceconfig-latency",
    }
)  # fmt: skip
REQUEST_IDS = (
    b"x-request-id",
    b"request-id",
    b"x-ms-request-id",
    b"apim-request-id",
    b"x-goog-request-id",
    b"x-amzn-requestid",
)


def upstream_request_id(answer: Answer) -> str | None:
    """The upstream's own name for the exchange, from whichever header it uses."""
    for name, value in answer.headers:
        if name in REQUEST_IDS:
            return value.decode("latin-1")[:200]
    return None


def identity(request_id: str) -> Pairs:
    """Every answer of ours names its request, in both spellings that SDKs look for."""
    name = request_id.encode()
    return [(b"x-request-id", name), (b"request-id", name)]


def headers(
    plan: Plan,
    answer: Answer,
    hold: Hold | None,
    held: Held | None,
    *,
    is_unpacked: bool = False,
    is_stored: bool = False,
) -> Pairs:
    """The head of an answer that was forwarded, before its usage is known. ``is_unpacked``: it is compressed no more.

    ``is_stored``: it is kept for others.
    """
    pairs = identity(plan.call.request_id)
    named = False
    for name, value in answer.headers:
        if name in PASSED and not (is_unpacked and name == b"content-encoding"):
            pairs.append((name, value))
        elif name in REQUEST_IDS and not named:
            named = True
            pairs.append((b"x-upstream-request-id", value))
    pairs.append((b"x-tally-upstream", plan.upstream.name.encode()))
    pairs.extend(attempts(plan.number))
    pairs.extend(cache_status.pairs(plan.cached, is_stored=is_stored))
    pairs.extend(account(plan, plan.decision, hold, held))
    return pairs


def reused(plan: Plan, content_type: bytes, limited: Decision, hold: Hold | None, held: Held | None) -> Pairs:
    """The head of an answer that nobody was asked for. ``limited``: the decision, with what ``hold`` was taken for."""
    pairs = [*identity(plan.call.request_id), (b"content-type", content_type)]
    pairs.extend(cache_status.pairs(plan.cached))
    pairs.extend(account(plan, limited, hold, held))
    return pairs


def account(plan: Plan, decision: Decision, hold: Hold | None, held: Held | None) -> Pairs:
    """Who pays, where rules sent the call, and what its limits have left."""
    told = [(b"x-tally-attribution", attribution(plan)), *route(decision)]
    return told + limits(decision, plan.dialect.family, hold, held)


def attempts(number: int) -> Pairs:
    """How many upstreams were asked, where it was more than one."""
    return [(b"x-tally-attempts", str(number).encode())] if number > 1 else []


def cost(nusd: int, source: UsageSource) -> Pairs:
    """What a buffered answer cost; a stream's caller asks ``/v1/calls/{request_id}``."""
    return [(b"x-tally-cost-usd", format_usd(nusd).encode()), (b"x-tally-usage", source.encode())]


def saved(nusd: int) -> Pairs:
    """What a reused answer cost, and would have cost."""
    return [(b"x-tally-cost-usd", format_usd(0).encode()), (b"x-tally-saved-usd", format_usd(nusd).encode())]


def attribution(plan: Plan) -> bytes:
    """``team=growth project=crm ref=PAY-12 via=path``."""
    what = plan.call.attribution
    parts = [f"team={what.team}"]
    if what.project:
        parts.append(f"project={what.project}")
    if what.ref:
        parts.append(f"ref={what.ref}")
    parts.append(f"via={what.via}")
    return " ".join(parts).encode("latin-1", "replace")


def route(decision: Decision) -> Pairs:
    """``gpt-5.1 -> gpt-5-mini; rule=growth/cheaper``, where a rule sent the call to another model."""
    if (went := decision.route) is None:
        return []
    return [(b"x-tally-route", header_text(f"{went.asked} -> {went.model}; rule={went.rule}"))]
