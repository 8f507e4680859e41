"""What cannot be a name was not reported."""

from __future__ import annotations

import pytest

from proxy.dialects.reported import named, worded


def test_a_name_is_printable_and_of_a_length_that_fits_a_row() -> None:
    assert named({"model": "m" * 256}, "model") == "m" * 256


@pytest.mark.parametrize("name", ["", "m" * 257, "gpt\n5", "gpt\x1b[31m", "\u202egpt", "\ud800", 5, None, ["gpt"]])
def test_what_cannot_be_a_name_was_not_reported(name: object) -> None:
    assert named({"model": name}, "model") is None


def test_text_may_be_long_and_have_lines() -> None:
    assert worded({"text": "line\n" * 1_000}, "text") == "line\n" * 1_000
    assert worded({"text": ""}, "text") is None
