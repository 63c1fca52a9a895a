"""Running cases to another version of their definition (迁移): what is asked for all of them, and what came of each."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from workflow import Actor, Engine
from workflow.errors import DefinitionError, NotFound, Reason, Text
from workflow.migrating import Checked, Migration
from workflow.overview import cases_of

from .problems import Problem, pointer, reason_of, told

KEPT = Text("该案留在原版本", "the case stays under its version")


def planned(engine: Engine, said: Mapping[str, Any], cases: Collection[str] | None = None) -> Migration:
    """The migration that was asked for. Raises Problem 422 with everything that is wrong with it."""
    file = said["map"].encode("utf-8", "surrogatepass") if said["map"] else None
    try:
        return Migration(engine, said["kind"], said["to"], file=file, state=said["state"], cases=cases)
    except NotFound as error:
        wrong = "state" if repr(said["state"]) in error.text.en else "to"
        raise _invalid(wrong, [error.text]) from None
    except DefinitionError as error:
        lines = [
            Text(
                f"第 {f.line} 行第 {f.column} 列：{f.text.zh}",
                f"line {f.line}, column {f.column}: {f.text.en}",
            )
            for f in error.faults
        ]
        raise _invalid("map", lines) from None


def _invalid(field: str, texts: list[Text]) -> Problem:
    errors = [
        {"code": "form.invalid", "texts": {"zh": text.zh, "en": text.en}, "pointer": pointer(field)}
        for text in texts
    ]
    whole = Text("；".join(text.zh for text in texts), "; ".join(text.en for text in texts))
    return Problem("form_invalid", whole, errors=errors)


def moved(
    engine: Engine, actor: Actor, said: Mapping[str, Any], rows: Mapping[int, Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Each of these cases moved, or only judged where that was asked for; what came of it. One that has moved already, or ended,
    is as it is. A case of which this person may not know (an operator may know of none) is moved and not named.
    """
    found = {number: _one(engine, actor, said, row["case"]) for number, row in rows.items()}
    known = cases_of(engine, actor, {row["case"] for row in rows.values()})
    return [_told(number, found[number], known.get(row["case"])) for number, row in rows.items()]


def _one(engine: Engine, actor: Actor, said: Mapping[str, Any], case: str) -> Checked | Exception | None:
    try:
        migration = planned(engine, said, [case])
        steps: Iterator[Checked] = iter(
            migration.preview(actor, operator=said["operator"])
            if said["dry_run"]
            else migration.apply(actor, operator=said["operator"])
        )
        return next(steps, None)
    except Exception as error:  # noqa: BLE001 - whatever one case does, the others get their answer; `told` logs it
        return error


def _told(row: int, found: Checked | Exception | None, case: Any) -> dict[str, Any]:
    outcome = {
        "row": row,
        "case": case and case.id,
        "state": case and case.state,
        "revision": case and case.revision,
    }
    problem = told(found) if isinstance(found, Exception) else None
    if isinstance(found, Checked):
        outcome["state"] = found.state if found.obstacles else found.new_state
        problem = told(stays(found.obstacles)) if found.obstacles else None
    return outcome | {"problem": problem}


def stays(reasons: Collection[Reason]) -> Problem:
    """The case stays, and why."""
    return Problem("stays", KEPT, errors=[reason_of(reason) for reason in reasons])
