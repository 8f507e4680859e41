"""The folder of fixtures that stands beside the project for developers and CI, and not for users."""

from __future__ import annotations

from pathlib import Path


def shared_dir() -> Path | None:
    """``../shared`` beside the project, or None where it does not exist."""
    here = Path(__file__).resolve().parents[2].parent / "shared"
    return here if (here / "DESIGN.md").is_file() else None
