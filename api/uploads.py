"""Who brought a document. To know the hash of a content gives nothing: whoever names a document has brought it himself, or finds
it in the case to which he adds it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, select, true, update

from workflow import Actor, Engine
from workflow.errors import NotFound, Text

from .problems import MOST_ERRORS, Problem, pointer
from .routes import Desk
from .store import Shelf, insert_once, stamp

REMEMBERED = timedelta(days=90)
"""how long whoever brought a document may name it in a case that does not have it"""
RENEWED = timedelta(hours=12)
"""what was brought or named before that is renewed when it is named: half of the least time for which it waits"""
TOGETHER = 500
"""hashes in one question"""
NOT_HIS = Text(
    "没有这个文件：请先上传（POST /v1/documents）", "no such document: upload it first (POST /v1/documents)"
)

HOLDING = {dict, list}
"""what may name a document, as JSON is read"""
Named = tuple[str, Mapping[str, Any]]
"""where a document is named (a JSON pointer), and as what"""


class Uploads:
    """Documents by who brought them."""

    def __init__(self, engine: Engine) -> None:
        self._shelf = Shelf(engine)

    def note(self, person: str, sha256: str, size: int) -> None:
        """He has the content, of so many bytes: he just sent it."""
        table = self._shelf.tables.upload
        row = {"sha256": sha256, "person": person, "size": size, "at": stamp(self._shelf.now())}
        with self._shelf.connection(write=True) as connection:
            if not insert_once(connection, table, row):
                here = (table.c.sha256 == sha256, table.c.person == person)
                connection.execute(update(table).where(*here).values(at=row["at"], leaving=None))

    def sweep(self, *, lasting: bool = False) -> None:
        """Forget who brought long ago what a case names by now; he brings it again.

        What none names is remembered until it has gone (abandoned.py), else nobody would know of it; but not where documents
        are `lasting`, kept in a place that lets none go.
        """
        t, named = self._shelf.tables.upload, self._shelf.tables.named.c
        known = select(1).where(named.sha256 == t.c.sha256).exists()
        old = (t.c.at < stamp(self._shelf.now() - REMEMBERED), true() if lasting else known)
        with self._shelf.connection(write=True) as connection:
            connection.execute(delete(t).where(*old))

    def of(self, person: str, wanted: set[str]) -> set[str]:
        """Those of these hashes that he has brought, to be named now: they do not go meanwhile (abandoned.py)."""
        t, found, hashes = self._shelf.tables.upload.c, dict[str, str](), sorted(wanted)
        with self._shelf.connection() as connection:
            for start in range(0, len(hashes), TOGETHER):
                some = hashes[start : start + TOGETHER]
                query = select(t.sha256, t.at).where(
                    t.sha256.in_(some), t.person == person, t.leaving.is_(None)
                )
                found.update((row.sha256, row.at) for row in connection.execute(query))
        fresh = stamp(self._shelf.now() - RENEWED)
        old = {sha256 for sha256, at in found.items() if at < fresh}
        return (found.keys() - old) | (self._renewed(person, old) if old else set())

    def _renewed(self, person: str, hashes: set[str]) -> set[str]:
        """Those that are still there, as if he had brought them now. Waits for whoever is letting one of them go."""
        table = self._shelf.tables.upload
        with self._shelf.connection(write=True) as connection:
            mine = (table.c.sha256.in_(sorted(hashes)), table.c.person == person)
            rows = select(table).where(*mine).order_by(table.c.sha256).with_for_update()
            left = [row.sha256 for row in connection.execute(rows) if row.leaving is None]
            here = (table.c.sha256.in_(left), table.c.person == person)
            connection.execute(update(table).where(*here).values(at=stamp(self._shelf.now())))
        return set(left)


def own(desk: Desk, actor: Actor, body: Mapping[str, Any], case: str | None) -> None:
    """Every document named in the body is one he may name; `case` is the case it goes to. Raises Problem 422, in the same words
    for one that is not there. Where the service keeps no documents nothing is to be read by a hash.
    """
    data = body.get("data", {})
    if HOLDING.isdisjoint(map(type, data.values())):
        return
    named = list(_named(data, ("data",)))
    if named:
        _refuse(desk, actor, [(place, document, case) for place, document in named])


def own_rows(desk: Desk, actor: Actor, rows: list[dict[str, Any]]) -> None:
    """The same for the rows of a batch."""
    named = [
        (place, document, row.get("case"))
        for number, row in enumerate(rows)
        for place, document in _named(row.get("data", {}), ("rows", str(number), "data"))
    ]
    if named:
        _refuse(desk, actor, named)


def _refuse(desk: Desk, actor: Actor, named: list[tuple[str, Mapping[str, Any], str | None]]) -> None:
    if desk.documents is None:
        return
    brought = Uploads(desk.engine).of(actor.person, {str(document["sha256"]) for _, document, _ in named})
    left = [one for one in named if str(one[1]["sha256"]) not in brought]
    seen = {case: _in(desk, case, actor) for case in {case for _, _, case in left if case is not None}}
    wrong = [place for place, document, case in left if document["sha256"] not in seen.get(case or "", ())]
    if wrong:
        texts = {"zh": NOT_HIS.zh, "en": NOT_HIS.en}
        errors = [
            {"code": "document.unknown", "texts": texts, "pointer": place} for place in wrong[:MOST_ERRORS]
        ]
        raise Problem("form_invalid", NOT_HIS, errors=errors)


def still_named(desk: Desk, actor: Actor, hashes: set[str], case: str | None) -> bool:
    """Whether what a page of ours carried all stays: he has brought it, and it does not go meanwhile, or the case names it. A
    page may lie open for longer than a document waits.
    """
    if desk.documents is None or not hashes:
        return True
    left = hashes - Uploads(desk.engine).of(actor.person, hashes)
    return not left or (case is not None and left <= _in(desk, case, actor))


def _in(desk: Desk, case: str, actor: Actor) -> set[str]:
    """The documents of a case and of its root, as far as this person may know of them."""
    try:
        here = desk.engine.case(case, actor=actor)
    except NotFound:
        return set()
    found = {str(document["sha256"]) for _, document in _named(here.data, ())}
    return found if here.root == here.id else found | _in(desk, here.root, actor)


def _named(data: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[Named]:
    """Whatever looks like a document; whether the form asks for one there is the engine's to say."""
    for name, value in data.items():
        if isinstance(value, Mapping) and isinstance(value.get("sha256"), str):
            yield pointer(*path, name), value
        elif isinstance(value, list):
            found = _named({str(n): one for n, one in enumerate(value)}, (*path, name))
            yield from found
