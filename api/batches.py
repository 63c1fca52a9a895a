"""Many events at once, with an answer for each row; a large batch is a job that says how far it is (`jobs.py`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Any

from flask import url_for
from marshmallow import Schema, fields, validate

from workflow.errors import Text

from .bulk import RowIn, run
from .dispatch import open_each
from .jobs import AT_ONCE, LETTERS, NOTHING, Jobs
from .prefer import LATER, prefers
from .routes import Ask, Out, Reply, Route
from .schemas import FaultOut, Instant, Numeral, Paged, Strict, Words
from .uploads import own_rows

MOST_ROWS = 5000


class BatchIn(Strict):
    """Rows, in order."""

    rows = fields.List(fields.Nested(RowIn), required=True, validate=validate.Length(min=1, max=MOST_ROWS))


class RowFault(FaultOut):
    """One reason, in both languages."""

    class Meta:
        """A row has no language of its own."""

        exclude = ("detail",)


class RowProblem(Schema):
    """Why not."""

    code = fields.Str(required=True)
    status = fields.Int(required=True)
    texts = fields.Nested(Words, required=True)
    errors = fields.List(fields.Nested(RowFault))


class RowOut(Schema):
    """What came of a row."""

    row = fields.Int(required=True, metadata={"description": "counts from 0"})
    case = fields.Str(required=True, allow_none=True)
    state = fields.Str(required=True, allow_none=True)
    revision = fields.Int(required=True, allow_none=True)
    problem = fields.Nested(RowProblem, required=True, allow_none=True)


class BatchOut(Schema):
    """How far it is."""

    id = fields.Str(
        required=True, allow_none=True, metadata={"description": "of a job; none when it was done at once"}
    )
    created_at = Instant(required=True)
    until = Instant(
        required=True, allow_none=True, metadata={"description": "then the job and what it made are gone"}
    )
    total = fields.Int(required=True)
    done = fields.Int(required=True)
    refused = fields.Int(required=True)
    rows = fields.List(fields.Nested(RowOut), required=True, metadata={"description": "those that are done"})
    next = fields.Int(
        required=True, allow_none=True, metadata={"description": "`after` of the following page"}
    )
    result = fields.Str(
        required=True, allow_none=True, metadata={"description": "where what was made can be fetched"}
    )


class After(Paged):
    """From which row on."""

    class Meta:
        """Rows are counted, there is nothing to hide."""

        exclude = ("cursor",)

    after = Numeral(
        validate=validate.Range(0, MOST_ROWS),
        metadata={"description": "`next` of the answer before; from the first row on where it is left out"},
    )


# --- views


def batch(ask: Ask) -> Reply:
    """At once, or as a job. With a key it is kept like a job, so that it can be told again."""
    rows, jobs = ask.body["rows"], Jobs(ask.engine)
    open_each(ask.engine, ask.actor, {row["case"] for row in rows if "case" in row})
    own_rows(ask.desk, ask.actor, rows)
    later = is_later(ask, len(rows))
    if not later and ask.key is None:
        return at_once(ask, run(ask.engine, ask.actor, rows, None, 0))
    id_ = jobs.submit(ask.actor, RowIn(many=True).dump(rows), ask.key)
    return accepted(ask, id_) if later else worked(ask, id_)


def is_later(ask: Ask, rows: int) -> bool:
    """Whether it is a job: so many, or so asked for."""
    return rows > AT_ONCE or prefers(ask.request, LATER)


def at_once(ask: Ask, outcomes: Sequence[Mapping[str, Any]]) -> Reply:
    """What came of rows that were done just now, and of which nothing is kept."""
    refused = sum(1 for outcome in outcomes if outcome["problem"])
    counts = {"total": len(outcomes), "done": len(outcomes), "refused": refused}
    now = ask.engine.clock.now().astimezone(UTC)
    return Reply({"id": None, "created_at": now, **NOTHING, **counts, "rows": outcomes})


def worked(ask: Ask, id_: str) -> Reply:
    """A job that is done before the answer, and kept."""
    jobs = Jobs(ask.engine)
    jobs.work(id_)
    return Reply(jobs.read(id_, ask.actor, -1, AT_ONCE))


def accepted(ask: Ask, id_: str) -> Reply:
    """A job that somebody will do, and where to ask how far it is."""
    address = url_for(f"{ask.desk.blueprint.name}.batch_job", batch=id_)
    return Reply(Jobs(ask.engine).read(id_, ask.actor, -1, 0), 202, {"Location": address})


def job(ask: Ask) -> Reply:
    """A job of one's own."""
    found = Jobs(ask.engine).read(
        ask.path["batch"], ask.actor, ask.query.get("after", -1), ask.query["limit"]
    )
    if found["kind"] == LETTERS and found["done"] == found["total"]:
        found["result"] = url_for(f"{ask.desk.blueprint.name}.batch_letters", batch=found["id"])
    return Reply(found)


BATCHES = (
    Route(
        method="POST", path="/v1/batches", name="batch", view=batch, permission="person", audit="history", tag="cases",
        text=Text(f"批量：{AT_ONCE} 行以内即时完成，更多则为任务", f"many events: up to {AT_ONCE} rows at once, more as a job"),
        scope="cases:write", body=BatchIn, keyed=True, prefers=(LATER,),
        out={
            200: Out(BatchOut, Text("逐行结果", "a result for each row")),
            202: Out(BatchOut, Text("已接受的任务", "a job that was accepted"), headers=("Location",)),
        },
    ),
    Route(
        method="GET", path="/v1/batches/<batch>", name="batch_job", view=job, permission="person", audit="none", tag="cases",
        text=Text("任务进度与逐行结果", "how far a job is, and its results"), scope="cases:read", query=After,
        out={200: Out(BatchOut, Text("进度", "how far it is"))}, problems=("not_found",),
    ),
)  # fmt: skip
