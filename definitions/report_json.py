"""The report of a replay as JSON, for a program: the figures of `report.py` under plain names; titles in both languages."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from .records import InputFault
from .report import Report, label

__all__ = ["counted", "faults"]


def counted(report: Report) -> str:
    """What was imported, and what the store then holds."""
    outcome, (printed, inferred) = report.outcome, report.steps
    return _text(
        {
            "records": {"read": outcome.records, "new": outcome.new_records},
            "timelines": {"read": outcome.timelines, "new": outcome.new_timelines},
            "not_run": [timeline.title for timeline in outcome.cppcc],
            "facts": dict(report.facts),
            "states": [{"state": asdict(title), "cases": number} for title, number in report.states],
            "units": dict(report.units),
            "classes": dict(report.classes),
            "satisfactions": dict(report.satisfactions),
            "steps": {"printed": printed, "inferred": inferred},
            "in_time": dict(report.verdicts),
            "why_unknown": dict(report.why_unknown),
            "oddities": [
                {
                    "kind": asdict(one.kind),
                    "case": one.story.case.id,
                    "called": label(one.story),
                    "detail": one.detail,
                }
                for one in report.oddities
            ],
        }
    )


def faults(found: Sequence[InputFault]) -> str:
    """What is wrong with the files; nothing was written."""
    return _text({"faults": [asdict(fault) for fault in found]})


def _text(data: Any) -> str:
    return json.dumps(data, ensure_ascii=False, indent=2) + "\n"
