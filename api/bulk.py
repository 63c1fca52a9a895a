"""One row of many: an event or a new case, judged like any other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from workflow import Actor, Engine
from workflow.model import Outcome, Request
from workflow.overview import visible

from .dispatch import no_case
from .problems import told
from .schemas import CASE, NAME, PARTY, TENANT, Day, Strict, Whole

REQUEST = ("case", "event", "data", "revision", "effective_on", "reason", "kind", "tenant", "role", "unit")


class RowIn(Strict):
    """An event (`case`, `event`), or a new case (`kind`, `tenant`)."""

    case = fields.Str(validate=CASE)
    event = fields.Str(validate=NAME)
    kind = fields.Str(validate=NAME)
    tenant = fields.Str(validate=[validate.Length(max=200), TENANT])
    data = fields.Dict(keys=fields.Str(), load_default=dict)
    revision = Whole(validate=validate.Range(1, 2**53), metadata={"description": "the one that was seen"})
    effective_on = Day()
    reason = fields.Str(validate=validate.Length(min=1, max=2000))
    role = fields.Str(validate=NAME)
    unit = fields.Str(validate=PARTY)

    @validates_schema
    def _one_or_the_other(self, data: Mapping[str, Any], **_: Any) -> None:
        wanted = ("case", "event") if "case" in data or "kind" not in data else ("kind", "tenant")
        missing = {name: ["Missing data"] for name in wanted if name not in data}
        if missing:
            raise ValidationError(missing)


def run(
    engine: Engine, actor: Actor, rows: Sequence[Mapping[str, Any]], key: str | None, first: int
) -> list[dict[str, Any]]:
    """Fire them in one transaction, each in a savepoint; a case nobody may know of is as if there were none."""
    seen = visible(engine, actor, {row["case"] for row in rows if "case" in row})
    known = [index for index, row in enumerate(rows) if "case" not in row or row["case"] in seen]
    requests = [_request(actor, rows[index], key and f"{key}/{first + index}") for index in known]
    outcomes = dict(zip(known, engine.batch(requests), strict=True))
    nothing = [outcomes.get(index, Outcome(row=index, error=no_case())) for index in range(len(rows))]
    return [shown(first + index, outcome) for index, outcome in enumerate(nothing)]


def _request(actor: Actor, row: Mapping[str, Any], key: str | None) -> Request:
    who = replace(actor, role=row.get("role", actor.role), unit=row.get("unit", actor.unit))
    given = {name: row[name] for name in REQUEST[:8] if name in row}
    return Request(actor=who, key=key, **given)


def shown(row: int, outcome: Outcome) -> dict[str, Any]:
    """What came of a row, as it is told."""
    if outcome.case is not None:
        case = outcome.case
        return {"row": row, "case": case.id, "state": case.state, "revision": case.revision, "problem": None}
    return {"row": row, "case": None, "state": None, "revision": None, "problem": told(outcome.error)}
