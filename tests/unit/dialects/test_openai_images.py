"""Requests for pictures: what is read of them, and how their forms are passed on."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.dialects.openai_images import OpenAIImages
from proxy.domain.ask import Ask
from proxy.domain.errors import BadRequest, Forbidden
from proxy.domain.upstream import Upstream

DIALECT = OpenAIImages()
OPENAI = Upstream("openai", "openai", "https://api.openai.com/v1")
AZURE = Upstream("az", "openai", "https://r.openai.azure.com", query=(("api-version", "1"),))
ASKED: dict[str, Any] = {"model": "gpt-image-1-mini", "prompt": "a sea otter"}
EDITS = "/v1/images/edits"
FORM = {"content-type": "multipart/form-data; boundary=b"}


def understood(members: dict[str, Any], path: str = "/v1/images/generations") -> Ask:
    match = DIALECT.match("POST", path)
    assert match is not None
    return DIALECT.understand(match, json.dumps(members).encode(), "", {})


def form(*parts: tuple[str, str]) -> bytes:
    """A form of fields; those whose name ends with [] or is image or mask are files."""
    text = ""
    for name, value in parts:
        file = '; filename="a.png"' if name in ("image", "image[]", "mask") else ""
        text += f'--b\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n{value}\r\n'
    return f"{text}--b--\r\n".encode()


def received(data: bytes, path: str = EDITS, pieces: int = 1) -> Ask:
    match = DIALECT.match("POST", path)
    assert match is not None
    intake = DIALECT.intake(match, FORM, len(data))
    step = -(-len(data) // pieces)
    for start in range(0, len(data), step):
        intake.feed(data[start : start + step])
    intake.finish()
    return DIALECT.received(match, intake, "", {})


def test_a_request_tells_how_much_its_pictures_will_be() -> None:
    ask = understood({**ASKED, "n": 3, "size": "1024x1536", "quality": "Medium", "stream": True, "partial_images": 1})
    assert (ask.choices, ask.likely_output, ask.max_output, ask.stream) == (3, 1_684, 1_684, True)
    assert (ask.features.texts, ask.features.messages, ask.service_tier) == (("a sea otter",), 1, "medium 1024x1536")
    assert ask.endpoint.clamps  # the size is the ceiling: none is written
    assert not understood({**ASKED, "model": "gpt-image-2"}).endpoint.clamps


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"prompt": "x"}, "model"),
        ({"model": "m"}, "prompt"),
        ({**ASKED, "n": 0}, "n"),
        ({**ASKED, "n": 65}, "n"),
        ({**ASKED, "n": "2"}, "n"),
        ({**ASKED, "partial_images": 17}, "partial_images"),
        ({**ASKED, "size": 1024}, "size"),
        ({**ASKED, "quality": "batch"}, "quality"),
        ({**ASKED, "stream": "yes"}, "stream"),
    ],
)
def test_what_cannot_be_understood_is_refused_by_its_name(members: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest) as refused:
        understood(members)
    assert refused.value.param == param


def test_targets_follow_the_upstream_and_only_the_model_is_edited() -> None:
    ask = understood(ASKED)
    out = DIALECT.outgoing(ask, OPENAI, ask.model)
    assert out.body is ask.body
    assert out.target == "/images/generations"
    assert DIALECT.outgoing(ask, AZURE, "m").target == "/openai/deployments/m/images/generations?api-version=1"
    named = understood({"prompt": "x"}, "/openai/deployments/pics/images/generations")
    assert json.loads(DIALECT.outgoing(named, OPENAI, "gpt-image-2").body) == {"prompt": "x", "model": "gpt-image-2"}


@given(st.permutations([("model", "gpt-image-1-mini"), ("prompt", "a hat"), ("image[]", "PNG" * 50), ("image[]", "PNG"), ("mask", "PNG"),
                        ("n", "2"), ("quality", "low"), ("size", "1024x1024"), ("stream", "true")]), st.integers(1, 40))  # fmt: skip
def test_a_form_is_understood_in_any_order_and_split(parts: list[tuple[str, str]], pieces: int) -> None:
    ask = received(form(*parts), pieces=pieces)
    assert (ask.model, ask.choices, ask.likely_output, ask.stream) == ("gpt-image-1-mini", 2, 272, True)
    assert (ask.features.images, ask.features.texts, ask.body) == (3, ("a hat",), b"")


def test_nothing_of_a_form_goes_on_before_its_last_field_is_known() -> None:
    match = DIALECT.match("POST", EDITS)
    assert match is not None
    intake = DIALECT.intake(match, FORM, None)
    data = form(("model", "m"), ("image", "PNG"), ("n", "10"))
    intake.feed(data[:-10])
    assert not intake.known
    assert not intake.ready
    intake.feed(data[-10:])
    assert intake.known
    assert intake.ready


def test_the_model_of_a_form_is_exchanged_where_it_stands_or_written_before_the_rest() -> None:
    data = form(("image", "PNG"), ("model", "pics"))
    out = DIALECT.outgoing(received(data), OPENAI, "gpt-image-2")
    (start, end, new) = out.cuts[0]
    assert (data[start:end], new, out.edits, out.target) == (b"pics", b"gpt-image-2", ("model",), "/images/edits")
    assert DIALECT.outgoing(received(data), OPENAI, "pics").cuts == ()
    azure = received(form(("image", "PNG")), "/openai/deployments/pics/images/edits")
    (start, end, new) = DIALECT.outgoing(azure, OPENAI, "gpt-image-2").cuts[0]
    assert (start, end) == (0, 0)
    assert new == b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\ngpt-image-2\r\n'
    assert DIALECT.outgoing(azure, AZURE, "m").target == "/openai/deployments/m/images/edits?api-version=1"


@pytest.mark.parametrize(
    ("parts", "param"),
    [
        ([("image", "PNG")], "model"),
        ([("model", "m"), ("n", "many")], "n"),
        ([("model", "m"), ("n", "²")], "n"),
        ([("model", "m"), ("n", "1" * 10)], "n"),
        ([("model", "m"), ("n", "65")], "n"),
        ([("model", "m"), ("stream", "yes")], "stream"),
        ([("model", "m"), ("quality", "flex")], "quality"),
        ([("model", "m"), ("n", "1"), ("n", "10")], "n"),
    ],
)
def test_a_form_that_cannot_be_understood_is_refused_by_its_field(parts: list[tuple[str, str]], param: str) -> None:
    with pytest.raises(BadRequest) as refused:
        received(form(*parts))
    assert refused.value.param == param


def test_an_edit_that_is_no_form_is_refused_in_words() -> None:
    match = DIALECT.match("POST", EDITS)
    assert match is not None
    with pytest.raises(BadRequest, match="multipart/form-data"):
        DIALECT.intake(match, {"content-type": "application/json"}, 2)


def test_errors_are_openais() -> None:
    assert json.loads(DIALECT.error_body(Forbidden("No."), "r"))["error"]["type"] == "permission_error"
    assert DIALECT.error_event(Forbidden("No."), "r").startswith(b'data: {"error"')
