"""Judges of policies for these tests."""

from tests.support.judging import bench, engine_of_trials

__all__ = ["bench", "engine_of_trials"]
