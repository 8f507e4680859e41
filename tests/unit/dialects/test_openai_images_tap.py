"""Usage out of answers that are pictures."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.dialects.openai_images_tap import ImagesTap
from proxy.domain.ask import Ask, Endpoint
from proxy.domain.usage import Usage, UsageSource
from tests.support.recorded import cuts, differences, fed, read_both, recorded

ENDPOINT = Endpoint("openai.images", "/v1/images/generations", "/images/generations")
PICTURE = "iVBORw0KGgo" * 30_000
FIGURES = {
    "total_tokens": 1_150,
    "input_tokens": 90,
    "output_tokens": 1_060,
    "input_tokens_details": {"text_tokens": 10, "image_tokens": 80},
}
SPLIT = {**FIGURES, "output_tokens_details": {"image_tokens": 1_056, "text_tokens": 4}}


def asked(number: int = 1, likely: int | None = 1_056, lane: str | None = None) -> Ask:
    return Ask(ENDPOINT, "gpt-image-1", b"", choices=number, likely_output=likely, service_tier=lane)


def body(number: int, **more: Any) -> dict[str, Any]:
    return {"created": 1, "data": [{"b64_json": PICTURE}] * number, **more}


def read(value: Any, ask: Ask) -> Usage:
    tap = ImagesTap(ask)
    tap.body(json.dumps(value).encode())
    return tap.finish()


def event(kind: str, **more: Any) -> bytes:
    # As OpenAI documents it: the picture stands before the figures.
    told = {"type": kind, "created_at": 1, "size": "1024x1024", "quality": "medium", "b64_json": PICTURE, **more}
    return f"event: {kind}\ndata: {json.dumps(told)}\n\n".encode()


PARTIAL = event("image_generation.partial_image", partial_image_index=0)
COMPLETED = event("image_generation.completed", usage=FIGURES)
EXCHANGES = [
    {
        "name": "body",
        "stream": False,
        "response": body(1, usage=SPLIT),
        "expected": {"input": 90, "output": 1_060, "image_input": 80, "image_output": 1_056, "total_reported": 1_150, "images": 1,
                     "complete": True, "usage_source": "reported"},
    },
    {
        "name": "stream",
        "stream": True,
        "response": (PARTIAL + PARTIAL + COMPLETED).decode(),
        "expected": {"input": 90, "output": 1_060, "image_input": 80, "image_output": 1_060, "images": 1, "complete": True,
                     "usage_source": "reported"},
    },
]  # fmt: skip

UNCOUNTED: list[dict[str, Any]] = [
    {
        "name": "links",
        "stream": False,
        "response": {"created": 1, "data": [{"url": "https://x"}, {"url": "https://y"}]},
        "expected": {"input": None, "output": None, "model": None, "complete": True, "usage_source": "none"},
    },
    *recorded("openai.images"),
]


@pytest.mark.parametrize("exchange", EXCHANGES, ids=lambda one: one["name"])
@given(places=cuts(1_000_000))
def test_figures_behind_megabytes_of_pictures_are_found_in_any_split(
    exchange: dict[str, Any], places: list[int]
) -> None:
    for tap in read_both(exchange, lambda: ImagesTap(asked()), places, crlf=False):
        assert tap.finish() == tap.finish()
        assert differences(exchange, tap.finish()) == {}
        assert tap.relayed_text() == ""


@pytest.mark.parametrize("exchange", UNCOUNTED, ids=lambda one: one["name"])
@given(places=cuts(2_000))
def test_recorded_pictures_without_figures_are_counted(exchange: dict[str, Any], places: list[int]) -> None:
    for tap in read_both(exchange, lambda: ImagesTap(asked(2, None)), places, crlf=False):
        assert differences(exchange, tap.finish()) == {}
        assert tap.finish().images == len(exchange["response"]["data"])


def test_several_pictures_of_a_stream_are_figures_to_be_added() -> None:
    usage = fed(ImagesTap(asked(2)), COMPLETED + PARTIAL + COMPLETED, []).finish()
    assert (usage.input, usage.output, usage.image_output, usage.images) == (180, 2_120, 2_120, 2)
    assert (usage.complete, usage.usage_source) == (True, UsageSource.REPORTED)


@pytest.mark.parametrize(
    ("data", "output", "given_input"),
    [
        (b"", 2_112, None),
        (PARTIAL, 2_112, None),
        (PARTIAL[:2_000], 2_112, None),
        (COMPLETED, 1_060 + 1_056, 90),
        (COMPLETED + PARTIAL, 1_060 + 1_056, 90),
    ],
)
def test_pictures_that_were_begun_and_did_not_arrive_are_booked_as_asked(
    data: bytes, output: int, given_input: int | None
) -> None:
    tap = ImagesTap(asked(2))
    tap.feed(data)
    usage = tap.finish()
    assert (usage.output, usage.input, usage.complete, usage.usage_source) == (
        output,
        given_input,
        False,
        UsageSource.PARTIAL,
    )


def test_a_stream_that_the_provider_ended_with_an_error_is_not_booked_beyond_its_figures() -> None:
    failing = b'event: error\ndata: {"type":"error","error":{"code":"moderation_blocked"}}\n\n'
    usage = fed(ImagesTap(asked(2)), PARTIAL + failing, []).finish()
    assert (usage.output, usage.images, usage.complete, usage.usage_source) == (None, 0, False, UsageSource.NONE)
    usage = fed(ImagesTap(asked(2)), COMPLETED + failing, []).finish()
    assert (usage.output, usage.complete, usage.usage_source) == (1_060, False, UsageSource.PARTIAL)


def test_while_a_stream_passes_it_costs_what_was_asked_for_and_not_its_bytes() -> None:
    tap = ImagesTap(asked(2))
    tap.feed(PARTIAL)
    assert tap.output_so_far() == 2_112
    assert ImagesTap(asked(2, None)).output_so_far() == 0


def test_pictures_sold_by_the_piece_are_counted_in_their_lane() -> None:
    usage = read(body(2), asked(2, None, "hd"))
    assert (usage.images, usage.service_tier, usage.input, usage.usage_source, usage.complete) == (
        2,
        "hd",
        None,
        UsageSource.NONE,
        True,
    )
    assert read({"created": 1, "data": [{"url": "https://x"}]}, asked(1, None)).images == 1
    broken = ImagesTap(asked(3, None, "hd"))
    broken.body(b'{"created":1,"data":[{"b64_json":"iVBO')
    assert (broken.finish().images, broken.finish().complete) == (3, False)


def test_pictures_of_a_model_that_counts_are_booked_by_their_size_when_its_figures_are_missing() -> None:
    usage = read(body(2), asked(2))
    assert (usage.output, usage.images, usage.usage_source) == (2_112, 2, UsageSource.PARTIAL)


def test_the_model_that_draws_the_lines_is_a_share_of_its_own() -> None:
    drawn = {
        "model": "gpt-5.6-sol",
        "input_tokens": 500,
        "output_tokens": 3_000,
        "reasoning_tokens": 100,
        "total_tokens": 3_500,
    }
    usage = read(body(1, usage=SPLIT, svg_usage=drawn), asked())
    assert (usage.input, usage.output) == (590, 4_060)
    shares = [
        (share.model, share.input, share.output, share.image_input, share.image_output) for share in usage.by_model
    ]
    assert shares == [("gpt-image-1", 90, 1_060, 80, 1_056), ("gpt-5.6-sol", 500, 3_000, None, None)]


@pytest.mark.parametrize("garbage", ["x", -1, True, 10**30, 1.5, [], {}, None])
def test_what_cannot_be_a_count_was_not_reported(garbage: Any) -> None:
    for name in ("output_tokens", "input_tokens_details", "total_tokens", "output_tokens_details"):
        assert read(body(1, usage={**SPLIT, name: garbage}), asked()).input == 90
    assert read(body(1, usage={**SPLIT, "input_tokens": garbage}), asked()).usage_source is UsageSource.PARTIAL


NAMES = st.sampled_from(["data", "usage", "type", "error", "input_tokens", "output_tokens", "image_tokens", "input_tokens_details",
                         "svg_usage", "model", "b64_json", "image_generation.completed"])  # fmt: skip
TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


@given(TREES, st.binary(max_size=40), st.sampled_from([None, 7]))
def test_nothing_that_a_server_sends_raises(value: Any, rest: bytes, likely: int | None) -> None:
    text = json.dumps(value).encode()
    whole = ImagesTap(asked(2, likely))
    whole.body(text + rest)
    streamed = fed(
        ImagesTap(asked(2, likely)), b'data: {"type":"x.completed","usage":' + text + b"}\n\ndata: " + text + rest, []
    )
    for tap in (whole, streamed):
        tap.finish()
        tap.output_so_far()
        tap.relayed_text()
