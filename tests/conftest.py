"""What every test shares: the marker for system packages that a machine may lack."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# How fast a machine is judges nothing here.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

# Container images often forbid it; without it, each of the hundreds of processes started here compiles all its modules
# anew, which is a third of what a proxy's start costs.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

ROOT = Path(__file__).parents[1]


def _is_here(name: str) -> bool:
    """A program on the path, or a folder of the project that an installer makes."""
    return (ROOT / name).exists() if "/" in name else shutil.which(name) is not None


def pytest_runtest_setup(item: pytest.Item) -> None:
    """``@pytest.mark.needs("redis-server")``: skipped by name without it, a failure where CI=true."""
    for marker in item.iter_markers("needs"):
        for name in marker.args:
            if not _is_here(name):
                if os.environ.get("CI") == "true":
                    pytest.fail(f"{name} is required here and not installed", pytrace=False)
                pytest.skip(f"needs {name}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where CI=true nothing may be skipped: what cannot run there proves nothing and must say so."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("CI") == "true":
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, and in CI nothing may be: {report.longrepr}"
    return report
