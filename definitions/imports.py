"""Import of tables: parties of any kind, and cases of any kind to be opened.

An import judges every row with the validators of the real act and writes all or nothing; a dry run does the same and writes
nothing. Each row has a key (`id` of a party, `ref` of a case): the same file again changes nothing, a changed row of parties is
a change with a line in the log. A case that was opened is not changed by a file: the text of a suggestion is the deputies' own.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

from workflow import Actor, Case, Engine, NotFound, Refused, WorkflowError
from workflow.errors import Reason, Text
from workflow.model import Bond, Party

from .cells import MAX_ROWS, Cell
from .columns import MANY, REFERENCE, TENANT, Column, Table, columns_of, is_party, table_of, today
from .faults import FaultyInput, InputFault
from .names import Names, registered
from .sheets import read_sheet

__all__ = ["Exchanged", "Likely", "Way", "case_id", "import_file"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How a file is taken in: by whom, under which tenant where the file names none, what is fired right after the start."""

    by: Actor
    trusted: bool = False
    tenant: str | None = None
    then: str | None = None
    reason: str | None = None
    dry_run: bool = False
    encoding: str = "utf-8"
    most: int = MAX_ROWS


@dataclass(frozen=True, slots=True, kw_only=True)
class Likely:
    """A case just opened that is likely about the same matter as another, to be joined (并案) if a person finds so."""

    row: int
    case: str
    other: str
    number: str | None
    title: str | None
    score: float
    beside: int | None = None
    """the row of the other, when it stands in the same file"""


@dataclass(slots=True)
class Exchanged:
    """What came of it. `faults`: then nothing was written."""

    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    same: list[str] = field(default_factory=list)
    faults: tuple[InputFault, ...] = ()
    likely: list[Likely] = field(default_factory=list)
    """of cases: the likely duplicates among those just opened and those that were there"""
    read: list[tuple[int, str, str, str]] = field(default_factory=list)
    """days written without their year, and as which they were taken: row, column, text, meaning"""


def import_file(engine: Engine, kind: str, path: Path, way: Way) -> Exchanged:
    """Take the file in, all or nothing. Raises NotFound for a kind or an event that is not there."""
    columns = columns_of(engine, kind, way.then)
    if way.tenant is None:
        columns = [replace(c, required=True) if c.name == "tenant" else c for c in columns]
    try:
        table = table_of(read_sheet(path, way.encoding), columns, today(engine))
        done = _taken(engine, kind, table, way, columns[0].name)
    except FaultyInput as faulty:
        return Exchanged(faults=tuple(sorted(faulty.faults, key=lambda fault: fault.row)))
    done.read = table.read
    return done


def _taken(engine: Engine, kind: str, table: Table, way: Way, key: str) -> Exchanged:
    if len(table.sheet.rows) > way.most:
        raise table.faults.stop(f"超过 {way.most} 行", f"more than {way.most} rows")
    rows = [(row, table.values(row, cells), cells) for row, cells in table.sheet.rows]
    party = is_party(engine, kind)
    _congresses(engine, table, rows)
    if not party:
        _referred(table, rows)
    _once(table, rows, key)
    return (_Parties if party else _Cases)(engine, kind, table, way).take(rows)


Row = tuple[int, dict[str, Any], Sequence[Cell]]
SESSION = ("congress", "session")
CONGRESS = "congress"
CODE = re.compile("[!-~]+")
"""what the code of a tenant can look like: the signs of ASCII without a blank"""
ALIKE = 2
"""congresses of one name that are asked for: more than one is none"""
NO_CONGRESS = Text(
    "登记册里没有叫这个名称的人大（或不止一个）；请写代号，如 hubei/xianning，或不填",
    "no congress of the register has that name, or several have; give its code, such as hubei/xianning, or nothing",
)


def _referred(table: Table, rows: Sequence[Row]) -> None:
    """What each case is known by: its number in its session, or, where the file has no numbers, its title and first signer."""
    numbered = REFERENCE.name in table.places
    for row, values, _ in rows:
        if numbered and values.get(REFERENCE.name) is None:
            table.fault(row, REFERENCE.name, "", Text("必填", "is required"))
        names = (REFERENCE.name,) if numbered else ("title", "first_signer")
        said = [str(values[name]) for name in (*SESSION, *names) if values.get(name)]
        values[REFERENCE.name] = "/".join(said) or None


def _congresses(engine: Engine, table: Table, rows: Sequence[Row]) -> None:
    """Whose each row is: the congress of the register that has that name, in whatever letters; what is no name stands as the code
    that it may be, for who writes it is judged by that.
    """
    called = {word for _, values, _ in rows if (word := values.get(TENANT.name))}
    found: dict[str, set[str]] = {}
    for name in sorted(called):
        if is_party(engine, CONGRESS) and name.isprintable():
            found[name] = {
                one.tenant for one in engine.parties.find(kind=CONGRESS, names=[name], limit=ALIKE)
            }
    for row, values, _ in rows:
        name = values.get(TENANT.name) or ""
        if name in called:
            if len(found.get(name, ())) == 1:
                (values[TENANT.name],) = found[name]
            elif found.get(name) or not CODE.fullmatch(name):
                table.fault(row, TENANT.name, name, NO_CONGRESS)


def _signed(values: dict[str, Any]) -> None:
    """The first signer is one of the signers, whether a table counts him among those who joined him (联名) or not."""
    first, others = values.get("first_signer"), values.get("signers")
    if first and "signers" in values and first not in (others or ()):
        values["signers"] = [first, *(others or ())]


def _once(table: Table, rows: Sequence[Row], key: str) -> None:
    seen: dict[Any, int] = {}
    for row, values, _ in rows:
        if values[key] is not None and seen.setdefault(values[key], row) != row:
            first = seen[values[key]]
            table.fault(row, key, values[key], Text(f"与第 {first} 行相同", f"the same as in row {first}"))


def _reasons(table: Table, row: int, cells: Sequence[Cell], reasons: Iterable[Reason]) -> None:
    for reason in reasons:
        table.fault(row, reason.field, table.cell(cells, reason.field), reason.text)


# --- parties


class _Parties:
    """A file of parties."""

    def __init__(self, engine: Engine, kind: str, table: Table, way: Way) -> None:
        self.engine = engine
        self.kind = engine.library.party(kind)
        self.table = table
        self.way = way
        self.today = today(engine)

    def take(self, rows: Sequence[Row]) -> Exchanged:
        """Put them in; what the register refuses is a fault of its row. Raises FaultyInput."""
        known = registered(self.engine, [values["id"] for _, values, _ in rows if values["id"]])
        bare = [self._bare(values, known.get(values["id"])) for _, values, _ in rows]
        named = [name for name, c in self.table.columns.items() if c.type in ("bond", "parent")]
        words = [word for _, values, _ in rows for name in named for word in _words(values.get(name))]
        names = Names(self.engine, words, bare)
        parties = [self._whole(row, party, names) for row, party in zip(rows, bare, strict=True)]
        self.table.faults.check()
        answers = self.engine.parties.put(
            parties,
            by=self.way.by,
            reason=self.way.reason,
            trusted=self.way.trusted,
            dry_run=self.way.dry_run,
        )
        done = Exchanged()
        for answer, (row, _, cells) in zip(answers, rows, strict=True):
            if answer.reasons:
                _reasons(self.table, row, cells, answer.reasons)
            else:
                getattr(done, answer.what).append(answer.party.id)
        self.table.faults.check()
        return done

    def _bare(self, values: Mapping[str, Any], known: Party | None) -> Party:
        """The party without what names others. A column that is not there leaves things as they are."""
        there, kind = self.table.places, self.kind
        own = {name: values[name] for name in kind.attributes if name in there}
        kept = dict(known.attributes) if known else {}
        attributes = {n: v for n, v in {**kept, **own}.items() if v is not None and n not in kind.personal}
        personal = {n: v for n, v in own.items() if n in kind.personal and v is not None}
        apart = any(name in there for name in kind.personal)

        def day(name: str) -> date | None:
            if name not in there:
                return getattr(known, name) if known else None
            return date.fromisoformat(values[name]) if values[name] else None

        standing = known.status if known else ""
        return Party(
            id=values["id"] or "", kind=kind.name, name=values["name"] or "", status=values.get("status") or standing,
            tenant=values.get("tenant") or self.way.tenant or "", parent=known.parent if known else None,
            valid_from=day("valid_from"), valid_until=day("valid_until"), attributes=attributes,
            personal=personal if apart else None, bonds=known.bonds if known else None,
            revision=known.revision if known else 0,
        )  # fmt: skip

    def _whole(self, row: Row, party: Party, names: Names) -> Party:
        """The same with its parent and its bonds."""
        number, values, cells = row
        parent = party.parent
        if "parent" in self.table.places:
            found = [
                self._meant(number, cells, "parent", word, self.kind.within, party, names)
                for word in _words(values["parent"])
            ]
            parent = found[0] if found else None
        bonds = [b for b in party.bonds or () if b.holds(self.today) and b.bond not in self.table.places]
        for name, rule in self.kind.bonds.items():
            for word in _words(values.get(name)):
                other = self._meant(number, cells, name, word, rule.to, party, names)
                if other is not None:
                    bonds.append(Bond(bond=name, to=other))
        mentioned = any(name in self.table.places for name in self.kind.bonds)
        return replace(party, parent=parent, bonds=tuple(bonds) if mentioned else None)

    def _meant(
        self,
        row: int,
        cells: Sequence[Cell],
        name: str,
        word: str,
        kinds: Sequence[str],
        party: Party,
        names: Names,
    ) -> str | None:
        found = names.meant(word, kinds, party.tenant)
        if isinstance(found, Party):
            return found.id
        self.table.fault(row, name, word, found)
        return None


def _words(value: Any) -> list[str]:
    if value is None:
        return []
    return [str(word) for word in value] if isinstance(value, list) else [str(value)]


# --- cases


class _Cases:
    """A file of cases to be opened, each with what is fired right after."""

    def __init__(self, engine: Engine, kind: str, table: Table, way: Way) -> None:
        law = engine.laws.latest(kind)
        self.engine = engine
        self.kind = kind
        self.table = table
        self.way = way
        self.started = set(law.definition.start.fields)
        self.followed = set(law.event(way.then).fields) if way.then else set()

    def take(self, rows: Sequence[Row]) -> Exchanged:
        """Open them in one transaction, rolled back when a row is refused or it is a dry run. Raises FaultyInput."""
        parties = [c for c in self.table.columns.values() if c.type in ("person", "persons", "unit", "units")]
        self._known_there(rows)
        words = [word for _, values, _ in rows for c in parties for word in _words(values.get(c.name))]
        names = Names(self.engine, words)
        for row, values, cells in rows:
            for column in parties:
                values[column.name] = self._meant(row, cells, column, values, names)
            _signed(values)
        self.table.faults.check()
        done, opened = Exchanged(), dict[str, int]()
        with self.engine.database.connect() as connection:
            transaction = connection.begin()
            try:
                for row, values, cells in rows:
                    self._take(row, values, cells, connection, done, opened)
                self.table.faults.check()
                done.likely = self._likely(opened, connection)
            except BaseException:
                transaction.rollback()
                raise
            transaction.rollback() if self.way.dry_run else transaction.commit()
        return done

    def _known_there(self, rows: Sequence[Row]) -> None:
        """Whoever sees nothing of a congress's register learns from no row who stands in it. Raises FaultyInput."""
        tenants = {values.get("tenant") or self.way.tenant or "" for _, values, _ in rows}
        closed = {t for t in tenants if not self.engine.parties.find(tenant=t, actor=self.way.by, limit=1)}
        for row, values, _ in rows:
            tenant = values.get("tenant") or self.way.tenant or ""
            if tenant in closed:
                text = Text(f"无权在 {tenant} 立案", f"may open nothing in {tenant}")
                self.table.fault(row, "tenant", tenant, text)
        if closed:
            self.table.faults.check()

    def _meant(
        self, row: int, cells: Sequence[Cell], column: Column, values: Mapping[str, Any], names: Names
    ) -> Any:
        """The ids of whom the cell names. Who is out of office can be in no new case (代表法 第61条、第62条)."""
        found = []
        for word in _words(values.get(column.name)):
            party = names.meant(word, (), values.get("tenant") or self.way.tenant or "")
            if isinstance(party, Text):
                self.table.fault(row, column.name, word, party)
                continue
            why_not = self._out_of_place(party, values.get("tenant") or self.way.tenant or "")
            if why_not is not None:
                self.table.fault(row, column.name, word, why_not)
            found.append(party.id)
        if column.type in MANY:
            return found or None
        return found[0] if found else None

    def _out_of_place(self, party: Party, tenant: str) -> Text | None:
        """Why that party cannot stand in a new case there: out of office, or a deputy of another congress."""
        kind = self.engine.library.party(party.kind)
        status = kind.statuses[party.status]
        if not status.acts:
            return Text(f"{party.name}:{status.title.zh}", f"{party.name}: {status.title.en}")
        if kind.role is not None and not (tenant + "/").startswith(party.tenant + "/"):
            return Text(f"{party.name} 属于 {party.tenant}", f"{party.name} belongs to {party.tenant}")
        return None

    def _take(
        self,
        row: int,
        values: Mapping[str, Any],
        cells: Sequence[Cell],
        connection: Any,
        done: Exchanged,
        opened: dict[str, int],
    ) -> None:
        tenant = values.get("tenant") or self.way.tenant or ""
        id_ = case_id(self.kind, tenant, values["ref"])
        known = self._known(id_, connection)
        if known is not None:
            differing = [n for n in self.started if n in self.table.places and known.data.get(n) != values[n]]
            for name in differing:
                text = Text(
                    "已按该序号提出且内容不同；文本只能由提出人修改",
                    "filed under that reference with another text, which only its authors may change",
                )
                self.table.fault(row, name, self.table.cell(cells, name), text)
            done.same.append(id_)
            return
        given = {name: value for name, value in values.items() if value is not None}
        try:
            case = self.engine.start(
                self.kind, self.way.by, {n: v for n, v in given.items() if n in self.started}, tenant=tenant, id=id_,
                session=connection,
            )  # fmt: skip
            if self.way.then:
                data = {name: value for name, value in given.items() if name in self.followed}
                case = self.engine.fire(case.id, self.way.then, self.way.by, data, session=connection)
            done.added.append(case.number or case.id)
            opened[case.id] = row
        except Refused as refused:
            _reasons(self.table, row, cells, refused.reasons)
        except WorkflowError as error:
            self.table.fault(row, None, "", error.text)

    def _likely(self, opened: Mapping[str, int], connection: Any) -> list[Likely]:
        """The nearest likely duplicate of each case just opened; of two that were opened here the later tells."""
        found = []
        for id_, row in opened.items():
            for near in self.engine.similar(id_, actor=self.way.by, session=connection):
                if opened.get(near.case.id, 0) < row:
                    title = near.case.data.get("title")
                    found.append(
                        Likely(
                            row=row,
                            case=id_,
                            other=near.case.id,
                            number=near.case.number,
                            title=title,
                            score=near.score,
                            beside=opened.get(near.case.id),
                        )
                    )
                    break
        return found

    def _known(self, id_: str, connection: Any) -> Case | None:
        try:
            return self.engine.case(id_, actor=self.way.by, session=connection)
        except NotFound:
            return None


def case_id(kind: str, tenant: str, ref: str) -> str:
    """The id of an imported case: the same file gives the same one on every machine."""
    return "imp-" + hashlib.sha256(f"{kind}\n{tenant}\n{ref}".encode()).hexdigest()[:32]
