"""Facts hold what rules and rows can read, whatever a caller sent."""

from __future__ import annotations

from proxy.steps.stated import _legible
from tests.support.plans import FixedRequest


def test_a_user_agent_that_is_no_text_is_kept_legible_and_short() -> None:
    request = FixedRequest(headers={"user-agent": "curl/8\udcff" + "x" * 500})
    assert _legible(request.header("user-agent")) == "curl/8?" + "x" * 121
    assert _legible(None) == ""
