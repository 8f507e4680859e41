"""What stands beside an answer."""

from __future__ import annotations

import msgspec
import pytest

from proxy.domain.decision import Decision, Routed
from proxy.domain.meter import HoldState, Level
from proxy.domain.usage import UsageSource
from proxy.ports import Headers
from proxy.steps import receipt
from tests.support.plans import BUDGET, RATE, REQUEST_ID, held, make_call, make_hold, make_plan


class Head:
    """An upstream's answer, as far as its head goes."""

    status = 200
    coding = b""

    def __init__(self, *headers: tuple[bytes, bytes]) -> None:
        self.headers: Headers = headers

    async def read(self) -> bytes:
        return b""

    async def piece(self) -> bytes:
        return b""

    def arrived(self, most: int) -> bytes:
        return b""[:most]

    def close(self) -> None: ...


def admitted(*levels: Level) -> dict[bytes, list[bytes]]:
    """The headers about limits, for a plan that held a budget and a rate."""
    plan = make_plan(msgspec.structs.replace(BUDGET, warn_at=(80_000_000_000,)), RATE)
    pairs = receipt.headers(plan, Head(), make_hold(plan), held(*levels, state=HoldState.ADMITTED))
    return {name: [value for key, value in pairs if key == name] for name, _ in pairs}


def test_every_answer_names_its_request_in_both_spellings() -> None:
    name = REQUEST_ID.encode()
    assert receipt.headers(make_plan(), Head(), None, None)[:2] == [(b"x-request-id", name), (b"request-id", name)]


def test_only_headers_of_the_list_pass() -> None:
    sent = ((b"content-type", b"text/x"), (b"set-cookie", b"c"), (b"x-ratelimit-limit-tokens", b"9"), (b"x-new", b"n"))
    pairs = receipt.headers(make_plan(), Head(*sent), None, None)
    assert [(name, value) for name, value in pairs if (name, value) in sent] == [(b"content-type", b"text/x")]


@pytest.mark.parametrize("name", receipt.REQUEST_IDS)
def test_the_upstream_s_own_name_is_kept_once_under_ours(name: bytes) -> None:
    answer = Head((name, b"first"), (b"content-type", b"x"), (b"request-id", b"second"))
    pairs = receipt.headers(make_plan(), answer, None, None)
    assert [value for key, value in pairs if key == b"x-upstream-request-id"] == [b"first"]
    assert receipt.upstream_request_id(answer) == "first"


def test_an_upstream_without_a_name_has_none() -> None:
    assert receipt.upstream_request_id(Head((b"content-type", b"x"))) is None


def test_an_endless_name_is_cut_and_any_byte_is_text() -> None:
    assert receipt.upstream_request_id(Head((b"x-request-id", b"\xff" * 500))) == "\xff" * 200


def test_what_is_left_of_a_budget_is_said_with_its_reset_and_a_rate_is_no_budget() -> None:
    found = admitted(Level(over=False, level=1_000_000_000), Level(over=False, level=10))
    assert found[b"x-tally-budget"] == [b"config/budget remaining=$99.00 resets=2026-11-24T00:00:00+00:00"]
    assert b"x-tally-warning" not in found


@pytest.mark.parametrize(
    ("level", "warning"),
    [
        (79_000_000_000, []),
        (80_000_000_000, [b"config/budget at 80%"]),
        (99_990_000_000, [b"config/budget at 99%"]),
        (200_000_000_000, [b"config/budget is spent: $200.00 of $100.00, now in its grace"]),
    ],
)
def test_a_limit_that_is_nearly_used_up_is_warned_of(level: int, warning: list[bytes]) -> None:
    assert admitted(Level(over=False, level=level), Level(over=False, level=0)).get(b"x-tally-warning", []) == warning


def test_limits_that_are_kept_locally_are_said_to_be() -> None:
    plan = make_plan(BUDGET)
    answer = held(Level(over=False, level=0), state=HoldState.ADMITTED, local=True)
    pairs = receipt.headers(plan, Head(), make_hold(plan), answer)
    assert (b"x-tally-warning", b"limits are kept locally: the store is away") in pairs
    assert b"x-tally-budget" not in dict(pairs)  # what others spend meanwhile is not known here


def test_what_a_buffered_answer_cost_is_said_to_the_microdollar() -> None:
    assert receipt.cost(4_231_000, UsageSource.REPORTED) == [
        (b"x-tally-cost-usd", b"0.004231"),
        (b"x-tally-usage", b"reported"),
    ]


@pytest.mark.parametrize(
    ("attribution", "text"),
    [
        ({"project": None}, b"team=growth via=key"),
        ({"ref": "PAY-12", "via": "path"}, b"team=growth project=crm ref=PAY-12 via=path"),
        ({"ref": "caf\u00e9/\u4e2d", "via": "header"}, b"team=growth project=crm ref=caf\xe9/? via=header"),
    ],
)
def test_the_attribution_is_one_line_of_latin_1(attribution: dict[str, str | None], text: bytes) -> None:
    assert receipt.attribution(make_plan(call=make_call(**attribution))) == text


def test_a_call_that_was_sent_to_another_model_says_by_which_rule() -> None:
    routed = Routed("growth/cheaper", "gpt-5-mini", "gpt-5.1")
    plan = make_plan(decision=Decision("d_7Kq2", "41c9e02", route=routed))
    found = dict(receipt.headers(plan, Head(), None, None))
    assert found[b"x-tally-route"] == b"gpt-5.1 -> gpt-5-mini; rule=growth/cheaper"
    assert b"x-tally-route" not in dict(receipt.headers(make_plan(), Head(), None, None))
