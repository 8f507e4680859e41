"""Attribution prefixes, keys and tags."""

from __future__ import annotations

import pytest

from proxy.dialects.address import credential, parse, tags
from proxy.domain.errors import BadRequest


def test_a_plain_path_is_left_as_it_is() -> None:
    where = parse("/v1/chat/completions?api-version=1")
    assert (where.path, where.query, where.project, where.ref) == ("/v1/chat/completions", "api-version=1", None, None)


def test_a_prefix_names_project_and_ref() -> None:
    where = parse("/p/crm@feature%2Fpay-12/v1/messages")
    assert (where.path, where.project, where.ref) == ("/v1/messages", "crm", "feature/pay-12")


@pytest.mark.parametrize("base", ["/p/crm@PAY-12", "/p/crm@PAY-12/", "/p/crm@PAY-12?x=1"])
def test_a_base_url_by_itself_is_the_root_of_its_project(base: str) -> None:
    # Claude Code warms its connection up with HEAD of the base URL.
    where = parse(base)
    assert (where.path, where.project, where.ref) == ("/", "crm", "PAY-12")


@pytest.mark.parametrize(
    "path",
    [
        "/p/",
        "/p/CRM/v1/messages",
        "/p/crm@/v1/x",
        "/p/crm@PAY 12",
        "/p/cr%6d/v1/x",
        "/p/a@b@c/v1/x",
        "/p/crm@%zz/v1",
        "/p/" + "a" * 65 + "/v1",
    ],
)
def test_a_malformed_prefix_is_refused(path: str) -> None:
    with pytest.raises(BadRequest, match="prefix must be"):
        parse(path)


def test_a_key_in_the_query_is_taken_out_of_it_and_never_shown() -> None:
    where = parse("/v1beta/models/m:generateContent?alt=sse&key=tg_secret&x=1")
    assert where.query == "alt=sse&x=1"
    assert where.key == "tg_secret"
    assert "tg_secret" not in repr(where)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"authorization": "Bearer one"}, "one"),
        ({"authorization": "bearer one"}, "one"),
        ({"authorization": "Basic one", "x-api-key": "two"}, "two"),
        ({"api-key": "three"}, "three"),
        ({"x-goog-api-key": "four"}, "four"),
        ({}, "five"),
    ],
)
def test_a_key_is_found_wherever_an_sdk_puts_it(headers: dict[str, str], expected: str) -> None:
    assert credential(headers.get, parse("/v1/x?key=five")) == expected


def test_tags_are_sorted_pairs() -> None:
    assert tags("suite=nightly, purpose=review") == (("purpose", "review"), ("suite", "nightly"))


@pytest.mark.parametrize("text", ["purpose", "=x", "a=b\x1b", "a b=c", ",".join(f"t{n}=1" for n in range(17))])
def test_malformed_tags_are_refused_without_being_echoed(text: str) -> None:
    with pytest.raises(BadRequest) as caught:
        tags(text)
    assert text not in caught.value.message
