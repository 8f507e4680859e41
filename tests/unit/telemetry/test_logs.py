"""Log lines: one a call, safe to read, without what must not be in them."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.domain.row import Outcome
from proxy.domain.upstream import Secret
from proxy.telemetry import lines, logs
from tests.support.rows import a_row

BREAKS = "\n\r\x0b\x0c\x1b\x1c\x85\u2028\u2029\x7f\x9b\u202e"


@pytest.fixture
def root() -> Iterator[None]:
    """The root logger as it was."""
    logger = logging.getLogger()
    before, level = logger.handlers[:], logger.level
    yield
    logger.handlers[:] = before
    logger.setLevel(level)


async def failing() -> None:
    raise RuntimeError("the prompt canary")


def written(file: Path, **options: Any) -> tuple[logs.Log, Any]:
    stream = file.open("w")
    return logs.setup(stream=stream, **options), stream


def test_the_line_of_a_call_has_its_figures() -> None:
    line = json.loads(lines.call_json(a_row(), "2026-11-23T10:00:00.123Z"))
    assert line["at"] == "2026-11-23T10:00:00.123Z"
    assert line["request_id"] == "0196a1f2-0000-7000-8000-000000000000"
    assert (line["input"], line["output"], line["cost_nusd"], line["outcome"]) == (1204, 318, 4_231_000, "ok")
    assert line["usage_source"] == "reported"


@pytest.mark.parametrize(
    ("cache", "reason", "shown"),
    [
        ("miss", "", b" cache=miss "),
        ("bypass", "time-sensitive", b" cache=bypass(time-sensitive) "),
        ("near", "", b" cache=near "),
        ("off", "", b""),
    ],
)
def test_a_line_says_what_became_of_the_call_at_the_cache_where_a_rule_let_it_look(
    cache: str, reason: str, shown: bytes
) -> None:
    row = a_row(cache=cache, cache_reason=reason)
    line = json.loads(lines.call_json(row, ""))
    assert (line.get("cache"), line.get("cache_reason")) == (None if cache == "off" else cache, reason or None)
    text = lines.call_text(row, "")
    assert shown in text if shown else b"cache=" not in text


def test_no_line_names_a_person_or_a_key() -> None:
    for line in (lines.call_json(a_row(), ""), lines.call_text(a_row(), "")):
        assert b"canary" not in line


@given(text=st.text(st.characters(exclude_categories=[]) | st.sampled_from(BREAKS)))
def test_whatever_a_caller_names_stays_on_one_line(text: str) -> None:
    row = a_row(model_requested=text, ref=text, client_request_id=text, error=text)
    for line in (lines.call_json(row, ""), lines.call_text(row, ""), lines.event_text("info", "x", {"y": text}, "")):
        assert len(line.decode().splitlines()) == 1
        assert not set(line.decode().rstrip("\n")) & set(BREAKS)
    for line in (lines.call_json(row, ""), lines.event_json("info", "x", {"y": text}, "")):
        assert json.loads(line)


def test_a_name_without_end_is_shortened() -> None:
    endless = dict.fromkeys(
        ("model", "model_requested", "client_request_id", "upstream_request_id", "ref"), "m" * 28_000
    )
    for line in (lines.call_json(a_row(**endless), ""), lines.call_text(a_row(**endless), "")):
        assert len(line) < 2_000


def test_a_secret_hides_itself_in_an_event() -> None:
    fields = {"key": Secret("sk-canary"), "files": Path("/etc/x")}
    for line in (lines.event_json("info", "x", fields, ""), lines.event_text("info", "x", fields, "")):
        assert b"canary" not in line
        assert b"/etc/x" in line


def test_the_line_for_people_is_readable() -> None:
    line = lines.call_text(a_row(outcome=Outcome.UPSTREAM_ERROR, error="upstream_error"), "2026-11-23T10:00:00.123Z")
    assert line.startswith(b"10:00:00.123 upstream_error ")
    assert b"$0.004231" in line
    assert b"in=1204 out=318" in line


@given(at=st.floats(0, 4e9), later=st.floats(0, 4e9))
def test_stamps_are_times_in_utc(at: float, later: float) -> None:
    stamps = lines.Stamps()
    for moment in (at, later, at):
        text = stamps.text(moment)
        assert datetime.fromisoformat(text).timestamp() == pytest.approx(moment, abs=0.0011)


@pytest.mark.usefixtures("root")
def test_a_file_gets_json_and_only_what_is_grave_enough(tmp_path: Path) -> None:
    log, stream = written(tmp_path / "log", level="warning")
    log.event("info", "quiet")
    log.call(a_row())
    log.event("error", "loud", upstream="openai")
    stream.close()
    (line,) = (tmp_path / "log").read_text().splitlines()
    assert {"level": "error", "event": "loud", "upstream": "openai"}.items() <= json.loads(line).items()


@pytest.mark.usefixtures("root")
def test_libraries_speak_through_us_without_the_words_of_their_exceptions(tmp_path: Path) -> None:
    _, stream = written(tmp_path / "log")
    try:
        asyncio.run(failing())
    except RuntimeError:
        logging.getLogger("aiohttp.server").exception("Error handling request")
    logging.getLogger("x").warning("%d", "not a number")
    stream.close()
    first, second = map(json.loads, (tmp_path / "log").read_text().splitlines())
    assert (first["logger"], first["message"], first["error"]) == (
        "aiohttp.server",
        "Error handling request",
        "RuntimeError",
    )
    assert "telemetry/test_logs.py:" in first["where"]
    assert "canary" not in str(first)
    assert second["message"] == "a message that could not be formatted"


def test_the_system_s_own_words_are_kept() -> None:
    assert logs.describe(OSError(98, "Address already in use"))["reason"] == "Address already in use"


@pytest.mark.parametrize("options", [{"level": "loud"}, {"format": "xml"}])
def test_a_wrong_word_is_refused(options: dict[str, str], tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as stream, pytest.raises(ValueError, match="log level is one of"):
        logs.setup(stream=stream, **options)


@pytest.mark.usefixtures("root")
def test_a_terminal_gets_readable_lines() -> None:
    leader, follower = os.openpty()
    with os.fdopen(follower, "w") as terminal:
        logs.setup(stream=terminal).event("info", "upstream_off", upstream="openai")
        shown = os.read(leader, 4096)
    os.close(leader)
    assert b"info    upstream_off upstream=openai" in shown
