"""A list on which each row has a form of its own, all sent in one go: what is alike beside each, what every unit has in hand
below; then what would come of it, row by row, and only then is it done.

Which events are offered in a row the engine says; which of them it is follows from what was filled in.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from workflow import Case
from workflow.definition import Event
from workflow.errors import NotFound, Reason, Refused, Text, WorkflowError
from workflow.model import ClockView, Permission, Similar
from workflow.overview import Filter, alike, cases_of, find, identifier, through
from workflow.view import View

from ..dispatch import open_each
from ..paging import case_asked, next_address
from .cases import data_of
from .events import AGAIN
from .forms import Input, Misread, in_a_row, sent_of, texts_of
from .lists import LIMIT, Row, head_of, listed, parties_of, rows, view_named
from .many import Planned, carried_out, seen
from .screens import Look, Page, Screen
from .whynot import readable
from .workload import workload

ROWS = 12
"""on one page: for all of them is asked what is permitted in each and what it is like"""
ALIKE = 3
JOINED = 200
"""cases joined to the rows of a page that are shown, the newest first"""


@dataclass(frozen=True, slots=True)
class Place:
    """A row: the case, what is like it, and its form."""

    row: Row
    shown: Sequence[tuple[Text, str]]
    similar: Sequence[tuple[Similar, Text, Sequence[str]]]
    """each with its state and the units that have it"""
    joins: Sequence[Permission]
    """acts by which it is joined to one of them"""
    joined: Sequence[Case]
    """cases that were joined to it"""
    acts: Collection[str]
    """those of the board that are permitted in it"""
    sheet: Sequence[Input]
    reasons: Sequence[Reason]


@dataclass(frozen=True, slots=True)
class Tried:
    """What would come of a row."""

    case: Case
    title: str
    event: Event | None = None
    data: Sequence[Any] = ()
    state: Text | None = None
    due: Sequence[ClockView] = ()
    reasons: Sequence[Text] = ()


class Board:
    """The board of a view, for one who looks."""

    def __init__(self, look: Look, view: View, before: Mapping[str, int] | None = None) -> None:
        """`before`: rows that an emergency's line was just written in, each with its revision before."""
        self.before = before or {}
        self.look = look
        self.view = view
        self.definition = look.engine.library.definition(view.definition)
        self.events = [self.definition.events[name] for name in view.board]

    @cached_property
    def fields(self) -> list[str]:
        """What a row asks for: all but texts, which are the same for all."""
        return [name for name in self._asked if self.definition.fields[name].type != "text"]

    @cached_property
    def common(self) -> list[str]:
        """What is asked for once."""
        return [name for name in self._asked if self.definition.fields[name].type == "text"]

    @cached_property
    def _asked(self) -> list[str]:
        return list(dict.fromkeys(name for event in self.events for name in event.fields))

    def offered(self, case: Case) -> list[Event]:
        """Which of the board's events are permitted in that case."""
        return [event for event in self.events if event.name in self._allowed([case])[case.id]]

    def _allowed(self, cases: Sequence[Case]) -> dict[str, dict[str, Permission]]:
        """What of the board is permitted in each of these cases, by its event."""
        asked, ids = {*self.view.board, *self._joining}, [case.id for case in cases]
        found = self.look.engine.permitted_in(ids, self.look.actor, events=asked)
        return {id_: {one.event: one for one in found.get(id_, ()) if one.allowed} for id_ in ids}

    # -- the rows

    def places(self, cases: Sequence[Case], wrong: Mapping[str, Sequence[Reason]]) -> list[Place]:
        """The rows of these cases, with what was typed into them."""
        columns = self.view.columns
        joined, similar, allowed = self._joined(cases), self._alike(cases), self._allowed(cases)
        beside = [one.case for several in similar.values() for one in several]
        self.look.names.learn(parties_of(self.look, [*cases, *beside]))
        heads = [head_of(self.definition, column) for column in columns]
        return [
            self._place(
                row,
                heads,
                allowed[row.case.id],
                similar.get(row.case.id, ()),
                joined.get(row.case.id, ()),
                wrong.get(row.case.id, ()),
            )
            for row in rows(self.look, cases, columns)
        ]

    def _place(
        self,
        row: Row,
        heads: Sequence[Text],
        allowed: Mapping[str, Permission],
        alike_: Sequence[Similar],
        joined: Sequence[Case],
        reasons: Sequence[Reason],
    ) -> Place:
        prefix = f"{row.case.id}."
        shown = [
            (head, cell)
            for head, column, cell in zip(heads, self.view.columns, row.cells, strict=True)
            if column != "title" and cell not in ("", "—")
        ]
        acts = [event for event in self.events if event.name in allowed]
        takes = {name for event in acts for name in event.fields}
        asked = [name for name in self.fields if name in takes]
        similar = self._similar(alike_)
        joins = [allowed[event] for event in self._joining if event in allowed] if similar else []
        stood = texts_of(self.look, asked, prefix)
        return Place(
            row, shown, similar, joins, joined, [event.name for event in acts],
            in_a_row(self.look, self.definition, asked, stood, reasons, prefix),
            [reason for reason in reasons if reason.field not in asked],
        )  # fmt: skip

    def _alike(self, cases: Sequence[Case]) -> dict[str, list[Similar]]:
        """What is likely about the same matter as each of them."""
        if not self.definition.similar:
            return {}
        return alike(self.look.engine, self.look.actor, cases, ALIKE)

    @cached_property
    def _joining(self) -> list[str]:
        """Events by which a case is joined to another: those that name it."""
        return [
            event.name for event in self.definition.events.values()
            if any(self.definition.fields[name].type == "case" for name in event.fields)
            and any(state in move.sources for move in event.moves for state in self.view.states)
        ]  # fmt: skip

    def _similar(self, found: Sequence[Similar]) -> list[tuple[Similar, Text, Sequence[str]]]:
        return [(one, self._state(one.case), self._units_of(one.case)) for one in found]

    def _state(self, case: Case) -> Text:
        return self.look.engine.laws.pinned(case.definition).definition.states[case.state].title

    def _units_of(self, case: Case) -> list[str]:
        relations = self.look.engine.laws.pinned(case.definition).definition.relations
        return self.look.names.of(
            dict.fromkeys(
                party
                for name, parties in case.relations.items()
                if relations[name].of == "unit"
                for party in parties
            )
        )

    def _joined(self, cases: Sequence[Case]) -> dict[str, list[Case]]:
        """Cases that name one of these as what they were joined to; one question."""
        fields = {
            (name, move.to) for event in self._joining for name in self.definition.events[event].fields
            if self.definition.fields[name].type == "case" for move in self.definition.events[event].moves if move.to
        }  # fmt: skip
        if not fields or not cases:
            return {}
        states = tuple(sorted({state for _, state in fields}))
        asked = Filter(
            kind=self.definition.name,
            states=states,
            closed=False,
            naming=tuple((name, case.id) for case in cases for name in sorted({name for name, _ in fields})),
        )
        found: dict[str, list[Case]] = {}
        for case in find(self.look.engine, self.look.actor, asked, sort="-id", limit=JOINED).cases:
            for name in {name for name, state in fields if state == case.state}:
                found.setdefault(str(case.data.get(name)), []).append(case)
        return found

    # -- what was sent

    def seen(self, case: Case) -> int:
        """The revision of that row that was looked at; the line of an emergency, and nothing else, does not count."""
        asked = seen(self.look, case)
        return case.revision if self.before.get(case.id) == asked == case.revision - 1 else asked

    def typed(self, case: Case) -> dict[str, Any]:
        """What a row says. Raises Misread."""
        return sent_of(self.look, self.definition, self.fields, f"{case.id}.")

    def tried(self, case: Case, given: Mapping[str, Any], texts: Mapping[str, Any]) -> Tried:
        """What would come of it, by the event that takes what was filled in."""
        title, offered = self.look.caption(case), self.offered(case)
        if not offered:
            return Tried(case, title, reasons=[Text("现在不能进行", "not possible now")])
        fit = [event for event in offered if given.keys() <= {*event.fields}]
        if not fit:
            asked = [self.definition.fields[name].title for name in given]
            zh, en = "、".join(one.zh for one in asked), ", ".join(one.en for one in asked)
            return Tried(case, title, reasons=[Text(f"不能同时填写：{zh}", f"do not go together: {en}")])
        all_ = [self._by(event, case, title, data_for(event, given, texts)) for event in fit]
        return min(
            all_, key=lambda one: len(one.reasons)
        )  # one that is possible, else the one that lacks least

    def _by(self, event: Event, case: Case, title: str, data: Mapping[str, Any]) -> Tried:
        engine, actor = self.look.engine, self.look.actor
        try:
            then = engine.fire(case.id, event.name, actor, data, revision=self.seen(case), dry_run=True)
        except Refused as error:
            return Tried(case, title, event, reasons=[one.text for one in readable(error.reasons, case)])
        except WorkflowError as error:
            return Tried(case, title, event, reasons=[error.text])
        return self._would(case, title, event, data, then)

    def _would(self, case: Case, title: str, event: Event, data: Mapping[str, Any], then: Case) -> Tried:
        ran = {clock.name: clock.due_on for clock in case.clocks if clock.running}
        due = [clock for clock in then.clocks if clock.running and ran.get(clock.name) != clock.due_on]
        return Tried(
            case, title, event, data_of(self.look, self.definition, case.id, data), self._state(then),
            sorted(due, key=lambda clock: clock.due_on),
        )  # fmt: skip


def data_for(event: Event, given: Mapping[str, Any], texts: Mapping[str, Any]) -> dict[str, Any]:
    """What the event is given: the row, and of what is the same for all its own."""
    return {**given, **{name: value for name, value in texts.items() if name in event.fields}}


def opened(look: Look) -> Page:
    """A list, or the board that it is."""
    view = view_named(look, look.path["view"])
    return _shown(look, view) if view.board else listed(look, view)


def _shown(look: Look, view: View) -> Page:
    board, asked = Board(look, view), through(view)
    state = look.request.args.get("state", "")
    if state in view.states:
        asked = asked.but(states=(state,))
    page = find(look.engine, look.actor, asked, sort=view.order, after=case_asked(), limit=ROWS)  # type: ignore[arg-type]
    next_ = next_address(page.next) if page.next else None
    return _page(board, page.cases, next_=next_, chosen=state)


def _page(
    board: Board, cases: Sequence[Case], wrong: Mapping[str, Sequence[Reason]] | None = None, *, next_: str | None = None,
    chosen: str = "", told: Iterable[Reason] = (), status: int = 200,
) -> Page:  # fmt: skip
    look, view, definition = board.look, board.view, board.definition
    choices, load = workload(board.look, board.definition.name)
    places = board.places(cases, wrong or {})
    allowed = {name for place in places for name in place.acts}
    return Page("board.html", {
        "view": view, "places": places, "units": choices, "load": load, "next": next_, "chosen": chosen,
        "states": [(name, definition.states[name].title) for name in view.states],
        "texts": in_a_row(look, definition, board.common, texts_of(look, board.common), (), ""),
        "acts": [(name, definition.events[name].title) for name in view.acts if name in allowed],
        "told": [reason.text for reason in told],
        "wrong": [(place, one) for place in places for one in (*place.reasons, *_beside(place))],
    }, status)  # fmt: skip


def _beside(place: Place) -> list[Reason]:
    """What is wrong with inputs of the row, each with the name of its input."""
    return [Reason(code="form", text=text, field=one.name) for one in place.sheet for text in one.errors]


def _asked(look: Look) -> tuple[Board, list[Case]]:
    """The board that was sent, and its rows that the reader may know of. Raises NotFound."""
    view = view_named(look, look.path["view"])
    if not view.board:
        raise NotFound(Text("没有这个列表", "there is no such list"))
    wanted = list(dict.fromkeys(look.request.form.getlist("row")))[:LIMIT]
    before = open_each(look.engine, look.actor, wanted)
    seen = cases_of(look.engine, look.actor, wanted)
    return Board(look, view, before), [seen[one] for one in wanted if one in seen]


def _read(
    board: Board, cases: Sequence[Case]
) -> tuple[dict[str, dict[str, Any]], dict[str, Sequence[Reason]]]:
    """(what the rows that were filled in say, what is wrong in others)."""
    given: dict[str, dict[str, Any]] = {}
    wrong: dict[str, Sequence[Reason]] = {}
    for case in cases:
        try:
            if found := board.typed(case):
                given[case.id] = found
        except Misread as error:
            wrong[case.id] = error.reasons
    return given, wrong


NOT_TRIED = Text("核对时不能进行", "it was not possible when it was tried")
EMPTY = Reason(code="form", text=Text("一件也没有填写", "nothing was filled in"))


def checked(look: Look) -> Page:
    """What would come of what was filled in, row by row; nothing is done yet."""
    board, cases = _asked(look)
    given, wrong = _read(board, cases)
    if wrong or not given or look.request.form.get("back"):
        told = () if wrong or given else [EMPTY]
        return _page(board, cases, wrong, told=told, status=422 if wrong or told else 200)
    texts = sent_of(look, board.definition, board.common)
    tried = [board.tried(case, given[case.id], texts) for case in cases if case.id in given]
    return Page("board_tried.html", {
        "view": board.view, "tried": tried, "good": sum(not one.reasons for one in tried), "key": identifier(look.engine),
        "kept": [*_kept(look), *((f"revision.{case.id}", board.seen(case)) for case in cases if case.id in given)],
    })  # fmt: skip


def _kept(look: Look) -> list[tuple[str, str]]:
    """What was sent, to be sent again; but for what is made anew."""
    anew = ("csrf_token", "key", "revision.")
    return [(name, value) for name, value in look.request.form.items(multi=True) if not name.startswith(anew)]


def done(look: Look) -> Page:
    """Do it, by the events that were tried: each row is judged for itself; one that is refused leaves the others as they are."""
    board, cases = _asked(look)
    given, wrong = _read(board, cases)
    if wrong or not given:
        return _page(board, cases, wrong, told=() if wrong else [EMPTY], status=422)
    texts = sent_of(look, board.definition, board.common)
    events = {event.name: event for event in board.events}
    chosen = {case.id: events.get(look.request.form.get(f"event.{case.id}", "")) for case in cases}
    plans = [
        Planned(case, look.caption(case), event.name, data_for(event, given[case.id], texts))
        for case in cases if case.id in given and (event := chosen[case.id]) is not None
    ]  # fmt: skip
    left = [(look.caption(case), NOT_TRIED) for case in cases if case.id in given and chosen[case.id] is None]
    return carried_out(look, board.view, board.view.title, plans, left)


def again(look: Look) -> Page:
    """The board as it was filled in before the session ended: nothing is done until it is sent anew."""
    board, cases = _asked(look)
    return _page(board, cases, told=[AGAIN], status=403)


BOARD = (
    Screen(path="/views/<view>", name="list", view=opened),
    Screen(path="/views/<view>/board", name="board", view=checked, methods=("POST",), again=again),
    Screen(path="/views/<view>/board/done", name="board_done", view=done, methods=("POST",), again=again),
)
