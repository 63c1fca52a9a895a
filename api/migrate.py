"""Moving running cases to another version over HTTP: judged with `?dry_run=1`, then done, a result for each case."""

from __future__ import annotations

from typing import Any

from marshmallow import fields, validate

from workflow.errors import NotFound, Text
from workflow.migrating import may_move
from workflow.overview import visible

from .batches import MOST_ROWS, BatchOut, accepted, at_once, is_later, worked
from .dispatch import no_case
from .jobs import MOVES, Jobs
from .limits import Counter, Limit
from .moves import moved, planned
from .prefer import LATER
from .routes import Ask, Out, Reply, Route
from .schemas import CASE, NAME, Strict, Trial, Whole

ASKED = Limit(what="migrations", most=60, seconds=3600)
"""of one person: each may read every case that runs"""


class MigrationIn(Strict):
    """Where to, and of which cases: all that run under another version, or fewer."""

    to = Whole(
        required=True, validate=validate.Range(1, 10**6), metadata={"description": "a published version"}
    )
    map = fields.Str(
        load_default="",
        validate=validate.Length(max=100_000),
        metadata={
            "description": "the content of a file that says what has another name there (docs/migration.md)"
        },
    )
    state = fields.Str(load_default=None, validate=NAME)
    cases = fields.List(
        fields.Str(validate=CASE), load_default=None, validate=validate.Length(min=1, max=MOST_ROWS)
    )


def migrated(ask: Ask) -> Reply:
    """What would come of each case, or what came of it; of more than a hundred as a job."""
    said, jobs = _said(ask), Jobs(ask.engine)
    may_move(ask.engine, ask.actor, operator=said["operator"])
    if ask.key is None or not jobs.known(ask.actor, ask.key):
        Counter(ask.engine).take(ASKED, ask.actor.person)
    rows = [{"case": case} for case in _waiting(ask, said)]
    later = is_later(ask, len(rows))
    if not later and (ask.key is None or said["dry_run"]):
        return at_once(ask, moved(ask.engine, ask.actor, said, dict(enumerate(rows))))
    id_ = jobs.submit(ask.actor, rows, ask.key, MOVES, said)
    return accepted(ask, id_) if later else worked(ask, id_)


def _said(ask: Ask) -> dict[str, Any]:
    kind, operator = ask.path["kind"], ask.actor.person in ask.desk.operators
    if kind not in ask.engine.library.definitions:
        raise NotFound.among(Text("定义", "definition"), kind[:80], ask.engine.library.definitions)
    return {**ask.body, "kind": kind, "operator": operator, "dry_run": ask.query["dry_run"]}


def _waiting(ask: Ask, said: dict[str, Any]) -> list[str]:
    """The cases it is about, as far as this person may know of them; an operator moves all, and is told of none by name."""
    asked = said["cases"]
    if asked is not None and set(asked) - visible(ask.engine, ask.actor, set(asked)):
        raise no_case()
    found = planned(ask.engine, said, asked).waiting()
    if not said["operator"]:
        seen = visible(ask.engine, ask.actor, set(found))
        found = [case for case in found if case in seen]
    return found[:MOST_ROWS]


MIGRATIONS = (
    Route(
        method="POST", path="/v1/definitions/<kind>/migrations", name="migrate", view=migrated, permission="person",
        audit="history", tag="definitions", scope="operate", query=Trial, body=MigrationIn, keyed=True, prefers=(LATER,),
        text=Text("把在办案件迁移到定义的另一版本（获准迁移的统览角色，或管理员）",
                  "move running cases to another version of their definition (an overseeing role that may, an operator)"),
        out={
            200: Out(BatchOut, Text("逐案结果", "a result for each case")),
            202: Out(BatchOut, Text("已接受的任务", "a job that was accepted"), headers=("Location",)),
        },
        problems=("not_found", "too_many"),
    ),
)  # fmt: skip
