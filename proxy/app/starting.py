"""What a start asks of the files before any engine, port or worker: a mistake is told on the terminal, and is no crash loop."""

from __future__ import annotations

import os
from pathlib import Path

from proxy.app.examination import examine
from proxy.config.policy_paths import policy_paths
from proxy.config.problems import ConfigError, Problem
from proxy.config.reading import Reading, read

TRIES = 5  # while somebody is writing


def examined_at_start(config: Path, *, untested: bool) -> tuple[Reading, tuple[str, ...]]:
    """The reading to start with, and remarks on its policies; without policies there is nothing to wait for.

    ``untested`` takes policies whose tests fail. Raises ``ConfigError``.
    """
    for _ in range(TRIES):
        reading = read(config, os.environ)
        if not policy_paths(reading.settings.policies):
            return reading, ()
        verdict = examine(config)
        if verdict.problems:
            raise ConfigError(verdict.problems)
        if verdict.failing and not untested:
            hint = "mend the policy or its test; `tallygate serve --untested` starts all the same"
            raise ConfigError([*verdict.failing[:-1], _with(verdict.failing[-1], hint)])
        if verdict.settled and verdict.generation == reading.generation:
            return reading, verdict.remarks
    raise ConfigError(
        [Problem(str(config), 0, 0, "", "its files change all the time", "start again when they are written")]
    )


def _with(problem: Problem, hint: str) -> Problem:
    return Problem(problem.file, problem.line, problem.col, problem.path, problem.message, hint, problem.excerpt)
