"""Ordinary source code is left alone: the standard library holds next to nothing that looks like a secret."""

from __future__ import annotations

import sysconfig
from pathlib import Path

from proxy.policy.content.pack import PACK
from proxy.policy.content.scanner import Scanner

LARGEST = 2_000_000  # bytes of a file that somebody would paste
MOST = 12_000_000  # bytes that are read: two seconds
# Files that hold keys and certificates on purpose, or lists of names and numbers of people.
NO_CODE = ("test", "tests", "idlelib", "site-packages", "dist-packages", "lib2to3")


def test_secrets_are_found_in_ordinary_source_code_at_most_once_in_ten_megabytes() -> None:
    scanner = Scanner([one for one in PACK if one.group == "secrets"])
    size, hits = 0, []
    for path in sorted(Path(sysconfig.get_path("stdlib")).rglob("*.py")):
        if size > MOST or not set(NO_CODE).isdisjoint(path.parts) or path.stat().st_size > LARGEST:
            continue
        text = path.read_text("utf-8", "replace")
        size += len(text)
        hits += [f"{path.name}: {found.detector.full_name}" for found in scanner.scan(text)]
    assert size > 5_000_000
    assert len(hits) <= max(1, size // 10_000_000), hits
