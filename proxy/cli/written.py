"""Rows into a file or a pipe as they come; a file appears only when it is whole."""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TextIO

_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # how a spreadsheet's formulas begin (OWASP, CSV injection)

Values = Mapping[str, str | int | float | bool | None]


def write_rows(rows: Iterable[Values], members: Sequence[str], output: Path | None, *, as_csv: bool) -> int:
    """Write all rows; how many they were. Raises what ``rows`` raises, and ``OSError``; then no new file is left."""
    if output is None:
        return _write(rows, members, sys.stdout, as_csv=as_csv)
    beside = output.with_name(f".{output.name}.{os.getpid()}")
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)  # who spent what is not for everybody
        with open(descriptor, "w", encoding="utf-8", newline="") as out:  # noqa: PTH123 - of a descriptor
            count = _write(rows, members, out, as_csv=as_csv)
        beside.replace(output)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    return count


def _write(rows: Iterable[Values], members: Sequence[str], out: TextIO, *, as_csv: bool) -> int:
    count = 0
    table = csv.writer(out, lineterminator="\n")
    if as_csv:
        table.writerow(members)
    for row in rows:
        count += 1
        if as_csv:
            table.writerow([_cell(row[name]) for name in members])
        else:
            out.write(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n")
    return count


def _cell(value: str | float | bool | None) -> str | float | None:  # noqa: FBT001 - a value of a row
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
