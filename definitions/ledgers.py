"""Ledgers: tables of cases with fixed columns in a fixed order, as data (ledgers.yaml), each row as the asker may know it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from workflow import Actor, Case, Engine, NotFound, read_plain
from workflow.errors import Text

from .cells import Cell, shown
from .columns import today
from .imported import UNKNOWN, only_imported
from .letters.catalogue import faulty
from .letters.words import Words, written
from .names import numbered, spelt
from .workbooks import Grid, OutColumn, write_workbook

__all__ = ["Line", "Profile", "Table", "chosen", "ledger_of", "profiles", "write_ledger"]

OURS = Path(__file__).parent / "ledgers.yaml"
PAGE = 500
ROOT = "suggestion"
HEADS = (
    "number",
    "meeting",
    "state",
    "opened_on",
    "data",
    "code",
    "relation",
    "clock",
    "timing",
    "happened",
    "begot",
    "root",
)
KEYS = {"zh", "en", "of", "columns"}
NUMBERS = ("number", "root.number")
NOT_SAID = Text("未分类", "not said yet")


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One ledger: (heading, path, width) of its columns."""

    id: str
    title: Text
    of: str
    columns: tuple[tuple[str, str, int], ...]
    month: str | None = None
    """the field by which the rows of one month are chosen"""


def profiles(folder: Path | None = None) -> dict[str, Profile]:
    """Our ledgers, and those of an office's folder in their place. Raises DefinitionError."""
    found = _read(OURS)
    if folder is not None and (folder / OURS.name).is_file():
        found |= _read(folder / OURS.name)
    return found


def _read(path: Path) -> dict[str, Profile]:
    rows = read_plain(path).get("profiles")
    if not isinstance(rows, dict):
        raise faulty(str(path), "须有 profiles", "profiles are missing")
    return {id_: _profile(path, id_, row) for id_, row in rows.items()}


def _profile(path: Path, id_: str, row: Any) -> Profile:
    wrong = "" if isinstance(row, dict) else "{}"
    try:
        columns = tuple((str(head), str(show), int(width)) for head, show, width in row["columns"])
        wrong = ", ".join(show for _, show, _ in columns if show.partition(".")[0] not in HEADS)
        if columns and not wrong and set(row) - {"month"} == KEYS:
            title = Text(row["zh"], row["en"])
            return Profile(id=id_, title=title, of=row["of"], columns=columns, month=row.get("month"))
    except (KeyError, TypeError, ValueError):
        pass
    wrong = wrong or "zh, en, of, columns: [heading, path, width]"
    raise faulty(str(path), f"{id_}：不能作为台账：{wrong}", f"{id_} is no ledger: {wrong}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A row of a table, and the case it is about."""

    case: str
    cells: Sequence[Cell]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A ledger filled in. `names`: of each column its path; `total`: below the lines."""

    title: Text
    names: Sequence[str]
    columns: Sequence[OutColumn]
    lines: Sequence[Line]
    total: Sequence[Cell]


def ledger_of(
    engine: Engine, profile: Profile, *, actor: Actor | None = None, tenant: str | None = None, month: str | None = None
) -> Table:  # fmt: skip
    """Every case of that kind that this person may know of, by number. `month` (`YYYY-MM`): only those of it. Raises ValueError,
    named so, where the table is of no month.
    """
    if month is not None and profile.month is None:
        raise ValueError("month")
    shows = [show for _, show, _ in profile.columns]
    lines = sorted(_lines(engine, profile, actor, tenant, month), key=lambda line: _place(line.cells, shows))
    law = engine.laws.latest(profile.of).definition
    above = engine.laws.latest(ROOT).definition
    columns = [
        OutColumn(title=head, width=width, help=_means(law, above, show), kind=_kind(law, show))
        for head, show, width in profile.columns
    ]
    total: list[Cell] = [
        _sum(lines, place) if column.kind == "number" else None for place, column in enumerate(columns)
    ]
    total[0] = f"共 {len(lines)} 条"
    title = profile.title
    if month is not None:
        title = Text(f"{title.zh}（{month}）", f"{title.en} ({month})")
    return Table(title=title, names=shows, columns=columns, lines=lines, total=total)


def write_ledger(
    engine: Engine, profile: Profile, path: Path, *, actor: Actor | None = None, tenant: str | None = None,
    month: str | None = None,
) -> int:  # fmt: skip
    """The same as a new workbook; how many."""
    table = ledger_of(engine, profile, actor=actor, tenant=tenant, month=month)
    rows = [line.cells for line in table.lines]
    write_workbook(
        path,
        Grid(
            title=table.title.zh,
            columns=table.columns,
            rows=rows,
            total=table.total,
            made_on=written(today(engine)),
        ),
    )
    return len(rows)


def _sum(lines: Sequence[Line], place: int) -> int:
    return sum(cell for line in lines if isinstance(cell := line.cells[place], int))


def _kind(law: Any, show: str) -> str:
    field = law.fields.get(show.removeprefix("data.")) if show.startswith("data.") else None
    return "number" if field and field.type == "integer" else "text"


def _means(law: Any, above: Any, show: str) -> str:
    """What a column shows, in words, for the last sheet; nothing of what this version of the lifecycle has not, as its cells."""
    head, _, rest = show.partition(".")
    name, _, part = rest.partition(".")
    if head == "root":
        return f"所属建议的{_means(above, above, rest)}"
    if head in PLAIN:
        return PLAIN[head]
    if head in ("clock", "timing"):
        return _means_days(law, head, name, part)
    if head in BESIDE:
        return BESIDE[head].format(law.events[name].title.zh if name in law.events else "")
    declared = law.relations.get(name) if head == "relation" else law.fields.get(name)
    if declared is None:
        return ""
    named = declared.title.zh
    return f"{named}（字母）" if head == "code" else named


def _means_days(law: Any, head: str, name: str, part: str) -> str:
    if name not in law.clocks or (head == "timing" and part not in law.fields):
        return ""
    which = CLOCK[part] if head == "clock" else f"到期日与{law.fields[part].title.zh}相比，未完成的按制表日"
    return f"“{law.clocks[name].title.zh}”的{which}"


BESIDE = {"happened": "办理过程中有无“{}”", "begot": "由此产生的各件，按去向的件数"}
PLAIN = {"number": "编号", "meeting": "届次", "state": "状态", "opened_on": "立案日期"}
CLOCK = {"from": "起算日", "due": "到期日（含已同意的延期）", "outer": "法定最迟日"}


def _place(row: Sequence[Cell], shows: Sequence[str]) -> list[tuple[bool, bytes]]:
    """Where a row stands: in the order of its cells, what is empty last."""
    return [
        (cell is None, (numbered if show in NUMBERS else spelt)(shown(cell)))
        for cell, show in zip(row, shows, strict=True)
    ]


def _lines(
    engine: Engine, profile: Profile, actor: Actor | None, tenant: str | None, month: str | None
) -> Iterator[Line]:
    roots: dict[str, Case | None] = {}
    words = Beside(engine, actor)
    above = any(show.startswith("root.") for _, show, _ in profile.columns)
    for page in _pages(engine, profile.of, actor, tenant):
        wanted = [case for case in page if month is None or case.data.get(profile.month or "") == month]
        new = {case.root for case in wanted} - roots.keys() if above else set()
        roots |= {root: _root(engine, root, actor) for root in new}
        words.meet([*wanted, *(case for root in new if (case := roots[root]) is not None)])
        for case in wanted:
            above_it = roots.get(case.root)
            yield Line(
                case=case.id, cells=[_cell(words, case, above_it, show) for _, show, _ in profile.columns]
            )


def _pages(
    engine: Engine, kind: str, actor: Actor | None, tenant: str | None = None
) -> Iterator[Sequence[Case]]:
    after: str | None = None
    while page := engine.search(kind=kind, tenant=tenant, actor=actor, after=after, limit=PAGE):
        yield page
        after = page[-1].id


class Beside(Words):
    """The words of a table, with what stands beside its cases: what came of them."""

    def __init__(self, engine: Engine, actor: Actor | None) -> None:
        super().__init__(engine, actor, [])
        self._begot: dict[str, dict[str, list[Case]]] = {}

    def begot(self, case: Case, kind: str) -> Sequence[Case]:
        """The cases of that kind that came from it, of those that may be known of; all are read once."""
        if kind not in self._begot:
            found: dict[str, list[Case]] = {}
            for page in _pages(self.engine, kind, self.actor):
                for one in page:
                    found.setdefault(str(one.data.get("arises_from")), []).append(one)
            self._begot[kind] = found
        return self._begot[kind].get(case.id, ())


def _root(engine: Engine, root: str, actor: Actor | None) -> Case | None:
    try:
        return engine.case(root, actor=actor)
    except NotFound:
        return None


def _cell(words: Words, case: Case, root: Case | None, show: str) -> Cell:
    head, _, rest = show.partition(".")
    if head == "root":
        return _cell(words, root, None, rest) if root else None
    found: Cell = _MEANT[head](words, case, rest)
    return None if found == "" else found


def _data(words: Words, case: Case, name: str) -> str | int:
    """Dates as they are sorted in tables, numbers as numbers; everything else in words."""
    value = case.data.get(name)
    if isinstance(value, int) and not isinstance(value, bool) and name not in case.hidden:
        return value
    plain = isinstance(value, str) and words.type_of(case, name) == "date"
    return str(value) if plain else words.value(case, name)


def _clock(_words: Words, case: Case, path: str) -> str:
    name, _, which = path.partition(".")
    view = next((clock for clock in case.clocks if clock.name == name), None)
    if view is None:
        return ""
    day = {"from": view.anchor_on, "due": view.due_on, "outer": view.outer_on}[which]
    return (
        "" if day is None else day.isoformat() + ("（暂定）" if view.provisional and which == "due" else "")
    )


def _timing(words: Beside, case: Case, path: str) -> str:
    name, _, done = path.partition(".")
    view = next((clock for clock in case.clocks if clock.name == name), None)
    if view is None:
        return ""
    on = case.data.get(done)
    if on is None or view.running:
        late = (words.day - view.due_on).days
        if late > 0 and view.running and only_imported(words.engine, case, words.actor):
            return UNKNOWN
        return (f"超期 {late} 天" if late > 0 else "未到期") if view.running else ""
    late = (date.fromisoformat(str(on)) - view.due_on).days
    return "按期" if late <= 0 else f"逾期 {late} 天"


def _happened(words: Beside, case: Case, event: str) -> str:
    """Whether it ever did, by the history: a clock that was stopped early does not tell."""
    lines = words.engine.history(case.id, actor=words.actor)
    return "是" if any(line.event == event for line in lines) else "否"


def _begot(words: Beside, case: Case, path: str) -> str:
    """How many came of it, by what became of each: `当场说明 2、未分类 1`."""
    kind, *names = path.split(".")
    said = Counter(_became(words, one, names) for one in words.begot(case, kind))
    return "、".join(
        f"{value} {number}" for value, number in sorted(said.items(), key=lambda one: spelt(one[0]))
    )


def _became(words: Beside, case: Case, names: Sequence[str]) -> str:
    """What the first field says; else how it ended without; else which of the others is given."""
    first, *others = names
    if case.data.get(first):
        return words.value(case, first)
    law = words.engine.laws.pinned(case.definition).definition
    if law.states[case.state].end:
        return words.state(case)
    return next((law.fields[name].title.zh for name in others if case.data.get(name)), NOT_SAID.zh)


_MEANT: Mapping[str, Any] = {
    "number": lambda _, case, __: case.number,
    "meeting": lambda words, case, _: words.meeting(case),
    "state": lambda words, case, _: words.state(case),
    "opened_on": lambda _, case, __: case.opened_on,
    "data": _data,
    "code": lambda _, case, name: str(case.data.get(name) or "").rpartition(":")[2],
    "relation": lambda words, case, name: words.parties(case, name),
    "clock": _clock,
    "timing": _timing,
    "happened": _happened,
    "begot": _begot,
}


def chosen(found: Mapping[str, Profile], id_: str) -> Profile:
    """Raises NotFound."""
    if id_ not in found:
        raise NotFound.among(Text("台账", "ledger"), id_, found)
    return found[id_]
