"""A comparison of policies for a pull request, in GitHub's Markdown: a table at a glance, details folded."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from proxy.app.replay.comparing import Kind
from proxy.app.replay.replaying import Report
from proxy.app.replay.tallying import Changed
from proxy.cli.policy.diff_figures import TITLES, doubts, heads, lines, people, place, share, signed, usd

_MOST: Final = 50  # lines of one table: GitHub cuts comments at 65,536 characters
_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]<>()#|~])")


def written(report: Report) -> str:
    """The report."""
    return "\n".join(_lines(report))


def _lines(report: Report) -> Iterator[str]:
    yield f"### Policies: {_plain(report.names[0])} → {_plain(report.names[1])}"
    yield ""
    for told in (*heads(report), *doubts(report)):
        yield f"- {_plain(told)}"
    yield ""
    changed = [(kind, found) for kind, found in report.tally.changed.items() if found.whole.calls]
    if changed:
        rows = [
            (TITLES[kind], f"{found.whole.calls:,}", share(found.whole.calls, report.tally.calls),
             people(len(found.whole.people)), usd(found.whole.worth_nusd), signed(found.whole.delta_nusd))
            for kind, found in changed
        ]  # fmt: skip
        yield from _table(("", "calls", "share", "people", "worth", "change of cost"), rows)
    elif report.tally.calls:
        yield f"**{report.unmoved()}**"
    for kind, found in changed:
        yield ""
        yield from _details(report, kind, found)
    yield ""
    yield "<details><summary>What was not replayed</summary>"
    yield ""
    yield from (f"- {_plain(limit)}" for limit in report.limits())
    yield ""
    yield "</details>"


def _details(report: Report, kind: Kind, found: Changed) -> Iterator[str]:
    yield f"<details><summary><b>{TITLES[kind]}</b>: by rule and team</summary>"
    yield ""
    rules = [
        (_rule(report, name), f"{line.calls:,}", share(line.calls, report.tally.calls), people(len(line.people)),
         usd(line.worth_nusd), signed(line.delta_nusd), ", ".join(f"`{example}`" for example in line.examples))
        for name, line in lines(found.by["rule"])
    ]  # fmt: skip
    yield from _table(("rule", "calls", "share", "people", "worth", "change of cost", "for example"), rules)
    for group in ("team", "project", "model"):
        rows = [
            (_plain(name or "-"), f"{line.calls:,}", share(line.calls, _of(report, group, name)), usd(line.worth_nusd),
             signed(line.delta_nusd))
            for name, line in lines(found.by[group])
        ]  # fmt: skip
        yield ""
        yield from _table((group, "calls", "share", "worth", "change of cost"), rows)
    yield ""
    yield "</details>"


def _of(report: Report, group: str, name: str) -> int:
    return report.tally.teams[name] if group == "team" else report.tally.calls


def _rule(report: Report, name: str) -> str:
    where = place(report, name)
    return f"**{_plain(name)}**" + (f" {_plain(where)}" if where else "")


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield f"|{'|'.join([' :-- ', *[' --: '] * (len(heads) - 1)])}|"
    for row in rows[:_MOST]:
        yield f"| {' | '.join(row)} |"
    if len(rows) > _MOST:
        yield f"| … and {len(rows) - _MOST} more |{' |' * (len(heads) - 1)}"


def _plain(text: str) -> str:
    """Text that Markdown takes as it stands."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))
