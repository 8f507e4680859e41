"""Paths, methods, attribution and tags that lead nowhere."""

from __future__ import annotations

import json

import pytest

from tests.support.families import ANTHROPIC, GEMINI, OPENAI, Family, told
from tests.support.refusals import BAD_KIND, CANARY, NOT_FOUND, every_family, refused
from tests.support.running import RunningProxy
from tests.support.scripted import ScriptedUpstream
from tests.support.talking import request

PATHS = [
    (OPENAI, f"/v1/chat/completion?{CANARY}", 404, "did you mean /v1/chat/completions?"),
    (OPENAI, "/v1/chat", 404, "There is no such path here."),
    (OPENAI, "/", 404, "There is no such path here."),
    (OPENAI, f"/{CANARY}" + "/a" * 1000, 404, "There is no such path here."),
    (ANTHROPIC, "/v1/messages/batches", 404, "There is no such path here."),
    (GEMINI, "/v1beta/models/gemini-x:explode", 404, "There is no such path here."),
    (OPENAI, f"/p/CRM/v1/{CANARY}", 400, "The path prefix must be"),
    (OPENAI, "/p//v1/chat/completions", 400, "empty or dot segment"),
    (OPENAI, "/p/crm@/v1/chat/completions", 400, "The path prefix must be"),
    (OPENAI, "/p/crm@a%zz/v1/chat/completions", 400, "escape that is not allowed"),
    (OPENAI, "/p/crm@" + "a" * 200 + "/v1/chat/completions", 400, "The path prefix must be"),
    (OPENAI, "/p/" + "a" * 65 + "/v1/chat/completions", 400, "The path prefix must be"),
    (ANTHROPIC, "/p/crm@a!b/v1/messages", 400, "The path prefix must be"),
    (GEMINI, "/p/c_rm/v1beta/models/gemini-x:generateContent", 400, "The path prefix must be"),
    (OPENAI, "/p/evals/v1/chat/completions", 403, "This key may not book to that project. Its projects: crm"),
    (ANTHROPIC, "/p/evals@PAY-1/v1/messages", 403, "This key may not book to that project. Its projects: crm"),
    (GEMINI, "/p/nobody/v1beta/models/gemini-x:generateContent", 403, "This key may not book to that project."),
    (OPENAI, "/v1/chat/completions%00", 400, "escape that is not allowed"),
    (OPENAI, "//v1/chat/completions", 400, "empty or dot segment"),
    (OPENAI, "/v1/../v1/chat/completions", 400, "empty or dot segment"),
    (OPENAI, "http://elsewhere.example/v1/chat/completions", 400, "must be a path"),
    (GEMINI, "/v1beta/models/..%2f..%2fsecret:generateContent", 400, "empty or dot segment"),
    (GEMINI, "/v1beta/models/gem%20ini:generateContent", 400, "must name a model"),
]


@pytest.mark.parametrize(
    ("family", "path", "status", "words"), PATHS, ids=[f"{f.name}-{s}-{p[:40]}" for f, p, s, _ in PATHS]
)
def test_a_path_that_leads_nowhere_is_told_in_the_dialect_it_began_in(
    family: Family, path: str, status: int, words: str, proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    body = json.dumps(family.body).encode()
    heard = refused(proxy, scripted, request("POST", path, body, (family.key(proxy.key),)))
    assert heard.status == status
    assert words.lower() in told(family, heard)[2].lower()


METHODS = [
    (OPENAI, "GET", 404), (OPENAI, "DELETE", 404), (OPENAI, "PUT", 404), (OPENAI, "TRACE", 405),
    (ANTHROPIC, "GET", 404), (ANTHROPIC, "PATCH", 404), (GEMINI, "GET", 404), (GEMINI, "OPTIONS", 404),
]  # fmt: skip


@pytest.mark.parametrize(("family", "method", "status"), METHODS)
def test_a_method_that_a_path_does_not_have_is_told(
    family: Family, method: str, status: int, proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    heard = refused(proxy, scripted, request(method, family.path, headers=(family.key(proxy.key),)))
    assert heard.status == status
    if status == 404:
        assert told(family, heard)[0] == NOT_FOUND[family.name]


# fmt: off - one probe a line
TAGS = [
    "purpose",
    "=x",
    "a b=c",
    f"{CANARY}=<script>",
    "a=" + "b" * 200,
    "a" * 65 + "=b",
    ",".join(f"t{number}=v" for number in range(17)),
    "a=\xff",
]
# fmt: on


@every_family
@pytest.mark.parametrize("tags", TAGS)
def test_tags_that_are_none_are_refused_with_the_rule(
    tags: str, family: Family, proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    heard = refused(proxy, scripted, family.post(proxy, None, ("x-tally-tags", tags)))
    assert heard.status == 400
    kind, code, message = told(family, heard)
    assert (kind, code) == (BAD_KIND[family.name], "" if family is ANTHROPIC else "invalid_tags")
    assert "name=value" in message
