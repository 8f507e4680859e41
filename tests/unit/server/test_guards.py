"""The guards of a head as pure functions; their probes on the wire are in tests/integration/test_listener_guards.py."""

from __future__ import annotations

import pytest
from aiohttp.http import HttpVersion10, HttpVersion11, RawRequestMessage
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from proxy.domain.errors import Encoded, TooLarge
from proxy.server import guards
from proxy.server.limits import Limits
from proxy.server.refusals import BadTarget, MethodRefused

PIECES = st.sampled_from(
    ["/", ".", "%2e", "%2F", "%5c", "%", "a", "Z9", "~", ";", "\\", ":", "@", "-", "_", "?", "#", "é", " ", "%00"]
)


def head(
    path: str = "/v1/x", method: str = "POST", *, chunked: bool = False, http10: bool = False, **headers: str
) -> RawRequestMessage:
    named = CIMultiDict({"host": "p"} | {name.replace("_", "-"): value for name, value in headers.items()})
    version = HttpVersion10 if http10 else HttpVersion11
    return RawRequestMessage(method, path, version, CIMultiDictProxy(named), (), False, None, False, chunked, URL("/"))


@given(st.lists(PIECES, max_size=8).map("".join))
def test_the_short_cut_for_plain_paths_lets_nothing_through_that_the_search_would_find(rest: str) -> None:
    path = "/" + rest
    if guards._PLAIN_PATH.fullmatch(path):
        assert not guards._BAD_PATH.search(path)


@given(st.lists(PIECES, max_size=8).map("".join))
def test_a_path_that_passes_has_no_segment_that_a_decoder_would_resolve(rest: str) -> None:
    path = "/" + rest
    if guards.refusal(head(path), Limits()) is None:
        decoded = path.partition("?")[0].lower().replace("%2e", ".").replace("%2f", "/").replace("%5c", "/")
        assert not {"", ".", ".."} & set(decoded[1:].removesuffix("/").split("/")) or decoded == "/"
        assert path.isascii()


@pytest.mark.parametrize("path", ["http://p/v1", "v1/x", "*", ""])
def test_only_paths_are_targets(path: str) -> None:
    assert isinstance(guards.refusal(head(path), Limits()), BadTarget)


def test_the_limit_itself_still_fits() -> None:
    limits = Limits(body_bytes=5)
    assert guards.refusal(head(content_length="5"), limits) is None
    refused = guards.refusal(head(content_length="6"), limits)
    assert isinstance(refused, TooLarge)
    assert "5 bytes" in refused.message


def test_methods_that_no_api_has_are_405() -> None:
    refused = guards.refusal(head(method="TRACE"), Limits())
    assert isinstance(refused, MethodRefused)
    assert refused.status == 405


def test_identity_is_no_encoding() -> None:
    assert guards.refusal(head(content_encoding="Identity"), Limits()) is None
    assert isinstance(guards.refusal(head(content_encoding="br"), Limits()), Encoded)


def test_an_expectation_counts_only_from_http_1_1_on() -> None:
    assert guards.expects_continue(head(expect="100-Continue"))
    assert not guards.expects_continue(head(expect="100-continue", http10=True))
    assert not guards.expects_continue(head())


def test_no_refusal_repeats_what_the_caller_sent() -> None:
    for refused in (
        head("/v1/../canary"),
        head("/v1/x?canary#"),
        head(expect="canary"),
        head(content_encoding="canary"),
        head(method="CANARY"),
    ):
        error = guards.refusal(refused, Limits())
        assert error is not None
        assert "canary" not in error.message.lower()


def test_the_c_parser_is_there() -> None:
    guards.assert_c_parser()


def test_without_the_c_parser_nothing_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    class PurePython:
        """Stands for the fallback."""

    monkeypatch.setattr(guards, "HttpRequestParser", PurePython)
    with pytest.raises(RuntimeError, match="C parser"):
        guards.assert_c_parser()
