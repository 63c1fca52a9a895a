"""Taking what was said out of a family (PIPL art. 47): values and salts go, the lines and their hashes stay."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from typing import Any

from sqlalchemy import Connection, and_, insert, or_, select, update

from ..family import ARISES_FROM
from ..fingerprint import naming
from ..history import canonical
from ..ledger import Entry
from .rows import dumps
from .schema import Tables

REASON = Entry._fields.index("reason")

__all__ = ["Erased", "Erasure"]

Erased = dict[str, tuple[int, dict[str, int]]]
"""case -> how many values, and field -> the last line it was taken from"""


class Erasure:
    """One erasure, in the transaction of the connection."""

    def __init__(self, connection: Connection, tables: Tables) -> None:
        self._connection = connection
        self._tables = tables

    def related(self, case: str) -> list[str]:
        """The roots of the families a copy may have gone to: its own, those it begot and those that begot it, and so on."""
        c = self._tables.cases.c
        found = {self._connection.execute(select(c.root_id).where(c.id == case)).scalar_one()}
        todo = set(found)
        while todo:
            near = self._near(todo) - found
            found |= near
            todo = near
        return sorted(found)

    def _near(self, roots: Collection[str]) -> set[str]:
        """One step further."""
        c, m = self._tables.cases.c, self._tables.mark.c
        rows = self._connection.execute(select(c.id, c.data).where(c.root_id.in_(roots))).all()
        above = {json.loads(row.data).get(ARISES_FROM) for row in rows} - {None}
        below = select(m.case_id).where(m.mark.in_([naming(ARISES_FROM, row.id) for row in rows]))
        near = select(c.root_id).where(or_(c.id.in_(above), c.id.in_(below)))
        return set(self._connection.execute(near).scalars())

    def erase(self, case: str, roots: Sequence[str], fields: Sequence[str], note: dict[str, str]) -> Erased:
        """Remove the values and salts of these fields from every line of a case and from the case itself, and every copy of
        them that was carried to another case of these families; note who and why.
        """
        c = self._tables.cases.c
        others = self._connection.execute(
            select(c.id).where(c.root_id.in_(roots), c.id != case).order_by(c.id)
        ).scalars()
        said = self._said(case, fields)
        gone = {case: self._forget(case, note, lambda name, _: name in fields)}
        for relative in others.all():
            gone[relative] = self._forget(
                relative, note, lambda name, value: (name, canonical(value)) in said
            )
        return {id_: found for id_, found in gone.items() if found[0]}

    def erase_own(self, case: str, fields: Sequence[str], note: dict[str, str]) -> Erased:
        """The same in that case alone; copies are other cases' own."""
        found = self._forget(case, note, lambda name, _: name in fields)
        return {case: found} if found[0] else {}

    def _said(self, case: str, fields: Sequence[str]) -> set[tuple[str, str]]:
        d = self._tables.disclosure.c
        bodies = self._connection.execute(select(d.body).where(d.case_id == case)).scalars()
        return {
            (n, canonical(pair[1])) for body in bodies for n, pair in json.loads(body).items() if n in fields
        }

    def _forget(
        self, case: str, note: dict[str, str], gone: Callable[[str, Any], bool]
    ) -> tuple[int, dict[str, int]]:
        """Take out what `gone(name, value)` says: how many values, and for each field the last line it was taken from, which
        `erasure` notes.
        """
        d = self._tables.disclosure
        count, until = 0, dict[str, int]()
        for row in self._connection.execute(select(d).where(d.c.case_id == case).order_by(d.c.seq)).all():
            body = json.loads(row.body)
            left = {name: pair for name, pair in body.items() if not gone(name, pair[1])}
            if len(left) < len(body):
                count += len(body) - len(left)
                until.update(dict.fromkeys(body.keys() - left.keys(), row.seq))
                here = and_(d.c.case_id == case, d.c.seq == row.seq)
                self._connection.execute(update(d).where(here).values(body=canonical(left)))
        if until:
            self._forget_standing(case, gone)
            self._forget_answers(case)
            self._connection.execute(
                insert(self._tables.erasure).values(case_id=case, fields=canonical(until), **note)
            )
        return count, until

    def _forget_standing(self, case: str, gone: Callable[[str, Any], bool]) -> None:
        """The same in what the case is now: its data, and the reasons its clocks were extended for."""
        cases = self._tables.cases
        found = self._connection.execute(select(cases.c.data, cases.c.clocks).where(cases.c.id == case)).one()
        data, clocks = json.loads(found.data), json.loads(found.clocks)
        kept = {name: value for name, value in data.items() if not gone(name, value)}
        for (*_, entries), *_ in clocks.values():
            for entry in entries:
                if entry[0] == "extend" and gone("@reason", entry[REASON] or None):
                    entry[REASON] = ""
        texts = {"data": dumps(kept), "clocks": dumps(clocks)}
        self._connection.execute(update(cases).where(cases.c.id == case).values(**texts))

    def _forget_answers(self, case: str) -> None:
        """Of every answer under an idempotency key goes the hash of what was sent, by which a telephone is guessed, and what it
        tells of the case where it has a receipt. Whoever sends the key again, with whatever body, gets the case as it was then,
        without what was erased.
        """
        a = self._tables.answer
        telling = select(a.c.key, a.c.answer).where(a.c.case_id == case)
        for row in self._connection.execute(telling).all():
            left = {name: value for name, value in json.loads(row.answer).items() if name != "receipt"}
            values = {"answer": json.dumps(left), "body_hash": "", "case_id": None}
            self._connection.execute(update(a).where(a.c.key == row.key).values(**values))
