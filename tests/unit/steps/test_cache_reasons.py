"""README's table of `x-tally-cache-reason` is that of the code, and its line for `dedup eval` can be scored."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from proxy.dedup.requests.base import Bypass
from proxy.dedup.scoring import pair_of
from proxy.steps import cache_status
from tests.support.snippets import table, ticked

ROOT = Path(__file__).parents[3]
README = ROOT / "README.md"
_MAKERS = {"CacheStatus": 1, "bypass": 0, "Missed": 0}  # where their reason stands
_RESULTS = (cache_status.MISS, cache_status.BYPASS, cache_status.SHADOW)


class Module:
    """A file of ours, and the words that it gives as reasons."""

    def __init__(self, path: Path) -> None:
        self._tree = ast.parse(path.read_text("utf-8"))
        self._meant: dict[str, list[ast.expr]] = {}
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Assign):
                for name, value in _pairs(node.targets[0], node.value):
                    self._meant.setdefault(name, []).append(value)
            elif isinstance(node, ast.AnnAssign | ast.NamedExpr) and isinstance(node.target, ast.Name) and node.value:
                self._meant.setdefault(node.target.id, []).append(node.value)
            elif isinstance(node, ast.FunctionDef):
                given = [one.value for one in ast.walk(node) if isinstance(one, ast.Return) and one.value]
                self._meant.setdefault(node.name, []).extend(given)

    def reasons(self) -> Iterator[str]:
        """Every literal that may become a reason here."""
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _MAKERS:
                at = _MAKERS[node.func.id]
                reason = [node.args[at]] if len(node.args) > at else []
                reason += [one.value for one in node.keywords if one.arg in ("reason", "why")]
                for one in reason:
                    yield from self._words(one)

    def _words(self, node: ast.expr) -> Iterator[str]:
        match node:
            case ast.Constant(value=str() as word):
                yield word
            case ast.IfExp(body=one, orelse=other):
                yield from self._words(one)
                yield from self._words(other)
            case ast.BoolOp(values=some):
                for one in some:
                    yield from self._words(one)
            case ast.Name(id=name) | ast.Call(func=ast.Name(id=name)):
                for one in self._meant.get(name, ()):
                    yield from self._words(one)


def _pairs(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(target, ast.Name):
        yield target.id, value
    elif isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        for one, other in zip(target.elts, value.elts, strict=False):
            yield from _pairs(one, other)


def test_the_table_of_reasons_is_the_codes() -> None:
    files = [*(ROOT / "proxy/steps").glob("*.py"), *(ROOT / "proxy/stores/answers").glob("*.py")]
    words = {word for file in files for word in Module(file).reasons()} | set(Bypass)
    rows = table(README, "`x-tally-cache-reason`")
    assert sorted(name for row in rows for name in ticked(row[0])) == sorted(words - {"", Bypass.OFF})
    # They are written in several ways, and found in each.
    assert {"no-store", "content", "not-cached", "away", "refresh"} <= words
    assert {result for row in rows for result in row[1].split(", ")} == set(_RESULTS)


def test_the_pair_that_readme_shows_can_be_scored() -> None:
    (line,) = re.findall(r'`(\{"id".*?\})`', README.read_text("utf-8"))
    pair = pair_of(line.encode(), whole=False)
    assert (pair.is_same, pair.kind) == (True, "case")
