"""Bulk work in rows: jobs that say how far they are, go on where a worker died, and do nothing twice.

Authoritative is the engine: each row is judged when it is done, by the rights of whoever sent it. A row that fires an event
carries a key of its own, so a worker that dies between the engine's commit and ours does nothing twice.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any, NamedTuple

from sqlalchemy import Connection, delete, func, insert, select, update

from workflow import Actor, Engine
from workflow.errors import KeyReused, NotFound, Text
from workflow.overview import identifier, marks, visible

from .bulk import RowIn, run
from .dispatch import no_case
from .letters import Papers
from .moves import moved
from .problems import Problem, told
from .store import Shelf, insert_once, stamp
from .tables import ERASURE

AT_ONCE = 100
"""rows that are done before the answer, or before it is noted how far it is"""
EVENTS, LETTERS, MOVES = "events", "letters", "moves"
"""what the rows of a job ask for: an event or a new case; the documents of a case; a case moved to another version"""
CASES_AT_ONCE = 4
"""cases of which the documents are made before it is noted how far it is: some tenths of a second"""
KEPT, TOLD = timedelta(hours=24), timedelta(days=90)
"""how long documents that were made can be fetched, and what came of other rows is told; then the job is gone"""
RETRY_SECONDS = 5
GOOD = '"problem": null'
"""in an outcome that is no refusal"""
NOTHING = {"until": None, "next": None, "result": None}


class Made(NamedTuple):
    """What came of a row, and of a case's documents what they are and of when."""

    outcome: dict[str, Any]
    content: bytes | None = None
    mark: str | None = None


class Kept(NamedTuple):
    """A case of which documents were made, and how far it was then."""

    row: int
    case: str
    mark: str | None


class Jobs:
    """Whoever has time advances them (`tibandu serve` does; a host may), and any number may at once. Documents are made by
    whoever has `papers`.
    """

    def __init__(self, engine: Engine, papers: Papers | None = None) -> None:
        self._engine = engine
        self._shelf = Shelf(engine)
        self._papers = papers

    def submit(
        self, actor: Actor, rows: Sequence[Mapping[str, Any]], key: str | None, kind: str = EVENTS,
        said: Mapping[str, Any] | None = None,
    ) -> str:  # fmt: skip
        """Keep the rows, and what was said for all of them; the id of the job. The same key of the same person gives the job it
        gave before.

        Raises KeyReused for other rows, or for something else said.
        """
        id_ = self._id(actor, key)
        t, packed = self._shelf.tables, [_packed(actor, row) for row in rows]
        whole = None if said is None else json.dumps(said, ensure_ascii=False, sort_keys=True)
        digest = hashlib.sha256((whole or "\n".join(packed)).encode()).hexdigest()
        now = self._engine.clock.now().astimezone(UTC)
        counts = {"total": len(rows), "done": 0, "refused": 0}
        until = stamp(now + (KEPT if kind == LETTERS else TOLD))
        lines = [{"batch_id": id_, "row": n, "request": text} for n, text in enumerate(packed)]
        with self._shelf.connection(write=True) as connection:
            new = {
                "id": id_, "kind": kind, "person": actor.person, "digest": digest, "created_at": now.isoformat(), "until": until,
                "said": whole, **counts,
            }  # fmt: skip
            if insert_once(connection, t.batch, new):
                if lines:
                    connection.execute(insert(t.batch_row), lines)
                return id_
            known = connection.execute(select(t.batch.c.digest).where(t.batch.c.id == id_)).scalar()
        if known != digest:
            text = Text("同一幂等键曾用于另一请求", "this idempotency key was used for another request")
            raise KeyReused(text)
        return id_

    def known(self, actor: Actor, key: str) -> bool:
        """Whether this person submitted one with that key."""
        b = self._shelf.tables.batch.c
        with self._shelf.connection() as connection:
            return connection.execute(select(b.id).where(b.id == self._id(actor, key))).first() is not None

    def _id(self, actor: Actor, key: str | None) -> str:
        return identifier(self._engine, key and f"{actor.person}\n{key}")

    def read(self, id: str, actor: Actor, after: int, limit: int) -> dict[str, Any]:
        """How far it is, and a page of what is done. Raises NotFound for a job that is not this person's."""
        b, r = self._shelf.tables.batch.c, self._shelf.tables.batch_row.c
        with self._shelf.connection() as connection:
            found = connection.execute(select(*b).where(*self._own(id, actor))).mappings().first()
            if found is None:
                raise NotFound(Text("没有这个批次", "there is no such batch"))
            query = select(r.outcome).where(r.batch_id == id, r.row > after, r.outcome.is_not(None))
            rows = [
                json.loads(text) for text in connection.execute(query.order_by(r.row).limit(limit)).scalars()
            ]
        further = rows[-1]["row"] if rows and rows[-1]["row"] + 1 < found["total"] else None
        created_at = datetime.fromisoformat(found["created_at"])
        until = found["until"] and datetime.fromisoformat(found["until"])
        return {**NOTHING, **found, "created_at": created_at, "until": until, "rows": rows, "next": further}

    def contents(self, id: str, actor: Actor) -> Iterator[bytes]:
        """What was made for those cases of a job that its person may know of still, in order. Raises NotFound; Problem 409 while
        something of it is to be made, or to be made anew.
        """
        if not self.ready(id, actor):
            raise self._not_ready()
        made = self._made(id)
        seen = visible(self._engine, actor, {one.case for one in made})
        for one in made:
            if one.case in seen:
                yield self._content(id, one.row)

    def ready(self, id: str, actor: Actor) -> bool:
        """Whether the documents of a job are made and still what may be said of their cases; those that are not are to be made
        again, by whoever works on jobs. Raises NotFound.
        """
        found = self.read(id, actor, -1, 0)
        if found["kind"] != LETTERS:
            raise NotFound(Text("没有这个批次", "there is no such batch"))
        if found["done"] < found["total"]:
            return False
        made = self._made(id)
        cases = {one.case for one in made}
        now, seen = marks(self._engine, cases), visible(self._engine, actor, cases)
        stale = [one.row for one in made if one.case in seen and one.mark != now.get(one.case)]
        if stale:
            self._again(id, stale)
        return not stale

    def _made(self, id: str) -> list[Kept]:
        r = self._shelf.tables.batch_row.c
        query = select(r.row, r.request, r.mark).where(r.batch_id == id, r.outcome.contains(GOOD))
        with self._shelf.connection() as connection:
            rows = connection.execute(query.order_by(r.row)).all()
        return [Kept(one.row, json.loads(one.request)["row"]["case"], one.mark) for one in rows]

    def _content(self, id: str, row: int) -> bytes:
        """What was made. Raises Problem 409 where an erasure has just taken it out."""
        r = self._shelf.tables.batch_row.c
        with self._shelf.connection() as connection:
            query = select(r.content).where(r.batch_id == id, r.row == row)
            content = connection.execute(query).scalar()
        if content is None:
            raise self._not_ready()
        return bytes(content)

    def _again(self, id: str, rows: Sequence[int]) -> None:
        table = self._shelf.tables.batch_row
        nothing = {"outcome": None, "content": None, "mark": None}
        with self._shelf.connection(write=True) as connection:
            here = (table.c.batch_id == id, table.c.row.in_(rows))
            connection.execute(update(table).where(*here).values(**nothing))
        self._count(id)

    def _not_ready(self) -> Problem:
        text = Text(
            "文书正在生成或更新，请稍后再取",
            "the documents are being made, or made anew: fetch them a little later",
        )
        return Problem("not_ready", text, headers={"Retry-After": str(RETRY_SECONDS)})

    def _own(self, id: str, actor: Actor) -> tuple[Any, ...]:
        b = self._shelf.tables.batch.c
        return (
            b.id == id,
            b.person == actor.person,
            b.until.is_(None) | (b.until > stamp(self._shelf.now())),
        )

    def advance(self) -> int:
        """Do the next rows of the oldest job that is not done, documents last; how many. 0: there is nothing to do."""
        b, kinds = self._shelf.tables.batch.c, (EVENTS, MOVES, *((LETTERS,) if self._papers else ()))
        with self._shelf.connection() as connection:
            waiting = select(b.id).where(b.done < b.total, b.kind.in_(kinds))
            waiting = waiting.order_by(b.kind == LETTERS, b.created_at, b.id)
            id_ = connection.execute(waiting.limit(1)).scalar()
        return self._some(id_) if id_ is not None else 0

    def sweep(self) -> None:
        """Forget the jobs whose time is over; events that were not done yet are done first."""
        b, t = self._shelf.tables.batch.c, self._shelf.tables
        over = (b.until <= stamp(self._shelf.now()), (b.done == b.total) | (b.kind == LETTERS))
        with self._shelf.connection(write=True) as connection:
            self._shelf.lock_name(connection, ERASURE)
            ids = connection.execute(select(b.id).where(*over)).scalars().all()
            if ids:
                connection.execute(delete(t.batch_row).where(t.batch_row.c.batch_id.in_(ids)))
                connection.execute(delete(t.batch).where(b.id.in_(ids)))

    def work(self, id: str) -> None:
        """Do all of one job."""
        while self._some(id):
            pass

    def _some(self, id_: str) -> int:
        """The next rows of a job: done, and then noted together."""
        b, r = self._shelf.tables.batch.c, self._shelf.tables.batch_row.c
        query = select(r.row, r.request).where(r.batch_id == id_, r.outcome.is_(None))
        with self._shelf.connection() as connection:
            kind, said = connection.execute(select(b.kind, b.said).where(b.id == id_)).one()
            most = CASES_AT_ONCE if kind == LETTERS else AT_ONCE
            lines = connection.execute(query.order_by(r.row).limit(most)).all()
        if not lines:
            return 0
        asked = [json.loads(line.request) for line in lines]
        actor, rows = (
            Actor(**asked[0]["actor"]),
            {line.row: one["row"] for line, one in zip(lines, asked, strict=True)},
        )
        if kind == MOVES:
            done = [Made(outcome) for outcome in moved(self._engine, actor, json.loads(said), rows)]
        else:
            done = self._events(id_, actor, rows) if kind == EVENTS else self._letters(actor, rows)
        self._note(id_, kind, done)
        return len(lines)

    def _note(self, id_: str, kind: str, done: Sequence[Made]) -> None:
        """What came of the rows. What an event said stands with its case and no longer here; a document of a case that has
        changed since it was begun, or lost something to an erasure, is not kept.
        """
        table = self._shelf.tables.batch_row
        with self._shelf.connection(write=True) as connection:
            now = self._marks_now(connection, done) if kind == LETTERS else {}
            for one in done:
                values: dict[str, Any] = {"outcome": json.dumps(one.outcome, ensure_ascii=False)}
                if kind == EVENTS:
                    values["request"] = ""
                elif one.mark == now.get(one.outcome["case"]):
                    values |= {"content": one.content, "mark": one.mark}
                here = (table.c.batch_id == id_, table.c.row == one.outcome["row"])
                connection.execute(update(table).where(*here).values(**values))
        self._count(id_)

    def _marks_now(self, connection: Connection, done: Sequence[Made]) -> Mapping[str, str]:
        """How far the cases are; nothing is erased from now on until the commit."""
        self._shelf.lock_name(connection, ERASURE)
        return marks(self._engine, {one.outcome["case"] for one in done if one.content}, session=connection)

    def _events(self, id_: str, actor: Actor, rows: Mapping[int, Mapping[str, Any]]) -> list[Made]:
        """They are always the first that are not noted, one after the other."""
        asked = RowIn(many=True).load(list(rows.values()))
        outcomes = run(self._engine, actor, asked, f"batch/{id_}", min(rows))
        return [Made(outcome) for outcome in outcomes]

    def _letters(self, actor: Actor, rows: Mapping[int, Mapping[str, Any]]) -> list[Made]:
        """The documents of each case as a ZIP of its own; of one that its person may not know of any more, or of which none can
        be made, why not.
        """
        assert self._papers is not None  # noqa: S101 - without them no such job is taken
        found: list[Made] = []
        # before they are made: what comes between is seen
        now = marks(self._engine, {row["case"] for row in rows.values()})
        for number, row in rows.items():
            file, case, error = BytesIO(), row["case"], None
            try:
                self._papers.pack([case], row["letters"], file, actor, row.get("here"))
            except Exception as fault:  # noqa: BLE001 - whatever one case does, the others get theirs; `told` logs it
                error = no_case() if isinstance(fault, NotFound) else fault
            outcome = {"row": number, "case": None if error else case, "state": None, "revision": None}
            outcome["problem"] = told(error) if error else None
            found.append(Made(outcome) if error else Made(outcome, file.getvalue(), now.get(case)))
        return found

    def _count(self, id_: str) -> None:
        table, r = self._shelf.tables.batch, self._shelf.tables.batch_row.c
        done = select(func.count()).where(r.batch_id == id_, r.outcome.is_not(None)).scalar_subquery()
        refused = select(func.count()).where(r.batch_id == id_, ~r.outcome.contains(GOOD)).scalar_subquery()
        with self._shelf.connection(write=True) as connection:
            connection.execute(update(table).where(table.c.id == id_).values(done=done, refused=refused))


def _packed(actor: Actor, row: Mapping[str, Any]) -> str:
    who = {name: getattr(actor, name) for name in ("person", "on_behalf_of", "role", "unit")}
    return json.dumps({"actor": who, "row": row}, ensure_ascii=False, sort_keys=True)
