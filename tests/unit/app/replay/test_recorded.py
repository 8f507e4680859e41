"""Recorded calls as lines of a file."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.app.replay.recorded import Recorded, line_of, read, read_own
from proxy.config.problems import ConfigError
from proxy.domain.usage import Usage
from tests.support.rules import facts

CALL = Recorded(id="r", at=100.0, facts=facts(), cost_nusd=5, usage=Usage(input=3, output=4))


@given(
    st.builds(
        Recorded,
        id=st.text(),
        at=st.floats(1, 2e9),
        facts=st.builds(facts, input_tokens=st.integers(0, 2**40), user_agent=st.text()),
        answered=st.booleans(),
        seconds=st.floats(0, 1e6),
        cost_nusd=st.integers(0, 2**53),
        usage=st.builds(Usage, input=st.none() | st.integers(0, 2**40)),
    )
)
def test_a_call_comes_back_from_its_line(call: Recorded) -> None:
    assert line_of(call).count(b"\n") == 1
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "calls.jsonl"
        path.write_bytes(line_of(call))
        assert list(read(path)) == list(read_own(path)) == [call]


@pytest.mark.parametrize(
    ("lines", "line", "said"),
    [
        ([line_of(CALL), b"{}\n"], 2, "no recorded call"),
        ([b"\xff\xfe\n"], 1, "no recorded call"),
        ([b"\n", b'{"id": 4}\n'], 2, "no recorded call"),
        ([line_of(CALL), line_of(Recorded(id="s", at=10.0, facts=facts()))], 2, "earlier than the line before"),
    ],
)
def test_a_line_that_cannot_be_used_is_named(tmp_path: Path, lines: list[bytes], line: int, said: str) -> None:
    path = tmp_path / "calls.jsonl"
    path.write_bytes(b"".join(lines))
    with pytest.raises(ConfigError) as caught:
        list(read(path))
    assert caught.value.problems[0].line == line
    assert said in str(caught.value)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        list(read(tmp_path / "none.jsonl"))
