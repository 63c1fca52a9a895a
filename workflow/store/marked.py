"""Which cases have these marks (marks.py): each question a bounded look into one index, however many cases there are."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import Connection, delete, insert, text

from .rows import dumps
from .sql import Store

__all__ = ["Marks"]


class Marks:
    """The index of marks in one store."""

    def __init__(self, store: Store) -> None:
        self._table = store.tables.mark
        self._sqlite = store.is_sqlite

    def counts(self, connection: Connection, marks: Collection[int], most: int) -> dict[int, int]:
        """mark -> how many cases have it, counted up to `most`; one statement however many marks."""
        listed, value = self._listed("marks")
        query = (
            f"select {value}, (select count(*) from (select 1 from {self._table.name} m where m.mark = {value} limit :most) n)"
            f" from {listed}"
        )
        found = connection.execute(text(query), {"marks": dumps(list(marks)), "most": most})
        return {row[0]: row[1] for row in found}

    def _listed(self, name: str) -> tuple[str, str]:
        """A JSON list of integers as rows: the source, and the value."""
        if self._sqlite:
            return f"json_each(:{name}) j", "j.value"
        return f"json_array_elements_text(cast(:{name} as json)) j", "cast(j as bigint)"

    def nearest(
        self, connection: Connection, weights: Mapping[str, Mapping[int, float]], limit: int
    ) -> dict[str, list[str]]:
        """Of each case, by what its marks weigh, the other cases that share the most weight, at most `limit`; one statement."""
        if self._sqlite:
            listed = (
                "(select json_extract(value, '$.c') c, json_extract(value, '$.m') m, json_extract(value, '$.w') w"
                " from json_each(:marks)) j"
            )
        else:
            listed = "json_to_recordset(cast(:marks as json)) j(c text, m bigint, w double precision)"
        query = (
            f"select c, case_id from (select j.c, i.case_id, row_number() over (partition by j.c order by sum(j.w) desc, i.case_id) n"
            f" from {listed} join {self._table.name} i on i.mark = j.m where i.case_id <> j.c group by j.c, i.case_id) near"
            " where n <= :limit order by c, n"
        )
        marks = [
            {"c": case, "m": mark, "w": weight}
            for case, one in weights.items()
            for mark, weight in one.items()
        ]
        found: dict[str, list[str]] = {case: [] for case in weights}
        for case, other in (
            connection.execute(text(query), {"marks": dumps(marks), "limit": limit}) if marks else ()
        ):
            found[case].append(other)
        return found

    def change(self, connection: Connection, case: str, gone: Collection[int], come: Collection[int]) -> None:
        """Take marks of a case out and put others in."""
        table = self._table
        if gone:
            connection.execute(delete(table).where(table.c.case_id == case, table.c.mark.in_(gone)))
        if come:
            connection.execute(insert(table), [{"mark": mark, "case_id": case} for mark in come])
