"""How often the curated pack finds something in ordinary source code, and what looking costs.

Run as ``python -m tests.bench.content FOLDER…``. Prints each detector's hits with the place and a masked text, so that a
person can tell the true from the false, and µs per 10 KB.
"""

from __future__ import annotations

import re
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from proxy.policy.content.pack import PACK
from proxy.policy.content.scanner import Scanner

SOURCE = re.compile(
    r"\.(pyi?|[mc]?jsx?|tsx?|c|h|cc|[ch]pp|go|rs|java|kt|rb|php|p[lm]|sh|lua|sql|css|html|md|rst|txt|json|ya?ml|toml|cfg|ini|xml)"
)
LARGEST = 2_000_000  # bytes of a file that somebody would paste
SHOWN = 25  # hits of a detector


def texts(folders: list[str]) -> Iterator[tuple[Path, str]]:
    for folder in folders:
        for path in sorted(Path(folder).rglob("*")):
            if SOURCE.fullmatch(path.suffix) and path.is_file() and path.stat().st_size <= LARGEST:
                yield path, path.read_text("utf-8", "replace")


def main(folders: list[str]) -> None:
    scanner = Scanner(PACK)
    size, took = 0, 0.0
    hits: Counter[str] = Counter()
    seen: dict[str, list[str]] = {}
    for path, text in texts(folders):
        began = time.process_time()
        found = scanner.scan(text)
        took += time.process_time() - began
        size += len(text)
        for finding in found:
            name, value = finding.detector.full_name, text[finding.start : finding.end]
            hits[name] += 1
            line = text.count("\n", 0, finding.start) + 1
            seen.setdefault(name, []).append(f"{path}:{line}  {masked(value)}  ({len(value)} characters)")
    for name, count in hits.most_common():
        print(f"{count:6}  {name}")
        for hit in seen[name][:SHOWN]:
            print(f"          {hit}")
    print(f"{size / 1e6:.1f} MB, {took / size * 1e10:.0f} µs per 10 KB; {hits.total() / size * 1e7:.2f} hits per 10 MB")


def masked(value: str) -> str:
    """Enough to tell a form, not enough to be used."""
    return value[:6].replace("\n", " ") + "…" + value[-2:] if len(value) > 12 else value[:2] + "…"


if __name__ == "__main__":
    main(sys.argv[1:])
