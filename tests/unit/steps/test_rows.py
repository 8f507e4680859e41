"""From a call to its row."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from proxy.domain.ask import Ask, Endpoint
from proxy.domain.decision import Decision
from proxy.domain.errors import (
    BadRequest,
    CallError,
    ClientGone,
    Forbidden,
    PolicyNote,
    QuotaSpent,
    Throttled,
    Unavailable,
    UpstreamFailed,
    UpstreamTimedOut,
)
from proxy.domain.meter import MeterKind, Unit
from proxy.domain.row import Outcome, Rank
from proxy.domain.usage import NO_USAGE, Usage, UsageSource
from proxy.steps.rows import charges, ending, open_row, refusal_row, unattributed
from tests.support.plans import (
    ANN,
    BUDGET,
    NOON,
    RATE,
    REQUEST_ID,
    make_call,
    make_draw,
    make_hold,
    make_plan,
    make_visit,
)
from tests.support.rules import FACTS

ENDINGS = [
    (None, 200, (Outcome.OK, 200, None)),
    (None, 399, (Outcome.OK, 399, None)),
    (None, 400, (Outcome.UPSTREAM_ERROR, 400, None)),
    (None, 529, (Outcome.UPSTREAM_ERROR, 529, None)),
    (UpstreamFailed("x"), 0, (Outcome.UPSTREAM_ERROR, 502, "upstream_error")),
    (UpstreamTimedOut("x"), 200, (Outcome.UPSTREAM_ERROR, 504, "upstream_timeout")),
    (Unavailable("x"), 200, (Outcome.PROXY_ERROR, 503, "unavailable")),
    (CallError("x", code="odd"), 0, (Outcome.PROXY_ERROR, 500, "odd")),
    (ClientGone(), 200, (Outcome.CLIENT_ABORT, 499, None)),
    (asyncio.CancelledError(), 0, (Outcome.CLIENT_ABORT, 499, None)),
    (KeyError("secret"), 200, (Outcome.PROXY_ERROR, 500, "proxy_error")),
]


@pytest.mark.parametrize(("error", "status", "expected"), ENDINGS)
def test_an_ending_has_an_outcome_a_status_and_a_code(
    error: BaseException | None, status: int, expected: tuple[Outcome, int, str | None]
) -> None:
    assert ending(error, status) == expected


@pytest.mark.parametrize("error", [UpstreamFailed("x"), UpstreamTimedOut("x"), QuotaSpent("x"), KeyError("x")])
def test_an_error_inside_a_stream_keeps_the_status_that_its_caller_saw(error: Exception) -> None:
    outcome, _, code = ending(error, 200)
    assert ending(error, 200, is_open=True) == (outcome, 200, code)


def test_every_meter_is_charged_in_its_own_unit_and_keeps_what_its_counter_needs() -> None:
    draws = [
        make_draw(Unit.NUSD, 500, key="a", kind=MeterKind.BUDGET, period_end=99),
        make_draw(Unit.TOKENS, 900, key="b", interval_us=7),
        make_draw(Unit.REQUESTS, 1, key="c"),
        make_draw(Unit.CALLS, 1, key="d", kind=MeterKind.PARALLEL),
    ]
    found = charges(draws, 123, Usage(input=10, output=5))
    assert [(charge.key, charge.amount) for charge in found] == [("a", 123), ("b", 15), ("c", 1), ("d", 1)]
    assert (found[0].period_end, found[1].interval_us, found[3].kind) == (99, 7, MeterKind.PARALLEL)


def test_a_call_that_used_nothing_counts_as_a_request_and_costs_nothing() -> None:
    found = charges([make_draw(Unit.NUSD), make_draw(Unit.TOKENS), make_draw(Unit.REQUESTS)], 0, NO_USAGE)
    assert [charge.amount for charge in found] == [0, 0, 1]


def test_an_open_row_is_what_a_sweeper_would_finish() -> None:
    plan = make_plan(BUDGET, RATE, call=make_call(ref="PAY-12", tags=(("a", "b"),), via="path"))
    row = open_row(plan, make_hold(plan).draws)
    assert (row.rank, row.outcome, row.attempt) == (Rank.OPEN, Outcome.PROXY_ERROR, 1)
    assert (row.request_id, row.principal, row.key_id, row.team) == (REQUEST_ID, "p_ann", "k_1", "growth")
    assert (row.ref, row.tags, row.via, row.client_request_id) == ("PAY-12", (("a", "b"),), "path", "theirs")
    assert (row.usage.input, row.usage.usage_source) == (400, UsageSource.ESTIMATED)
    assert (row.cost_nusd, row.held_nusd) == (2_000_000, 5_000_000)
    assert [charge.amount for charge in row.charges] == [2_000_000, 1]
    assert (row.facts, row.decision, row.generation, row.price_version) == (
        b'{"team":"growth"}', "d_7Kq2", "41c9e02", "v1",
    )  # fmt: skip
    assert ANN.user is not None
    assert ANN.user not in repr(row)


REFUSALS = [
    (BadRequest("x", code="invalid_json"), Outcome.DENIED, 400, "invalid_json"),
    (Forbidden("x"), Outcome.DENIED, 403, "policy_denied"),
    (QuotaSpent("x"), Outcome.DENIED, 429, "insufficient_quota"),
    (Throttled("x"), Outcome.THROTTLED, 429, "rate_limit_exceeded"),
    (Unavailable("x"), Outcome.PROXY_ERROR, 503, "unavailable"),
    (UpstreamFailed("x"), Outcome.UPSTREAM_ERROR, 502, "upstream_error"),
    (ClientGone(), Outcome.CLIENT_ABORT, 499, None),
    (ValueError("x"), Outcome.PROXY_ERROR, 500, "proxy_error"),
]


@pytest.mark.parametrize(("error", "outcome", "status", "code"), REFUSALS)
def test_a_refused_call_leaves_attempt_0_that_says_why(
    error: Exception, outcome: Outcome, status: int, code: str | None
) -> None:
    ask = Ask(Endpoint("openai.chat", "/v1/chat/completions", "/chat/completions"), "gpt-5.1", b"{}", stream=True)
    visit = make_visit(call=make_call(), ask=ask, decision=Decision("d_1", "g"))
    row = refusal_row(visit, error, 1.5)
    assert row is not None
    assert (row.attempt, row.rank, row.outcome, row.status, row.error) == (0, Rank.FINAL, outcome, status, code)
    assert (row.cost_nusd, row.held_nusd, row.charges, row.usage) == (0, 0, (), NO_USAGE)
    assert (row.model_requested, row.stream, row.decision, row.duration_ms) == ("gpt-5.1", True, "d_1", 1.5)
    assert (row.upstream, row.model) == (None, None)


def test_a_refusal_by_a_rule_leaves_what_was_decided_on_the_rule_and_its_words() -> None:
    note = PolicyNote("org/no", "d_1", owner="security@acme.example")
    visit = make_visit(call=make_call(), decision=Decision("d_1", "g"), decided=FACTS)
    row = refusal_row(visit, Forbidden("No.", policy=note), 1.5, ("refused 403  org/no",))
    assert row is not None
    assert (row.facts, row.refused, row.why) == (FACTS.canonical(), note, ("refused 403  org/no",))
    assert refusal_row(visit, Forbidden("No."), 1.5) == msgspec.structs.replace(row, refused=None, why=())


def test_a_request_that_was_never_understood_names_no_model() -> None:
    row = refusal_row(make_visit(call=make_call()), BadRequest("x"), 0.0)
    assert row is not None
    assert (row.model_requested, row.stream, row.decision) == ("", False, "")


def test_a_stranger_leaves_no_row() -> None:
    visit = make_visit()
    assert unattributed(visit) is None
    assert refusal_row(visit, BadRequest("x"), 0.0) is None


def test_a_caller_who_is_known_and_not_understood_is_booked_to_the_key_s_own_project() -> None:
    call = unattributed(make_visit(principal=ANN, endpoint="/v1/chat/completions"))
    assert call is not None
    assert (call.request_id, call.at, call.principal) == (REQUEST_ID, NOON, ANN)
    assert (call.attribution.team, call.attribution.project, call.attribution.via) == ("growth", "crm", "key")
    assert (call.dialect, call.endpoint, call.generation) == ("openai_chat", "/v1/chat/completions", "41c9e02")
