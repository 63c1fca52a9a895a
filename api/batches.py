"""Many events at once, with an answer for each row; a large batch is a job that says how far it is.

Authoritative is the engine: each row is an event like any other, judged when it is done, by the rights of whoever sent it. A row
of a job carries a key of its own, so a worker that dies between the engine's commit and ours does nothing twice.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from flask import url_for
from marshmallow import Schema, ValidationError, fields, validate, validates_schema
from sqlalchemy import func, insert, select, update

from workflow import Actor, Engine
from workflow.errors import KeyReused, NotFound, Text
from workflow.model import Outcome, Request
from workflow.overview import identifier, visible

from .dispatch import no_case
from .problems import told
from .routes import Ask, Out, Reply, Route
from .schemas import NAME, PARTY, TENANT, Day, FaultOut, Instant, Paged, Strict, Words
from .store import Shelf, insert_once
from .uploads import own_rows

AT_ONCE = 100
"""rows that are done before the answer"""
MOST_ROWS = 5000
REQUEST = ("case", "event", "data", "revision", "effective_on", "reason", "kind", "tenant", "role", "unit")


class RowIn(Strict):
    """An event (`case`, `event`), or a new case (`kind`, `tenant`)."""

    case = fields.Str(validate=validate.Regexp(r"[0-9A-Za-z_-]{1,40}\Z"))
    event = fields.Str(validate=NAME)
    kind = fields.Str(validate=NAME)
    tenant = fields.Str(validate=[validate.Length(max=200), TENANT])
    data = fields.Dict(keys=fields.Str(), load_default=dict)
    revision = fields.Int(
        validate=validate.Range(1, 2**53), metadata={"description": "the one that was seen"}
    )
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
    total = fields.Int(required=True)
    done = fields.Int(required=True)
    refused = fields.Int(required=True)
    rows = fields.List(fields.Nested(RowOut), required=True, metadata={"description": "those that are done"})
    next = fields.Int(
        required=True, allow_none=True, metadata={"description": "`after` of the following page"}
    )


class After(Paged):
    """From which row on."""

    class Meta:
        """Rows are counted, there is nothing to hide."""

        exclude = ("cursor",)

    after = fields.Int(load_default=-1, validate=validate.Range(-1, MOST_ROWS))


# --- views


def batch(ask: Ask) -> Reply:
    """At once, or as a job. With a key it is kept like a job, so that it can be told again."""
    rows, jobs = ask.body["rows"], Jobs(ask.engine)
    own_rows(ask.desk, ask.actor, rows)
    later = len(rows) > AT_ONCE or "respond-async" in ask.request.headers.get("Prefer", "").lower()
    if not later and ask.key is None:
        outcomes = _run(ask.engine, ask.actor, rows, None, 0)
        refused = sum(1 for outcome in outcomes if outcome["problem"])
        counts = {"total": len(rows), "done": len(rows), "refused": refused}
        now = ask.engine.clock.now().astimezone(UTC)
        return Reply({"id": None, "created_at": now, **counts, "rows": outcomes, "next": None})
    id_ = jobs.submit(ask.actor, rows, ask.key)
    if not later:
        jobs.work(id_)
        return Reply(jobs.read(id_, ask.actor, -1, AT_ONCE))
    address = url_for(f"{ask.desk.blueprint.name}.batch_job", batch=id_)
    return Reply(jobs.read(id_, ask.actor, -1, 0), 202, {"Location": address})


def job(ask: Ask) -> Reply:
    """A job of one's own."""
    return Reply(Jobs(ask.engine).read(ask.path["batch"], ask.actor, ask.query["after"], ask.query["limit"]))


def _run(
    engine: Engine, actor: Actor, rows: Sequence[Mapping[str, Any]], key: str | None, first: int
) -> list[dict[str, Any]]:
    """Fire them in one transaction, each in a savepoint; a case nobody may know of is as if there were none."""
    seen = visible(engine, actor, {row["case"] for row in rows if "case" in row})
    known = [index for index, row in enumerate(rows) if "case" not in row or row["case"] in seen]
    requests = [_request(actor, rows[index], key and f"{key}/{first + index}") for index in known]
    outcomes = dict(zip(known, engine.batch(requests), strict=True))
    nothing = [outcomes.get(index, Outcome(row=index, error=no_case())) for index in range(len(rows))]
    return [_shown(first + index, outcome) for index, outcome in enumerate(nothing)]


def _request(actor: Actor, row: Mapping[str, Any], key: str | None) -> Request:
    who = replace(actor, role=row.get("role", actor.role), unit=row.get("unit", actor.unit))
    given = {name: row[name] for name in REQUEST[:8] if name in row}
    return Request(actor=who, key=key, **given)


def _shown(row: int, outcome: Outcome) -> dict[str, Any]:
    if outcome.case is not None:
        case = outcome.case
        return {"row": row, "case": case.id, "state": case.state, "revision": case.revision, "problem": None}
    return {"row": row, "case": None, "state": None, "revision": None, "problem": told(outcome.error)}


# --- jobs


class Jobs:
    """Bulk work in rows: whoever has time advances it (`tibandu serve` does; a host may), and any number may at once."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._shelf = Shelf(engine)

    def submit(self, actor: Actor, rows: Sequence[Mapping[str, Any]], key: str | None) -> str:
        """Keep the rows; the id of the job. The same key of the same person gives the job it gave before.

        Raises KeyReused for other rows.
        """
        id_ = identifier(self._engine, key and f"{actor.person}\n{key}")
        t, packed = self._shelf.tables, [_packed(actor, row) for row in rows]
        digest = hashlib.sha256("\n".join(packed).encode()).hexdigest()
        now = self._engine.clock.now().astimezone(UTC).isoformat()
        counts = {"total": len(rows), "done": 0, "refused": 0}
        lines = [{"batch_id": id_, "row": n, "request": text} for n, text in enumerate(packed)]
        with self._shelf.connection(write=True) as connection:
            new = {"id": id_, "person": actor.person, "digest": digest, "created_at": now, **counts}
            if insert_once(connection, t.batch, new):
                connection.execute(insert(t.batch_row), lines)
                return id_
            known = connection.execute(select(t.batch.c.digest).where(t.batch.c.id == id_)).scalar()
        if known != digest:
            text = Text("同一幂等键曾用于另一请求", "this idempotency key was used for another request")
            raise KeyReused(text)
        return id_

    def read(self, id: str, actor: Actor, after: int, limit: int) -> dict[str, Any]:
        """How far it is, and a page of what is done. Raises NotFound for a job that is not this person's."""
        b, r = self._shelf.tables.batch.c, self._shelf.tables.batch_row.c
        with self._shelf.connection() as connection:
            found = (
                connection.execute(select(*b).where(b.id == id, b.person == actor.person)).mappings().first()
            )
            if found is None:
                raise NotFound(Text("没有这个批次", "there is no such batch"))
            query = select(r.outcome).where(r.batch_id == id, r.row > after, r.outcome.is_not(None))
            rows = [
                json.loads(text) for text in connection.execute(query.order_by(r.row).limit(limit)).scalars()
            ]
        further = rows[-1]["row"] if rows and rows[-1]["row"] + 1 < found["total"] else None
        created_at = datetime.fromisoformat(found["created_at"])
        return {**found, "created_at": created_at, "rows": rows, "next": further}

    def advance(self) -> int:
        """Do the next rows of the oldest job that is not done; how many. 0: there is nothing to do."""
        b = self._shelf.tables.batch.c
        with self._shelf.connection() as connection:
            waiting = select(b.id).where(b.done < b.total).order_by(b.created_at, b.id).limit(1)
            id_ = connection.execute(waiting).scalar()
        return self._some(id_) if id_ is not None else 0

    def work(self, id: str) -> None:
        """Do all of one job."""
        while self._some(id):
            pass

    def _some(self, id_: str) -> int:
        """The next rows of a job: fired, and then noted together. They are always the first that are not noted."""
        table = self._shelf.tables.batch_row
        query = select(table.c.row, table.c.request).where(table.c.batch_id == id_, table.c.outcome.is_(None))
        with self._shelf.connection() as connection:
            lines = connection.execute(query.order_by(table.c.row).limit(AT_ONCE)).all()
        if not lines:
            return 0
        asked = [json.loads(line.request) for line in lines]
        rows = [RowIn().load(one["row"]) for one in asked]
        outcomes = _run(self._engine, Actor(**asked[0]["actor"]), rows, f"batch/{id_}", lines[0].row)
        with self._shelf.connection(write=True) as connection:
            for outcome in outcomes:
                here = (table.c.batch_id == id_, table.c.row == outcome["row"])
                told = json.dumps(outcome, ensure_ascii=False)
                connection.execute(update(table).where(*here).values(outcome=told))
        self._count(id_)
        return len(lines)

    def _count(self, id_: str) -> None:
        table, r = self._shelf.tables.batch, self._shelf.tables.batch_row.c
        done = select(func.count()).where(r.batch_id == id_, r.outcome.is_not(None)).scalar_subquery()
        refused = (
            select(func.count())
            .where(r.batch_id == id_, ~r.outcome.contains('"problem": null'))
            .scalar_subquery()
        )
        with self._shelf.connection(write=True) as connection:
            connection.execute(update(table).where(table.c.id == id_).values(done=done, refused=refused))


def _packed(actor: Actor, row: Mapping[str, Any]) -> str:
    who = {name: getattr(actor, name) for name in ("person", "on_behalf_of", "role", "unit")}
    return json.dumps({"actor": who, "row": RowIn().dump(row)}, ensure_ascii=False, sort_keys=True)


BATCHES = (
    Route(
        method="POST", path="/v1/batches", name="batch", view=batch, permission="person", audit="history", tag="cases",
        text=Text(f"批量：{AT_ONCE} 行以内即时完成，更多则为任务", f"many events: up to {AT_ONCE} rows at once, more as a job"),
        scope="cases:write", body=BatchIn, keyed=True,
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
