"""A comparison of policies for programs: exact figures, members in a fixed order."""

from __future__ import annotations

import json

from proxy.app.replay.replaying import Report
from proxy.app.replay.tallying import Changed, Line
from proxy.cli.policy.diff_figures import figures, lines, when
from proxy.domain.money import exact_usd


def written(report: Report) -> str:
    """The report as one JSON object."""
    tally, (old, new) = report.tally, report.tally.totals
    document = {
        "old": report.names[0],
        "new": report.names[1],
        "since": when(report.since),
        "until": when(report.until),
        "calls": tally.calls,
        "recorded_usd": exact_usd(tally.recorded_nusd),
        "totals": {
            name: {
                "admitted": one.admitted,
                "refused": tally.calls - one.admitted,
                "cost_usd": exact_usd(one.cost_nusd),
            }
            for name, one in (("old", old), ("new", new))
        },
        "figures": {
            name: {"calls": one.calls, "share": round(one.calls / one.of, 6) if one.of else 0.0}
            for name, one in figures(report).items()
        },
        "changes": {str(kind): _changed(report, found) for kind, found in tally.changed.items()},
        "compared_with_record": _record(report),
        "not_replayed": {str(reason): count for reason, count in sorted(report.left.items())},
        "limits": list(report.limits()),
    }
    return json.dumps(document, indent=2, ensure_ascii=False)


def _changed(report: Report, found: Changed) -> dict[str, object]:
    groups = {
        f"by_{group}": [{group: name or None, **_rule(report, group, name), **_line(line, examples=group == "rule")} for name, line in lines(by)]
        for group, by in found.by.items()
    }  # fmt: skip
    return {**_line(found.whole, examples=False), **groups}


def _rule(report: Report, group: str, name: str) -> dict[str, str]:
    known = report.rules.get(name) if group == "rule" else None
    return {"place": known.place, "mode": known.mode, "verb": known.verb, "owner": known.owner} if known else {}


def _line(line: Line, *, examples: bool) -> dict[str, object]:
    told: dict[str, object] = {
        "calls": line.calls,
        "worth_usd": exact_usd(line.worth_nusd),
        "cost_change_usd": exact_usd(line.delta_nusd),
        "people": len(line.people),
    }
    return told | {"decisions": line.examples} if examples else told


def _record(report: Report) -> dict[str, object] | None:
    if not report.is_running:
        return None
    tally = report.tally
    reasons = {str(reason): count for reason, count in sorted(tally.doubts.items())}
    return {"differ": tally.doubts.total(), "reasons": reasons, "decisions": tally.doubted}
