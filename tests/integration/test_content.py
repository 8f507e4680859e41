"""Content rules about prompts in the running proxy: what the upstream saw, and what is written down of it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from proxy.domain.row import Outcome
from tests.support.content_calls import PLACEHOLDER, asked, call, content_proxy, echoing, row_of, said
from tests.support.contents import KEY, MAIL
from tests.support.exposition import value
from tests.support.families import ANTHROPIC, FAMILIES, GEMINI, OPENAI, Family, one_call, told
from tests.support.forms import CONTENT_TYPE, Part, form, wav
from tests.support.running import RunningProxy
from tests.support.scripted import ScriptedUpstream
from tests.support.scripts import failing, whole
from tests.support.talking import request
from tests.support.waiting import until


@pytest.fixture(scope="module")
def scripted() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def proxy(scripted: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    with content_proxy(tmp_path_factory.mktemp("home"), scripted.base_url) as running:
        yield running


@pytest.fixture(autouse=True)
def _fresh(scripted: ScriptedUpstream) -> None:
    scripted.forget()


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
@pytest.mark.parametrize("way", ["whole", "stream"])
def test_a_prompt_with_a_secret_is_refused_and_nothing_of_it_goes_anywhere(
    proxy: RunningProxy, scripted: ScriptedUpstream, family: Family, way: str
) -> None:
    heard = call(proxy, family, "deny-x", f"my key is {KEY}, twice: {KEY}", stream=way == "stream")
    kind, code, message = told(family, heard)
    assert heard.status == 400
    assert kind == ("INVALID_ARGUMENT" if family is GEMINI else "invalid_request_error")
    assert code == ("" if family is ANTHROPIC else "content_policy_violation")
    for word in ("org/no-secrets", "secrets.aws-access-key (2 times)", "sec@acme.example", "Rotate it."):
        assert word in message
    assert heard.header("x-should-retry") == "false"
    assert KEY.encode() not in heard.body
    assert scripted.seen == []
    row = row_of(proxy, heard)
    assert (row.attempt, row.outcome, row.status, row.error) == (0, Outcome.DENIED, 400, "content_policy_violation")
    assert (row.cost_nusd, row.held_nusd, row.upstream) == (0, 0, None)
    assert row.decision == heard.header("x-tally-decision")


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_redacted_values_are_not_seen_upstream_and_come_back_in_the_answer(
    proxy: RunningProxy, scripted: ScriptedUpstream, family: Family
) -> None:
    scripted.replies(echoing(scripted, lambda made: whole(said(family, f'I wrote to "{made}".'))))
    heard = call(proxy, family, "mask-x", f"Write to {MAIL}, now.")
    assert heard.status == 200
    assert f'I wrote to \\"{MAIL}\\".'.encode() in heard.body
    (seen,) = scripted.seen
    assert MAIL.encode() not in seen.body
    _, body = asked(family, "mask-x", f"Write to {MAIL}, now.")
    (made,) = set(PLACEHOLDER.findall(seen.body.decode()))
    assert seen.body == json.dumps(body).encode().replace(MAIL.encode(), made.encode())
    row = row_of(proxy, heard)
    assert row.edits[0] == "redacted"
    assert (row.usage.input, row.usage.output) == (12, 3)


def test_a_value_has_one_placeholder_in_all_of_a_persons_talks(proxy: RunningProxy, scripted: ScriptedUpstream) -> None:
    scripted.replies(whole(said(OPENAI, "ok")), always=True)
    for text in (f"to {MAIL}", f"{MAIL}, again", "cc eve@acme.example"):
        assert call(proxy, OPENAI, "mask-x", text).status == 200
    first, second, third = [PLACEHOLDER.findall(seen.body.decode()) for seen in scripted.seen]
    assert first == second != third


@pytest.mark.parametrize("mode", ["warn", "audit"])
def test_a_rule_that_only_watches_changes_nothing(proxy: RunningProxy, scripted: ScriptedUpstream, mode: str) -> None:
    scripted.replies(whole(said(OPENAI, "ok")))
    text = f"{KEY} of {MAIL}"
    heard = call(proxy, OPENAI, f"{mode}-x", text)
    assert heard.status == 200
    assert text.encode() in scripted.seen[0].body
    warnings = [value for name, value in heard.headers if name == "x-tally-warning"]
    assert warnings == (
        [
            "warn/mask would redact: found pii.email in the prompt",
            "warn/no-secrets would refuse: found secrets.aws-access-key in the prompt",
        ]
        if mode == "warn"
        else []
    )
    assert row_of(proxy, heard).edits == ()


async def test_findings_are_counted_by_rule_and_detector(proxy: RunningProxy, scripted: ScriptedUpstream) -> None:
    scripted.replies(whole(said(OPENAI, "ok")), always=True)
    call(proxy, OPENAI, "audit-x", f"{KEY} and {KEY}")
    labels = {"rule": "audit/no-secrets", "mode": "audit", "place": "prompt", "detector": "secrets.aws-access-key"}

    async def counted() -> bool:
        return (value(proxy.home / "state" / "metrics", "tallygate_content_findings_total", **labels) or 0) >= 2

    await until(counted)


def test_values_come_back_in_an_upstreams_error_as_well(proxy: RunningProxy, scripted: ScriptedUpstream) -> None:
    scripted.replies(echoing(scripted, lambda made: failing(400, message=f"{made} is no name")))
    heard = call(proxy, OPENAI, "mask-x", f"Write to {MAIL}")
    assert (heard.status, heard.json()["error"]["message"]) == (400, f"{MAIL} is no name")


def test_a_session_that_is_itself_what_was_found_is_not_written_down(
    proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    scripted.replies(whole(said(OPENAI, "ok")))
    for model, named in (("deny-x", KEY), ("mask-x", MAIL)):
        _, body = asked(OPENAI, model, "hi")
        data = json.dumps(body | {"prompt_cache_key": named}).encode()
        heard = one_call(proxy, request("POST", OPENAI.path, data, (OPENAI.key(proxy.key),)))
        session = row_of(proxy, heard).session
        assert session is None if model == "deny-x" else PLACEHOLDER.fullmatch(session or "")


# -- uploads and bodies that pass


@pytest.mark.parametrize("order", [1, -1], ids=["prompt first", "prompt behind the file"])
@pytest.mark.parametrize("model", ["deny-x", "mask-x"])
def test_fields_of_a_form_are_looked_through_wherever_they_stand(
    proxy: RunningProxy, scripted: ScriptedUpstream, model: str, order: int
) -> None:
    scripted.replies(whole({"text": "ok"}))
    parts = [Part("model", model.encode()), Part("note", f"{KEY} of {MAIL}".encode()), Part("file", wav(1), "a.wav")]
    data = form(parts[::order])
    heard = one_call(
        proxy,
        request("POST", "/v1/audio/transcriptions", data, (OPENAI.key(proxy.key), ("content-type", CONTENT_TYPE))),
    )
    if model == "deny-x":
        assert (heard.status, scripted.seen) == (400, [])
        return
    assert heard.status == 200, heard
    sent = scripted.seen[0].body
    (made,) = set(PLACEHOLDER.findall(sent.decode("latin-1")))
    assert sent == data.replace(MAIL.encode(), made.encode())


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b'{"a": ["' + KEY.encode() + b'"]}', 400),
        (b'{"a": "\\u0041' + KEY[1:].encode() + b'"}\n{"a": 1}\n', 400),
        (b"plain: " + KEY.encode(), 400),
        (b"\x00\xff" + KEY.encode(), 400),
        (b'{"a": ["fine"]}', 200),
        (b"", 200),
    ],
)
def test_a_body_that_passes_is_read_first_and_what_cannot_be_read_is_refused(
    proxy: RunningProxy, scripted: ScriptedUpstream, data: bytes, status: int
) -> None:
    scripted.replies(whole({"id": "f"}))
    heard = one_call(proxy, request("POST", "/v1/files/deny", data, (OPENAI.key(proxy.key),)))
    assert heard.status == status, heard
    assert [seen.body for seen in scripted.seen] == ([data] if status == 200 else [])
