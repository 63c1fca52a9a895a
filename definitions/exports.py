"""Export of tables: parties of any kind, cases of any kind, empty tables to be filled in, and a table with its faults marked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from workflow import Actor, Engine
from workflow.errors import Text
from workflow.model import Party

from .cells import Cell
from .columns import MANY, Column, case_columns, columns_of, is_party, party_columns, today
from .faults import Faults, FaultyInput, InputFault
from .sheets import WRONG, read_sheet, write_csv

__all__ = ["annotate", "export_file", "template"]

BLANK_ROWS = 1000
"""rows of a template in which the drop-downs hold"""
PAGE = 500
HOW = (
    Text("填表说明", "How to fill it in"),
    Text(
        "1. 一行一{one}；黄色表头的列必填；列的顺序不限，不用的列可以删去",
        "1. One of them a row; yellow columns are required; columns in any order, and no others",
    ),
    Text("2. 不要合并单元格，不要用公式", "2. No merged cells, no formulas"),
    Text(
        "3. 日期写 2026-03-02、2026.3.2 或 2026年3月2日；只写月日的，取最近的已过日期",
        "3. Days: 2026-03-02, 2026.3.2",
    ),
    Text(
        "4. 一格里有几个的，以“、”或“,”分隔；同名的写编号",
        "4. Several in one cell between 、 or ,; of two with one name the id",
    ),
    Text("{known}", "{known}"),
    Text("6. 先检查（不写入）：有一处错误则整表不写入", "6. Try it first: one fault and nothing is written"),
)
"""what a table to be filled in says of itself"""
CASES_KNOWN = Text(
    "5. 以届、次、序号认定为同一件；无序号列的以标题和领衔人认定", "5. Known by congress, session and number"
)
PARTIES_KNOWN = Text(
    "5. 以编号认定为同一个：编号由您自定，不重复就行，以后不要改；同一编号再导一次是修改，删去的列照旧",
    "5. Known by the id, which is yours to choose, once and for all: the same id again is a change; what has no column stays",
)


def export_file(
    engine: Engine, kind: str, path: Path, language: str, *, actor: Actor | None = None, tenant: str | None = None,
    personal: bool = False,
) -> int:  # fmt: skip
    """Everything of a kind that this person may know of, as a new file; how many rows. `personal`: with what is kept apart.

    Raises NotFound, NotPermitted; OSError when the file is there, FaultyInput when it is no .xlsx or .csv.
    """
    if is_party(engine, kind):
        columns, rows = export_parties(engine, kind, actor=actor, tenant=tenant, personal=personal)
    else:
        columns, rows = export_cases(engine, kind, actor=actor, tenant=tenant)
    return write(path, titled(engine, kind), columns, rows, language)


def titled(engine: Engine, kind: str) -> Text:
    """How a kind of parties or of cases is called. Raises NotFound."""
    return (
        engine.library.party(kind).title if is_party(engine, kind) else engine.library.definition(kind).title
    )


def export_parties(
    engine: Engine,
    kind: str,
    *,
    actor: Actor | None = None,
    tenant: str | None = None,
    personal: bool = False,
) -> tuple[list[Column], Iterator[list[Cell]]]:
    """The columns of a kind and a row for each party that this person may know of, by id. `personal`: with what is kept apart,
    which that person must be allowed to see. Raises NotFound, NotPermitted.
    """
    columns = [c for c in party_columns(engine, kind) if personal or not c.personal]
    day = today(engine)

    def rows() -> Iterator[list[Cell]]:
        after: str | None = None
        while page := engine.parties.find(kind=kind, tenant=tenant, actor=actor, after=after, limit=PAGE):
            apart = engine.parties.personal([p.id for p in page], actor=actor) if personal else {}
            for party in page:
                yield [_party_cell(column, party, apart.get(party.id, {}), day) for column in columns]
            after = page[-1].id

    return columns, rows()


def _party_cell(column: Column, party: Party, apart: Mapping[str, Any], day: date) -> Cell:
    if column.type == "bond":
        return "、".join(b.to for b in party.bonds or () if b.bond == column.name and b.holds(day)) or None
    if column.name in ("id", "name", "tenant", "parent", "status", "valid_from", "valid_until"):
        return _shown(column, getattr(party, column.name))
    return _shown(column, (apart if column.personal else party.attributes).get(column.name))


def export_cases(
    engine: Engine, kind: str, *, actor: Actor | None = None, tenant: str | None = None
) -> tuple[list[Column], Iterator[list[Cell]]]:
    """Every case of a kind that this person may know of: its id, number and state, and what it was opened with."""
    states = engine.laws.latest(kind).definition.states
    number = Column(name="number", title=Text("编号", "number"))
    state = Column(
        name="state", title=Text("状态", "state"), choices={s.name: s.title for s in states.values()}
    )
    opened = [c for c in case_columns(engine, kind) if c.name != "ref"]
    id_ = Column(name="case", title=Text("案件", "case"))

    def rows() -> Iterator[list[Cell]]:
        after: str | None = None
        while page := engine.search(kind=kind, tenant=tenant, actor=actor, after=after, limit=PAGE):
            for case in page:
                own = {
                    "case": case.id,
                    "number": case.number,
                    "state": case.state,
                    "tenant": case.tenant,
                    **case.data,
                }
                yield [_shown(column, own.get(column.name)) for column in (id_, number, state, *opened)]
            after = page[-1].id

    return [id_, number, state, *opened], rows()


def _shown(column: Column, value: Any) -> Cell:
    if isinstance(value, list):
        return "、".join(str(_shown(column, one)) for one in value) or None
    if value in column.choices:
        return column.choices[value].zh
    if value is None or isinstance(value, (str, int, float, bool, date)):
        return value
    return str(value.get("name", value)) if isinstance(value, dict) else str(value)


def write(
    path: Path,
    title: Text,
    columns: Sequence[Column],
    rows: Iterable[Sequence[Cell]],
    language: str,
    *,
    blank: int = 0,
    words: Sequence[str] = (),
) -> int:
    """A new file, .xlsx or .csv; how many rows. Raises OSError when it is there, FaultyInput for another ending.

    Whatever goes wrong half way leaves no half file.
    """
    excel = path.suffix.lower() == ".xlsx"
    if not excel and path.suffix.lower() != ".csv":
        raise Faults(path.name).stop(
            "须为 .xlsx 或 .csv 文件", "must be a .xlsx or .csv file", value=path.suffix
        )
    count = 0

    def counted() -> Iterator[Sequence[Cell]]:
        nonlocal count
        for count, row in enumerate(rows, 1):  # noqa: B007 - it is what is asked for
            yield row

    path.touch(exist_ok=False)
    try:
        if excel:
            from .workbooks import Grid, write_workbook

            out = _out(columns, language)
            grid = Grid(title=title.in_language(language), columns=out, rows=counted(), blank=blank)
            write_workbook(path, grid, words=words)
        else:
            write_csv(path, [column.title.in_language(language) for column in columns], counted())
    except BaseException:
        path.unlink()
        raise
    return count


def template(engine: Engine, kind: str, path: Path, language: str, then: str | None = None) -> None:
    """A new empty table of a kind, with drop-downs where there is something to choose. Raises as `write`, NotFound."""
    columns, title = columns_of(engine, kind, then), titled(engine, kind)
    party = is_party(engine, kind)
    known = (PARTIES_KNOWN if party else CASES_KNOWN).in_language(language)
    words = [text.in_language(language).format(one="个" if party else "件", known=known) for text in HOW]
    write(path, title, columns, (), language, blank=BLANK_ROWS, words=words)


def annotate(
    source: Path, faults: Sequence[InputFault], path: Path, language: str, encoding: str = "utf-8"
) -> bool:
    """The same table as a new workbook, each fault at its cell; False when the file cannot be read as a table at all."""
    from .workbooks import Grid, OutColumn, write_workbook

    try:
        sheet = read_sheet(source, encoding)
    except FaultyInput:
        return False
    places = {name: place for place, name in enumerate(sheet.header)}
    lines = {number: index for index, (number, _) in enumerate(sheet.rows)}
    words: dict[int, list[str]] = {}
    marked: dict[tuple[int, int], list[str]] = {}
    for fault in faults:
        reason, place = fault.reason.in_language(language), places.get(fault.column)
        quoted = Text(f"“{fault.value}”", f"“{fault.value}” ").in_language(language) if fault.value else ""
        text = quoted + reason
        if fault.row in lines and place is not None:
            marked.setdefault((lines[fault.row], place), []).append(text)
        words.setdefault(fault.row, []).append(text if place is None else f"{fault.column}: {text}")
    head = WRONG.in_language(language)
    wrong = OutColumn(title=head, width=WHAT_IS_WRONG, wraps=True)
    columns = [*(OutColumn(title=name) for name in sheet.header), wrong]
    rows = [[*cells, "\n".join(words.get(number, ()))] for number, cells in sheet.rows]
    if words.get(1):
        rows.insert(0, [*[None] * len(sheet.header), "\n".join(words[1])])
    down = 1 if words.get(1) else 0
    marks = [(row + down, place, "\n".join(texts)) for (row, place), texts in marked.items()]
    path.touch(exist_ok=False)
    write_workbook(path, Grid(title=head, columns=columns, rows=rows, marks=marks))
    return True


def _out(columns: Sequence[Column], language: str) -> list[Any]:
    from .workbooks import OutColumn

    kinds = {"date": "date", "integer": "number"}
    return [
        OutColumn(
            title=column.title.in_language(language), kind=kinds.get(column.type, "text"), help=_help(column, language),
            required=column.required,
            choices=() if column.type in MANY else tuple(c.in_language(language) for c in column.choices.values()),
        )
        for column in columns
    ]  # fmt: skip


def _help(column: Column, language: str) -> str:
    said = [Text("必填", "required")] if column.required else []
    if column.help is not None:
        said.append(column.help)
    elif column.type in WHAT:
        said.append(WHAT[column.type])
    if column.personal:
        said.append(Text("个人信息", "personal"))
    if column.type in MANY:
        said.append(Text("多个以“、”分隔", "several are separated by 、 or ,"))
    told = [one.in_language(language) for one in said]
    if column.also:
        told.append(Text("也可叫", "or").in_language(language) + " " + ", ".join(column.also))
    return "; ".join([*told, *([] if language.startswith("zh") else [column.name])])


WHAT_IS_WRONG = 48
"""characters: the column that says it"""
PERSON, UNIT = Text("姓名或编号", "name or id"), Text("单位名称或编号", "name of the unit or its id")
WHAT: Mapping[str, Text] = {
    "text": Text("文字", "a text"),
    "date": Text("日期，如 2026-03-02", "a day, 2026-03-02"), "integer": Text("整数", "a whole number"),
    "boolean": Text("是 或 否", "yes or no"), "person": PERSON, "persons": PERSON, "unit": UNIT, "units": UNIT,
    "parent": Text("上级的名称或编号", "name of what it belongs to, or its id"),
    "code": Text("从右边的可选项中选", "one of those at the right"), "codes": Text("从右边的可选项中选", "of those at the right"),
}  # fmt: skip
"""what a cell of that type holds"""
