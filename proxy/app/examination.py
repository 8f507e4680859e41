"""Asking a process of its own whether a configuration is good, so that no call waits for it and no crash reaches one.

Its verdict is one line of JSON. ``app.examiner`` is the other side.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from proxy.config.problems import Problem

PATIENCE_S = 120.0  # thousands of tests take seconds
_ENDS_S = 2.0  # to end its engine and remove what it wrote, before it is killed


class Verdict(msgspec.Struct, frozen=True):
    """What was found in the files of one generation."""

    generation: str = ""  # that they would be
    problems: tuple[Problem, ...] = ()  # it cannot be used
    failing: tuple[Problem, ...] = ()  # tests of its policies
    remarks: tuple[str, ...] = ()  # it may not be what was meant
    settled: bool = True  # False: files changed while they were examined
    unknown: bool = False  # the problem is ours, not that of the files: ask again


def examine(config: Path) -> Verdict:
    """Wait for the verdict; for those who have nothing else to do."""
    return asyncio.run(examined(config))


async def examined(config: Path, patience_s: float = PATIENCE_S) -> Verdict:
    """The verdict. A process that takes too long is ended."""
    try:
        process = await asyncio.create_subprocess_exec(*_command(config), stdout=asyncio.subprocess.PIPE)
    except OSError as error:
        return unknown(config, str(error.strerror))
    try:
        async with asyncio.timeout(patience_s):
            out, _ = await process.communicate()
    except TimeoutError:
        return unknown(config, f"not done in {patience_s:g} s")
    finally:
        await _end(process)
    return _verdict(config, out, process.returncode or 0)


def unknown(config: Path, why: str) -> Verdict:
    """The verdict where nothing can be said of the files."""
    return Verdict(problems=(Problem(str(config), 0, 0, "", f"could not be examined: {why}"),), unknown=True)


async def _end(process: asyncio.subprocess.Process) -> None:
    """See it gone: asked first, for it has an engine to end, then killed."""
    for end in (process.terminate, process.kill):
        if process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError, TimeoutError):
            end()
            async with asyncio.timeout(_ENDS_S):
                await process.wait()


def _command(config: Path) -> Sequence[str]:
    """The same program, so that there is one thing to install."""
    return (sys.executable, "-m", "proxy", "examiner", "--config", str(config))


def _verdict(config: Path, out: bytes, code: int) -> Verdict:
    try:
        return msgspec.json.decode(out, type=Verdict)
    except msgspec.DecodeError:
        return unknown(config, f"exit code {code}")
