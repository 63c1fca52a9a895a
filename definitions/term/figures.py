"""The figures of a term, each counted from the store by one query that anybody can run again.

A query is plain SQL over the engine's tables. Before it runs, `{p}` becomes their prefix, `{city}` the condition that a case
belongs to the scenario's tenant, and `{data.NAME}` the datum NAME of a case in the words of the database; so what is printed
beside a figure can be typed into its shell. Whole numbers only: a rate is for the reader, who sees both of its numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from workflow import Engine
from workflow.errors import Text

from .scenario import Figure, Scenario, ScenarioFault

_CASES = "select count(*) from {p}cases where {city} and kind = "
_PARTIES = "select count(*) from {p}party where {city} and kind = "
_AGAIN = (
    "select count(*) from {p}cases s where {s.city} and s.kind = 'second_assignment' and ? (select 1 from {p}cases e"
    " where e.root_id = s.root_id and e.slot = 'surveys' and e.state = 'dissatisfied')"
)
_TRANSFERRED = _CASES + "'procuratorate_conversion' and {data.procuratorate_area} = '?'"
_JOINED = (
    "select count(*) from {p}cases c join {p}relation r on r.case_id = c.id where {c.city} and c.kind = 'activity'"
    " and r.relation = 'attended' and {c.data.activity_kind} = '?'"
)

QUERIES = {
    "deputies": _PARTIES + "'deputy'",
    "homes": _PARTIES + "'home'",
    "stations": _PARTIES + "'station'",
    "reception_days": (
        "select count(*) from {p}cases where {city} and kind = 'reception_day' and state = 'reported'"
        " and {data.reception_on} like '%-15'"
    ),
    "opinions": _CASES + "'opinion'",
    "opinions_concluded": _CASES + "'opinion' and closed",
    "suggestions_of_the_third_session": _CASES
    + "'suggestion' and {data.session} = '三次' and number is not null",
    "key_supervised": _CASES + "'supervision' and state = 'closed' and {data.supervision_kind} = 'key'",
    "second_assigned_dissatisfied": _AGAIN.replace("?", "exists"),
    "second_assigned_basically_satisfied": _AGAIN.replace("?", "not exists"),
    "transferred_safe_communities": _TRANSFERRED.replace("?", "safe_communities"),
    "transferred_environment": _TRANSFERRED.replace("?", "environment"),
    "transferred_minors": _TRANSFERRED.replace("?", "minors"),
    "sitting_in": _JOINED.replace("?", "attending"),
    "law_inspections": _JOINED.replace("?", "law_inspection"),
    "laws_inspected": "select count(distinct {data.law}) from {p}cases where {city} and kind = 'activity' and closed",
    "reminded_city_deputies": (
        "select count(*) from {p}history h join {p}cases c on c.id = h.case_id join {p}relation r on r.case_id = c.id"
        " where {c.city} and c.kind = 'prep_campaign' and h.event = 'remind' and r.relation = 'deputy'"
    ),
    "class_A": _CASES + "'suggestion' and {data.reply_class} like '%:A'",
    "class_B": _CASES + "'suggestion' and {data.reply_class} like '%:B'",
    "class_C": _CASES + "'suggestion' and {data.reply_class} like '%:C'",
    "class_D": _CASES + "'suggestion' and {data.reply_class} like '%:D'",
    "satisfied_at_once": (
        "select count(*) from {p}cases c where {c.city} and c.kind = 'suggestion' and c.state in ('tracking', 'concluded')"
        " and not exists (select 1 from {p}cases s where s.root_id = c.id and s.kind = 'second_assignment')"
    ),
    "suggestions": _CASES + "'suggestion' and number is not null",
}
_DATUM = {
    "sqlite": "json_extract({column}data, '$.{name}')",
    "postgresql": "({column}data::json ->> '{name}')",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """A printed figure beside the one the store holds, and the query that counted it."""

    figure: Figure
    counted: int
    query: str

    @property
    def equal(self) -> bool:
        """Whether the store holds what was printed."""
        return self.counted == self.figure.value


def count(engine: Engine, scenario: Scenario) -> Iterator[Counted]:
    """Every figure of the scenario, in its order. Raises ScenarioFault for a figure nobody can count."""
    unknown = [figure.name for figure in scenario.figures if figure.name not in QUERIES]
    if unknown:
        known, names = ", ".join(QUERIES), ", ".join(unknown)
        raise ScenarioFault(
            [Text(f"没有数字 {names}；有：{known}", f"no figure {names}; there are: {known}")]
        )
    for figure in scenario.figures:
        query = filled(QUERIES[figure.name], engine, scenario)
        yield Counted(figure=figure, counted=int(select(engine, scenario, query)[0][0]), query=query)


def select(engine: Engine, scenario: Scenario, query: str) -> Sequence[Any]:
    """The rows of a query."""
    with engine.database.connect() as connection:
        text = filled(query, engine, scenario)
        if engine.database.dialect.name == "postgresql":
            text = text.replace("%", "%%")  # its driver takes a single one for a placeholder
        return connection.exec_driver_sql(text).fetchall()


def filled(query: str, engine: Engine, scenario: Scenario) -> str:
    """The query as it can be typed into a database shell. A scenario's tenant holds no quotation mark (scenario.py)."""
    datum = _DATUM[engine.database.dialect.name]

    def city(match: re.Match[str]) -> str:
        column = f"{match[1] or ''}tenant"
        return f"({column} = '{scenario.tenant}' or {column} like '{scenario.tenant}/%')"

    query = re.sub(r"\{(\w+\.)?city\}", city, query.replace("{p}", engine.store.prefix))
    return re.sub(r"\{(\w+\.)?data\.(\w+)\}", lambda m: datum.format(column=m[1] or "", name=m[2]), query)
