"""What a picture is expected to cost, by what was asked of it."""

from __future__ import annotations

import pytest

from proxy.dialects.openai_pictures import expected_tokens, lane_of
from proxy.domain.errors import BadRequest


@pytest.mark.parametrize(
    ("model", "quality", "size", "partial", "likely", "most"),
    [
        ("gpt-image-1", "low", "1024x1024", 0, 272, 272),
        ("gpt-image-1-mini", "medium", "1024x1536", 2, 1784, 1784),
        ("azure/gpt-image-1", "high", "1536x1024", 0, 6208, 6208),
        ("gpt-image-1", "", "", 0, 6240, 6240),  # the model may choose the best and the largest
        ("gpt-image-1", "auto", "1024x1024", 0, 4160, 4160),
        ("gpt-image-1", "low", "512x512", 0, 408, None),
        ("gpt-image-1.5", "low", "1024x1024", 0, 272, None),  # writes text as well
        ("chatgpt-image-latest", "medium", "1024x1024", 0, 1056, None),
        ("gpt-image-2", "high", "1024x1024", 0, 7024, None),
        ("gpt-image-2", "high", "1536x1024", 0, 5488, None),
        ("gpt-image-2", "high", "1792x1024", 0, 5063, None),
        ("gpt-image-2", "high", "3584x2048", 0, 12329, None),
        ("gpt-image-2", "low", "960x720", 0, 130, None),
        ("gpt-image-2-2026-04-21", "low", "976x704", 3, 429, None),
        ("gpt-image-2.6-flare", "max", "auto", 0, 7024, None),
        ("pictures", "", "", 0, 7024, None),
        ("dall-e-3", "hd", "1024x1024", 0, None, None),
    ],
)
def test_tokens_follow_model_quality_and_size(
    model: str, quality: str, size: str, partial: int, likely: int | None, most: int | None
) -> None:
    expected = expected_tokens(model, quality, size, partial)
    assert (expected.likely, expected.most) == (likely, most)


@pytest.mark.parametrize(
    ("quality", "size", "lane"),
    [
        ("", "", None),
        ("standard", "1024x1024", None),
        ("auto", "auto", None),
        ("hd", "1024x1024", "hd"),
        ("standard", "1024x1792", "1024x1792"),
        ("hd", "1792x1024", "hd 1792x1024"),
        ("", "1k", "1k"),
    ],
)
def test_a_picture_sold_by_the_piece_has_a_lane_of_its_quality_and_size(
    quality: str, size: str, lane: str | None
) -> None:
    assert lane_of(quality, size) == lane


@pytest.mark.parametrize(
    ("quality", "size"),
    [("batch", ""), ("", "flex"), ("on_demand_batch", ""), ("a b", ""), ("", "x" * 33), ("hd\n", "")],
)
def test_a_service_tier_cannot_be_had_by_calling_it_a_quality(quality: str, size: str) -> None:
    with pytest.raises(BadRequest) as refused:
        lane_of(quality, size)
    assert refused.value.param == ("quality" if quality else "size")
