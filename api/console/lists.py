"""Lists of cases: a view of a role, and everything that waits for the reader, in pages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from workflow import Case
from workflow.definition import Definition, Event
from workflow.errors import NotFound, Text
from workflow.overview import Filter, cases_of, find, through, titled
from workflow.overview import Page as Found
from workflow.view import COLUMNS, View

from ..buckets import Bucket, buckets
from ..cells import HEADS, Due, caption, pressing
from ..paging import case_asked, next_address
from .invites import mails
from .names import in_words, parties_in
from .narrowing import NARROWED, by_data, data_wanted, narrowed
from .recorded import UNKNOWN, left, unknown
from .screens import Go, Look, Page, Screen
from .sentence import sentence
from .standing import whose, with_whom

LIMIT = 50
OF_ANY_KIND = ("kind", "number", "title", "state", "due_on")
"""columns where cases of several kinds stand together"""
SCANS = 20
"""pages read for one that is narrowed by what cases say"""


@dataclass(frozen=True, slots=True)
class Row:
    """One case of a list."""

    case: Case
    title: str
    cells: Sequence[str]
    due: Due | None
    left: Text | None
    late: bool
    unknown: bool
    """its day is over, and nobody knows what came of it"""


def view_named(look: Look, name: str) -> View:
    """A view of the reader's own roles. Raises NotFound."""
    found = next((view for view in look.views if view.name == name), None)
    if found is None:
        raise NotFound(Text("没有这个列表", "there is no such list"))
    return found


def listed(look: Look, view: View) -> Page:
    """A view, or one bucket of it."""
    asked, chosen = narrowed(look, through(view)), _chosen(look)
    definition = look.engine.library.definition(view.definition)
    wanted = data_wanted(look, definition, view)
    page = _gathered(look, chosen.of(asked) if chosen else asked, view, wanted)
    heads = [head_of(definition, column) for column in view.columns]
    acts = [
        (name, definition.events[name].title)
        for name in view.acts
        if _may_ever(look, definition.events[name])
    ]
    return Page("list.html", {
        "title": view.title, "question": view.question, "view": view, "heads": heads, "acts": acts,
        "mails": look.invites and mails(definition, view),
        "rows": rows(look, page.cases, view.columns), "buckets": buckets(look.engine), "chosen": chosen,
        "next": next_address(page.next) if page.next else None, "definition": definition,
        "narrowed": {name: look.request.args.get(name, "") for name in NARROWED}, "by_data": by_data(look, definition, view),
    })  # fmt: skip


def _may_ever(look: Look, event: Event) -> bool:
    """Whether it is an act of one of the reader's roles, or of whoever stands in a case."""
    roles = {grant.role for grant in look.grants}
    return any(holder.role is None or holder.role in roles for holder in event.by)


def _gathered(look: Look, asked: Filter, view: View, wanted: Callable[[Case], bool] | None) -> Found:
    """A page of it. What a case says is in no index: some pages are read for one, and the next goes on from there."""
    found: list[Case] = []
    place = case_asked()
    for _ in range(SCANS if wanted else 1):
        page = find(look.engine, look.actor, asked, sort=view.order, after=place, limit=LIMIT)  # type: ignore[arg-type]
        found += [case for case in page.cases if wanted is None or wanted(case)]
        place = page.next
        if place is None or len(found) >= LIMIT:
            break
    return Found(cases=found, next=place)


def waiting(look: Look) -> Page:
    """Everything that waits for the reader, whatever it is, or one bucket of it."""
    chosen = _chosen(look)
    asked = Filter(waiting=True)
    page = find(
        look.engine, look.actor, chosen.of(asked) if chosen else asked, sort="due_on", after=case_asked(), limit=LIMIT
    )  # fmt: skip
    columns = OF_ANY_KIND
    heads = heads_of(columns)
    return Page("list.html", {
        "title": Text("待我办理", "Waiting for me"), "question": Text("什么在等我？", "What waits for me?"), "view": None,
        "heads": heads, "acts": (), "rows": rows(look, page.cases, columns), "buckets": buckets(look.engine), "chosen": chosen,
        "next": next_address(page.next) if page.next else None, "definition": None, "narrowed": {}, "by_data": [],
    })  # fmt: skip


def rows(look: Look, cases: Sequence[Case], columns: Sequence[str]) -> list[Row]:
    """As they are shown: every name asked for in one question."""
    (found,) = lists_of(look, (cases, columns))
    return found


def lists_of(look: Look, *lists: tuple[Sequence[Case], Sequence[str]]) -> list[list[Row]]:
    """Several lists, each cases and columns, as they are shown: what they need beside the cases is asked for once."""
    cases = [case for some, _ in lists for case in some]
    laws = {case.id: look.engine.laws.pinned(case.definition).definition for case in cases}
    look.names.learn(parties_of(look, cases))
    held = [case for some, columns in lists if {"holder", "standing"} & {*columns} for case in some]
    roots, old = _roots(look, held) if held else {}, unknown(look, cases)
    return [
        [_row(look, case, laws[case.id], columns, roots, recorded=case.id in old) for case in some]
        for some, columns in lists
    ]


def parties_of(look: Look, cases: Iterable[Case]) -> Iterator[str]:
    """All parties that these cases name, and that stand in them."""
    for case in cases:
        yield from parties_in(look.engine.laws.pinned(case.definition).definition, case.data)
        yield from chain.from_iterable(case.relations.values())


def _roots(look: Look, cases: Sequence[Case]) -> dict[str, Case]:
    """The roots of these cases as far as the reader may know of them: who holds a child may stand in its root alone."""
    found = {case.id: case for case in cases if case.id == case.root}
    found |= cases_of(look.engine, look.actor, {case.root for case in cases} - found.keys())
    look.names.learn(party for case in found.values() for party in sum(case.relations.values(), ()))
    return found


def _row(
    look: Look, case: Case, definition: Definition, columns: Sequence[str], roots: Mapping[str, Case], *, recorded: bool
) -> Row:  # fmt: skip
    due = Due.of(case)
    words, late = left(look, due.due_on, recorded=recorded) if due else (None, False)
    cells = [_cell(look, case, definition, column, roots, recorded=recorded) for column in columns]
    return Row(
        case,
        look.words(caption(case, definition, look.engine.library.console)),
        cells,
        due,
        words,
        late,
        words is UNKNOWN,
    )


def _cell(
    look: Look, case: Case, definition: Definition, column: str, roots: Mapping[str, Case], *, recorded: bool
) -> str:  # fmt: skip
    if column == "title":
        return look.words(caption(case, definition, look.engine.library.console))
    words = {"state": definition.states[case.state].title, "kind": definition.title}.get(column)
    if column == "holder":
        words = whose(look, case, roots.get(case.root, case))
    if column == "standing":
        words = _standing(look, case, definition, roots.get(case.root, case), recorded=recorded)
    if words is not None:
        return look.words(words)
    if column in COLUMNS:
        value = getattr(case, column, None)
        return "" if value is None else str(value)
    if column in definition.relations:
        return look.words(Text("、", ", ")).join(look.names.of(case.relations.get(column, ())))
    field = definition.fields.get(column)
    return in_words(look.engine, look.names, field, case.data.get(column), look.language) if field else ""


def _standing(look: Look, case: Case, definition: Definition, root: Case, *, recorded: bool) -> Text:
    """The first line of the case, without how its day is counted."""
    clock = pressing(look.engine, case)
    words = left(look, clock.due_on, recorded=recorded)[0] if clock else None
    who = with_whom(look, case, root)
    return sentence(definition.states[case.state].title, case.closed, who, clock, words, None, ())


def heads_of(columns: Sequence[str]) -> list[Text]:
    """The heads of columns that cases of any kind have."""
    return [HEADS[column] for column in columns]


def head_of(definition: Definition, column: str) -> Text:
    """The head of a column of that definition's cases."""
    if column in HEADS:
        return HEADS[column]
    found = definition.relations.get(column) or definition.fields[column]
    return found.title


def _chosen(look: Look) -> Bucket | None:
    wanted = look.request.args.get("due")
    return next((bucket for bucket in buckets(look.engine) if bucket.name == wanted), None)


def searched(look: Look) -> Page | Go:
    """By number straight to the case; else by words of the title, the nearest first."""
    wanted = look.request.args.get("q", "").strip()[:80]
    page = find(look.engine, look.actor, Filter(number=wanted), sort="-id", limit=LIMIT) if wanted else None
    if page and len(page.cases) == 1:
        return Go(look.address("case", id=page.cases[0].id))
    columns = OF_ANY_KIND
    cases = (page.cases if page else ()) or (titled(look.engine, look.actor, wanted) if wanted else ())
    return Page("search.html", {
        "wanted": wanted, "rows": rows(look, cases, columns), "heads": heads_of(columns),
    })  # fmt: skip


LISTS = (
    Screen(path="/waiting", name="waiting", view=waiting),
    Screen(path="/search", name="search", view=searched),
)
