"""The key: equal where nothing that may change an answer differs, and only there."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from proxy.dedup.canonical import compile_volatile
from proxy.dedup.key import Remembered, request_keys
from tests.support.sent import APIS, QUESTION, SECRET, SYSTEM, a_body, a_request, the_key, the_keys

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
)
NAMES = st.from_regex(r"[a-z]{1,12}", fullmatch=True)
BLANKS = st.text(" \n\t\r", max_size=3)
MEMBERS = sorted({name for api in APIS for name in a_body(api)})
IDS = ("c4dfa120-baa1-3b2f-f33d-3b41b1eae2dc", "3be7b960-ff5d-13c2-71f9-701f1a455708")
TOOL: dict[str, Any] = {
    "openai.chat": {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object"}}},
    "openai.responses": {"type": "function", "name": "look_up", "parameters": {"type": "object"}},
    "anthropic.messages": {"name": "look_up", "input_schema": {"type": "object"}},
    "gemini.generate": {"functionDeclarations": [{"name": "look_up"}]},
}


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of everything in a body that is no container."""
    if type(value) in (dict, list):
        steps = value if type(value) is dict else range(len(value))
        return [found for step in steps for found in places(value[step], (*path, step))]
    return [path]


def changed(body: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    """A body with another value at a path."""
    copied = copy.deepcopy(body)
    below: Any = copied
    for step in path[:-1]:
        below = below[step]
    below[path[-1]] = value
    return copied


def reordered(value: Any) -> Any:
    """The same JSON with the members of every object turned round."""
    if type(value) is dict:
        return {name: reordered(value[name]) for name in reversed(list(value))}
    return [reordered(one) for one in value] if type(value) is list else value


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("mode", ["near", "exact"])
@given(value=SCALARS, data=st.data())
def test_another_value_anywhere_in_a_body_is_another_key(api: str, mode: str, value: Any, data: st.DataObject) -> None:
    body = a_body(api, tools=[TOOL[api]])
    path = data.draw(st.sampled_from(places(body)))
    other = changed(body, path, value)
    assume(json.dumps(other) != json.dumps(body))
    assume(value is not None or len(path) > 1)  # absent, at the top
    assume(type(value) is not str or value.strip() not in (QUESTION, SYSTEM))
    assert the_key(api, other, mode=mode) != the_key(api, body, mode=mode)


@pytest.mark.parametrize("api", APIS)
@given(name=NAMES, value=VALUES)
def test_a_member_that_nobody_knows_is_in_the_key_even_as_null(api: str, name: str, value: Any) -> None:
    name = f"x_{name}"
    assert the_key(api, a_body(api) | {name: value}) != the_key(api, a_body(api))


@pytest.mark.parametrize("api", APIS)
@given(more=st.dictionaries(NAMES.map("x_{}".format), VALUES, max_size=3))
def test_the_order_of_members_is_not_in_the_key(api: str, more: dict[str, Any]) -> None:
    body = a_body(api, tools=[TOOL[api]], **more)
    assert the_key(api, reordered(body)) == the_key(api, body)


@pytest.mark.parametrize(
    ("api", "path"),
    [
        ("openai.chat", ("response_format", "json_schema", "schema")),
        ("openai.responses", ("text", "format", "schema")),
        ("anthropic.messages", ("output_config", "format", "schema")),
        ("gemini.generate", ("generationConfig", "responseSchema")),
    ],
)
def test_the_order_of_an_answers_schema_is_in_the_key(api: str, path: tuple[str, ...]) -> None:
    schema = {"properties": {"thought": {"type": "string"}, "verdict": {"type": "string"}}}

    def under(value: Any) -> dict[str, Any]:
        for step in reversed(path):
            value = {step: value}
        return a_body(api) | value  # type: ignore[no-any-return] # JSON in, JSON out

    assert the_key(api, under(schema)) != the_key(api, under(reordered(schema)))
    assert the_key(api, under(schema)) == the_key(api, reordered(under(schema)) | under(schema))


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 1.0),
        (1, True),
        (0, False),
        (0.0, -0.0),
        (1, "1"),
        (2**63, 2**63 + 1),
        (10**22, 1e22),
        (1e999, None),
        (1e999, -1e999),
    ],
)
def test_numbers_stay_what_they_were_written_as(api: str, one: Any, other: Any) -> None:
    assert the_key(api, a_body(api, x_knob=one)) != the_key(api, a_body(api, x_knob=other))


@pytest.mark.parametrize("api", APIS)
def test_half_of_a_pair_is_neither_an_error_nor_the_character_of_the_whole(api: str) -> None:
    texts = ["say \ud83d", "say \ude00", "say \U0001f600", "say \ud83d\ude00", "say \\ud83d"]
    assert len({the_key(api, a_body(api, text)) for text in texts}) == len(texts)


@pytest.mark.parametrize("api", APIS)
def test_tenant_mode_target_and_operators_patterns_are_in_the_key(api: str) -> None:
    sent = a_request(api)
    others = [
        the_keys(sent),
        the_keys(sent, scope="team:growth2"),
        the_keys(sent, "exact"),
        the_keys(sent, volatile=compile_volatile(["Build"])),
        the_keys(sent._replace(target=sent.target.replace("3-pro", "3-flash") + "?api-version=1")),
        the_keys(sent._replace(api="cohere.chat")),
    ]
    assert len({keys.digest for keys in others}) == len({keys.exact for keys in others}) == len(others)
    assert request_keys(SECRET[::-1], "team:growth", sent, "near").digest != others[0].digest


@pytest.mark.parametrize("secret", [b"", b"x" * 15, b"x" * 65])
def test_a_secret_that_is_none_is_refused(secret: bytes) -> None:
    with pytest.raises(ValueError, match="16 to 64 bytes"):
        request_keys(secret, "org", a_request("openai.chat"), "near")


def test_the_name_is_hex_and_not_the_whole_digest() -> None:
    keys = the_keys(a_request("openai.chat"))
    assert (len(bytes.fromhex(keys.name)), len(keys.digest), len(keys.exact)) == (16, 32, 32)
    assert keys.digest.startswith(bytes.fromhex(keys.name))


@pytest.mark.parametrize("api", APIS)
def test_questions_that_mean_the_same_share_a_key_in_near_mode_only_and_are_told_apart_by_the_exact_one(
    api: str,
) -> None:
    one, other = (the_keys(a_request(api, a_body(api, text))) for text in (QUESTION, f"  {QUESTION}\n"))
    assert (one.name, one.digest) == (other.name, other.digest)
    assert one.exact != other.exact
    assert the_key(api, a_body(api), mode="exact") != the_key(api, a_body(api, f"  {QUESTION}\n"), mode="exact")


@pytest.mark.parametrize("api", APIS)
def test_telemetry_in_instructions_is_not_in_the_key_and_is_told_to_the_echo_guard(api: str) -> None:
    one, other = (the_keys(a_request(api, a_body(api, system=f"{SYSTEM}\nrequest_id: {id_}"))) for id_ in IDS)
    assert one.digest == other.digest
    assert any(IDS[0] in value for value in one.masked)
    assert the_key(api, a_body(api, system=f"{SYSTEM}\nrequest_id: {IDS[0]}"), mode="exact") != one.digest


@pytest.mark.parametrize("api", APIS)
def test_instructions_are_not_read_as_a_question(api: str) -> None:
    assert the_key(api, a_body(api, system=SYSTEM)) != the_key(api, a_body(api, system=SYSTEM.lower()))
    assert the_key(api, a_body(api, system=SYSTEM)) != the_key(api, a_body(api, system=SYSTEM.rstrip(".")))


@pytest.mark.parametrize("api", APIS)
def test_beside_tools_only_blanks_around_a_question_do_not_count(api: str) -> None:
    with_tools: dict[str, Any] = {"tools": [TOOL[api]]}
    plain = the_key(api, a_body(api, QUESTION, **with_tools))
    assert the_key(api, a_body(api, f" {QUESTION}\n", **with_tools)) == plain
    assert the_key(api, a_body(api, QUESTION.rstrip("?"), **with_tools)) != plain
    assert the_key(api, a_body(api, QUESTION.lower(), **with_tools)) != plain


@pytest.mark.parametrize("api", APIS)
@given(
    core=st.sampled_from([QUESTION, "Count the spaces in this: a", "def f():", "x"]), blanks=st.tuples(BLANKS, BLANKS)
)
def test_beside_tools_nothing_shares_a_key_that_would_not_without_them(
    api: str, core: str, blanks: tuple[str, str]
) -> None:
    texts = [core, f"{blanks[0]}{core}{blanks[1]}"]
    beside = [the_key(api, a_body(api, text, tools=[TOOL[api]])) for text in texts]
    alone = [the_key(api, a_body(api, text)) for text in texts]
    assert beside[0] != beside[1] or alone[0] == alone[1]


@pytest.mark.parametrize("api", APIS)
def test_an_unknown_parameter_makes_every_character_count(api: str) -> None:
    knob: dict[str, Any] = {"continue_final_message": True}
    assert the_key(api, a_body(api, QUESTION, **knob)) != the_key(api, a_body(api, f"{QUESTION} ", **knob))


@pytest.mark.parametrize("api", APIS)
def test_a_text_cannot_pass_for_structure(api: str) -> None:
    sent = a_request(api)
    smuggled = json.dumps(a_body(api))[1:-1]
    digests = {
        the_keys(sent).digest,
        the_key(api, a_body(api, f'{QUESTION} "temperature":0,"model":"x"')),
        the_key(api, a_body(api, f'{QUESTION}"}}],{smuggled}')),
        the_key(api, a_body(api, QUESTION + SYSTEM, "")),
        the_key(api, a_body(api, "", SYSTEM + QUESTION)),
    }
    assert len(digests) == 5


def test_what_replaces_a_text_in_the_key_is_not_a_body_that_could_be_sent() -> None:
    """A text that is taken out leaves a mark behind; who sends that mark gets another key."""
    body = a_body("openai.chat")
    for mark in (False, None, 0, ""):
        marked = changed(body, ("messages", 1, "content"), mark)
        assert the_key("openai.chat", marked) != the_key("openai.chat", body)


@pytest.mark.parametrize("api", APIS)
@given(members=st.dictionaries(st.sampled_from(MEMBERS), VALUES.filter(lambda value: value is not None), min_size=1))
def test_a_body_of_any_shape_has_a_key_of_its_own(api: str, members: dict[str, Any]) -> None:
    assert the_key(api, a_body(api) | members) != the_key(api, a_body(api))


def test_no_secret_and_no_prompt_is_in_what_is_printed() -> None:
    sent = a_request("openai.chat")
    assert QUESTION not in repr(sent)


@pytest.mark.parametrize("api", APIS)
@given(texts=st.lists(st.text(max_size=40), min_size=1, max_size=4), mode=st.sampled_from(["near", "exact"]))
def test_forms_that_are_remembered_change_no_key(api: str, texts: list[str], mode: str) -> None:
    remembered, patterns = Remembered(), compile_volatile(["Build"])
    for text in (*texts, *texts):
        for volatile in ((), patterns):
            sent = a_request(api, a_body(api, question=text))
            fresh = request_keys(SECRET, "t", sent, mode, volatile)
            assert request_keys(SECRET, "t", sent, mode, volatile, forms=remembered) == fresh
