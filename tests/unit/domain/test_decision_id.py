"""A decision's name leads back to its call."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.domain.decision_id import Sought, decision_id, sought

REQUEST = "0196a1f2-b3c4-7abc-9d3f-2a4b5c6d7e8f"


def test_it_is_the_time_and_the_end_of_the_request_s_id() -> None:
    assert decision_id(REQUEST) == "d_0196a1f2b3c44b5c6d7e8f"


@given(st.uuids(version=4).map(str))
def test_every_name_finds_its_request(request_id: str) -> None:
    found = sought(decision_id(request_id))
    assert found is not None
    assert request_id.startswith(found.begin)
    assert request_id.endswith(found.end)
    assert sought(request_id) == Sought(request_id, "")


@pytest.mark.parametrize(
    "name",
    ["", "d_", "d_7Kq2", "d_0196a1f2b3c44b5c6d7e8g", REQUEST.upper(), f"{REQUEST}0", "%", "0196a1f2-%", REQUEST[:-1]],
)
def test_other_names_lead_nowhere(name: str) -> None:
    assert sought(name) is None


@given(st.text())
def test_nothing_that_is_asked_for_breaks_it(name: str) -> None:
    found = sought(name)
    assert found is None or name.startswith("d_") or str(uuid.UUID(name)) == name
