"""Pictures by openai-python with only its base URL and key changed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from proxy.domain.row import Row
from tests.support.running import RunningProxy
from tests.support.scripted import ScriptedUpstream
from tests.support.scripts import close, streamed, whole

UPSTREAM = """{{ dialect: openai, base_url: "{url}/v1", key: env:SCRIPTED_KEY, models: ["*"], aliases: {{ pics: gpt-image-2 }}, prices: [
    {{ match: "gpt-image-*", input: 5, image_input: 8, output: 10, image_output: 32 }},
    {{ match: "dall-e-3", per_image: 0.04, lanes: {{ hd: 2, hd 1024x1792: 3 }} }}, {{ match: "by-text", input: 1 }}] }}""".replace(
    "\n", " "
)
USAGE = {
    "total_tokens": 1_070,
    "input_tokens": 14,
    "output_tokens": 1_056,
    "input_tokens_details": {"text_tokens": 10, "image_tokens": 4},
}
PICTURE = "iVBORw0KGgo" * 100_000
PNG = ("hat.png", b"\x89PNG\r\n\x1a\n" + b"\0\r\n--b\r\n" * 1_000, "image/png")


def picture(number: int = 1, **more: Any) -> dict[str, Any]:
    return {"created": 1, "data": [{"b64_json": PICTURE}] * number, **more}


def event(kind: str, **more: Any) -> bytes:
    told = {"type": f"image_generation.{kind}", "created_at": 1, "size": "1024x1024", "quality": "medium", "background": "opaque",
            "output_format": "png", "b64_json": PICTURE, **more}  # fmt: skip
    return f"event: {told['type']}\ndata: {json.dumps(told)}\n\n".encode()


@pytest.fixture(scope="module")
def proxy(scripted: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    upstreams = {"openai": UPSTREAM.format(url=scripted.base_url)}
    with RunningProxy(tmp_path_factory.mktemp("home"), upstreams, env={"SCRIPTED_KEY": "provider-secret"}) as running:
        yield running


@pytest.fixture
def client(proxy: RunningProxy) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=proxy.base_url + "/v1", api_key=proxy.key, max_retries=0) as made:
        yield made


def row_of(proxy: RunningProxy, request_id: str | None) -> Row:
    assert request_id is not None
    return proxy.wait_rows(request_id=request_id)[-1]


def test_a_picture_is_held_by_its_size_and_billed_by_its_tokens(
    client: openai.OpenAI, proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    scripted.replies(whole(picture(usage=USAGE)))
    raw = client.images.with_raw_response.generate(
        model="gpt-image-1-mini", prompt="a hat", size="1024x1024", quality="medium"
    )
    data = raw.parse().data
    assert data is not None
    assert data[0].b64_json == PICTURE
    row = row_of(proxy, raw.headers["x-request-id"])
    # 10 text tokens at $5, 4 of a picture at $8, and all output, which the answer does not split, as pictures at $32
    assert row.cost_nusd == 10 * 5_000 + 4 * 8_000 + 1_056 * 32_000
    assert row.held_nusd >= 1_056 * 10_000
    assert (row.usage.images, row.usage.image_input, row.usage.image_output, row.usage.usage_source) == (
        1,
        4,
        1_056,
        "reported",
    )
    assert raw.headers["x-tally-usage"] == "reported"


def test_a_stream_of_pictures_passes_and_is_metered_at_its_end(
    client: openai.OpenAI, proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    before = len(proxy.rows())
    scripted.replies(streamed([event("partial_image", partial_image_index=0), event("completed", usage=USAGE)]))
    stream = client.images.generate(model="pics", prompt="a hat", stream=True, partial_images=1)
    assert [one.type for one in stream] == ["image_generation.partial_image", "image_generation.completed"]
    row = proxy.wait_rows(before + 1)[-1]
    assert (row.usage.input, row.usage.output, row.usage.image_output, row.stream) == (14, 1_056, 1_056, True)
    assert json.loads(scripted.seen[-1].body)["model"] == "gpt-image-2"


def test_a_stream_that_breaks_is_an_error_and_its_picture_is_booked(
    client: openai.OpenAI, proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    before = len(proxy.rows())
    scripted.replies(streamed([event("partial_image", partial_image_index=0)], every=0.05, then=close()))
    with pytest.raises(openai.APIError, match="openai"):
        list(
            client.images.generate(
                model="gpt-image-1-mini", prompt="a hat", size="1024x1024", quality="medium", stream=True
            )
        )
    row = proxy.wait_rows(before + 1)[-1]
    assert (row.outcome, row.usage.usage_source, row.usage.output) == ("upstream_error", "partial", 1_056)


def test_pictures_sold_by_the_piece_are_billed_by_number_and_quality(
    client: openai.OpenAI, proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    costs = []
    for size, quality in (("1024x1024", "standard"), ("1024x1024", "hd"), ("1024x1792", "hd")):
        scripted.replies(whole(picture(2)))
        raw = client.images.with_raw_response.generate(
            model="dall-e-3", prompt="a hat", n=2, size=size, quality=quality
        )  # type: ignore[call-overload]  # from a loop
        row = row_of(proxy, raw.headers["x-request-id"])
        costs.append((row.cost_nusd, row.held_nusd, row.usage.images, row.price_flag))
    assert costs == [
        (80_000_000, 80_000_000, 2, None),
        (160_000_000, 160_000_000, 2, None),
        (240_000_000, 240_000_000, 2, None),
    ]
    scripted.forget()
    with pytest.raises(openai.PermissionDeniedError, match="'1024x1792'"):
        client.images.generate(model="dall-e-3", prompt="a hat", size="1024x1792")
    with pytest.raises(openai.PermissionDeniedError, match="no price for output tokens"):
        client.images.generate(model="by-text", prompt="a hat")
    with pytest.raises(openai.BadRequestError, match="'n' is at most"):
        client.images.generate(model="dall-e-3", prompt="a hat", n=1_000_000)
    assert not scripted.seen


def test_a_form_of_pictures_passes_as_it_came_but_for_the_model(
    client: openai.OpenAI, proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    scripted.replies(whole(picture(2, usage={**USAGE, "output_tokens": 2_112})))
    raw = client.images.with_raw_response.edit(
        model="pics", image=[PNG, PNG], mask=PNG, prompt="a hat", n=2, size="1024x1024"
    )
    data = raw.parse().data
    assert data is not None
    assert len(data) == 2
    sent = scripted.seen[-1]
    assert sent.body.count(PNG[1]) == 3
    assert b"gpt-image-2" in sent.body
    assert b"pics" not in sent.body
    assert (sent.header("content-type") or "").startswith("multipart/form-data; boundary=")
    row = row_of(proxy, raw.headers["x-request-id"])
    assert (row.usage.output, row.usage.images, row.model_requested, row.edits) == (2_112, 2, "pics", ("model",))
    assert row.held_nusd >= 2 * 7_024 * 10_000
    with pytest.raises(openai.BadRequestError, match="'quality'"):
        client.images.edit(model="pics", image=PNG, prompt="a hat", quality="flex")  # type: ignore[call-overload]  # a tier
