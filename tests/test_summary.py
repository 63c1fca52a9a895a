"""The summary says what the cases say, for everybody, after everything; and nobody who looks counts them all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from unittest.mock import patch

from sqlalchemy import event, text

from scheduler import TickWaker
from workflow import Actor, Engine
from workflow.errors import StoreError, Text
from workflow.model import Grant
from workflow.overview import Filter, Period, Ran, counts, figures, took
from workflow.store.summary import Summing
from workflow.summary import Shortcut, Summary
from workflow.verify import summary_faults

from .lifecycle import DOCUMENT, DRAFT, PLACE, REPLY, TENANT, TODAY, Office

LI = Actor(person="li")
ALL, SURVEYS = Filter(kind="suggestion", roots=True), Filter(kind="evaluation")
YEAR = Period(start=date(2026, 1, 1), before=date(2027, 1, 1))
BY = (
    (ALL, []), (ALL, ["state"]), (ALL, ["month"]), (ALL, ["unit"]), (ALL, ["tenant", "unit"]), (SURVEYS, ["slot", "state"]),
    (Filter(), ["kind"]), (Filter(), []), (ALL, ["definition"]),
)  # fmt: skip
COUNTED = (
    replace(ALL, closed=False), replace(ALL, over="target"), replace(ALL, over="statutory"), Filter(closed=False),
    replace(ALL, closed=False, due_from=TODAY, due_before=TODAY + timedelta(days=120)),
    replace(ALL, opened_from=YEAR.start, opened_before=YEAR.before),
    replace(ALL, concluded_from=date(2026, 3, 1), concluded_before=date(2026, 4, 1)),
    replace(ALL, finished=False), replace(ALL, finished=True), replace(ALL, over="target", finished=False),
    replace(ALL, finished=False, due_from=TODAY, due_before=TODAY + timedelta(days=120)),
    replace(ALL, closed=False, states=("evaluating", "re_evaluating")), replace(ALL, closed=False, tenant=TENANT),
    *(replace(ALL, over=over, recorded=recorded) for over in ("target", "statutory") for recorded in (True, False)),  # type: ignore[arg-type]
    *(Filter(closed=False, due_before=TODAY, recorded=recorded) for recorded in (True, False)), replace(ALL, recorded=True),
    replace(SURVEYS, concluded_from=YEAR.start, slots=("surveys",), states=("satisfied",)), Filter(kind="procuratorate_conversion"),
)  # fmt: skip


def told(office: Office, actor: Actor) -> tuple[object, ...]:
    """All that figures are asked for, by this person."""
    clocks, events = office.engine.library.answers["suggestion"]
    ran = Ran(clocks=clocks, events=events, period=YEAR)
    of = (office.engine, actor)
    tables = [figures(*of, asked, by, YEAR) for asked, by in BY]  # type: ignore[arg-type]
    return tables, took(*of, ALL, ran), counts(*of, COUNTED)


def counted(office: Office, actor: Actor) -> tuple[object, ...]:
    """The same from the cases alone."""
    with patch.object(Summary, "fresh", return_value=False):
        return told(office, actor)


def lived(office: Office) -> None:
    """One of each kind of story, in different months, with answers in time and late."""
    office.filed()
    office.assigned(co=("roads",))
    office.fire(office.filed("dep1"), "withdraw", "dep1", withdrawal_letter=DOCUMENT)
    office.re_evaluated("dissatisfied", "satisfied")
    office.fire(office.evaluated(), "settle", "sun")
    case, late = office.handling(), office.handling()
    office.clock.set(TODAY + timedelta(days=30))
    office.fire(case, "submit_for_signoff", "wang", **DRAFT)
    office.fire(case, "issue_reply", "wu", **{**REPLY, "delivered_on": "2026-04-01"})
    office.clock.set(TODAY + timedelta(days=100))
    office.fire(late, "submit_for_signoff", "wang", **DRAFT)
    # records of old times: as they are, with an act that is hidden, taken up
    for act in ("", "transfer_to_procuratorate", "sign_in"):
        old = office.imported()
        if act == "sign_in":
            office.fire(old, act, "wang")
        elif act:
            office.fire(old, act, "li", procuratorate_area="environment", public_interest="水源保护")


def readers(office: Office) -> list[Actor]:
    """An overseer; one who is in a unit too; one of a congress below."""
    held = [
        Grant(id="g1", person="both", role="deputy_affairs", scope=TENANT),
        Grant(id="g2", person="both", role="unit_clerk", unit="water", scope=TENANT),
    ]
    office.engine.sync_grants("both", held, by="test")
    below = Grant(id="g3", person="low", role="deputy_affairs", scope=f"{TENANT}/none")
    office.engine.sync_grants("low", [below], by="test")
    return [Actor(person=person) for person in ("li", "both", "low")]


def test_figures_are_those_of_the_cases_whoever_asks(office: Office) -> None:
    lived(office)
    li, both, low = readers(office)
    for days, looking in ((100, [li, both, low]), (400, [li])):
        office.clock.set(TODAY + timedelta(days=days))
        for reader in looking:
            assert told(office, reader) == counted(office, reader), (days, reader)
    assert office.engine.summary.contradictions() == []


def test_a_case_from_which_a_reader_is_barred_is_not_in_his_figures(office: Office) -> None:
    case, reader = office.assigned(), readers(office)[1]
    office.assigned()
    assert counts(office.engine, reader, [replace(ALL, closed=False)]) == [2]
    with office.engine.store.connection(write=True) as connection:
        office.engine.store.add(connection, "barred", case_id=case.id, unit="water")
    assert counts(office.engine, reader, [replace(ALL, closed=False)]) == [1]
    assert figures(office.engine, reader, ALL, ["state"], YEAR)[0].open == 1


def test_what_is_asked_again_is_asked_as_things_are_by_then(office: Office) -> None:
    """Its query is kept, and made anew when the summary is behind, or who asks sees a case, or does not, for a reason of his own."""
    case, open_ = office.filed(), [replace(ALL, closed=False)]

    def both() -> tuple[int, int]:
        (number,) = counts(office.engine, LI, open_)
        return number, figures(office.engine, LI, ALL, [], YEAR)[0].open

    assert both() == (1, 1)
    with patch.object(Summary, "fresh", return_value=False):
        office.filed()
        assert both() == (2, 2), "counted from the cases"
    assert both() == (2, 2)
    with office.engine.store.connection(write=True) as connection:
        office.engine.store.add(connection, "barred", case_id=case.id, unit="li")
    assert both() == (1, 1), "put right"


def test_a_figure_that_was_changed_is_seen_and_counted_anew(office: Office) -> None:
    office.filed()
    assert counts(office.engine, LI, [replace(ALL, closed=False)]) == [1]
    with office.engine.database.begin() as connection:
        connection.execute(
            text(f"update {office.engine.store.prefix}summary set n = n + 1 where measure = 'open'")
        )
    (fault,) = summary_faults(office.engine.summary.contradictions())
    assert fault.code == "summary" and fault.text.en.endswith("2 (1)")
    office.engine.summary.rebuild()
    assert office.engine.summary.contradictions() == []


def test_an_open_case_that_is_in_no_list_of_those_is_seen_and_counted_anew(office: Office) -> None:
    case, prefix = office.filed(), office.engine.store.prefix
    assert office.engine.summary.contradictions() == []
    with office.engine.database.begin() as connection:
        connection.execute(
            text(f"update {prefix}summed set open = :no where case_id = :id"), {"no": False, "id": case.id}
        )
    assert office.engine.summary.contradictions() == [f"{case.id}: open"]
    office.engine.summary.rebuild()
    assert office.engine.summary.contradictions() == []


def test_a_reader_waits_for_a_few_cases_and_not_for_all(office: Office) -> None:
    """Until the ticks have counted the rest, his figures are counted from the cases."""
    for _ in range(3):
        office.filed()
    open_ = [replace(ALL, closed=False)]
    with patch("workflow.store.summary.PAGE", 1), patch("workflow.summary.PAGES", 2):
        assert not office.engine.summary.fresh()
        assert counts(office.engine, LI, open_) == [3]
        assert TickWaker(office.engine).tick() == 0
        assert counts_nothing(office.engine), "a tick has counted them all"
    with patch.object(Shortcut, "count", return_value=None) as asked:
        assert counts(office.engine, LI, open_) == [3]
    assert asked.called


def test_nodes_that_have_seen_different_definitions_sum_by_the_same_terms(office: Office) -> None:
    """Otherwise each would count away what the other has summed, for ever."""
    office.filed()
    engine = office.engine
    fewer = {name: one for name, one in engine.library.definitions.items() if name != "suggestion"}
    other = Engine(
        engine.database, replace(engine.library, definitions=fewer), place=PLACE, clock=office.clock
    )
    assert engine.summary.refresh()
    assert counts_nothing(other), "what one node has summed is up to date for the other"


def counts_nothing(engine: Engine) -> bool:
    """Whether nothing is left to be counted. (Whether every line is known to be seen is another question: on PostgreSQL that
    waits for transactions of others, be they of other databases.)
    """
    with patch.object(Summing, "_count") as counted:
        return engine.summary.refresh(1) and not any(call.args[1] for call in counted.call_args_list)


def test_a_tick_sums_so_many_pages_and_no_more(office: Office) -> None:
    with patch.object(Summary, "refresh", return_value=False) as asked, patch("scheduler.waker.SUMMED", 3):
        assert TickWaker(office.engine).tick() == 0
    assert asked.call_count == 3


def test_a_summary_that_cannot_be_written_leaves_the_figures_as_they_are(office: Office) -> None:
    office.filed()
    with patch("workflow.summary.Summing.advance", side_effect=StoreError(Text("只读", "read only"))):
        assert counts(office.engine, LI, [replace(ALL, closed=False)]) == [1]
        assert office.engine.summary.contradictions() == []


def test_a_line_that_becomes_visible_late_is_counted(office: Office) -> None:
    """On PostgreSQL ids are given before the commit: who commits last may have written first."""
    early, open_ = office.filed("dep1"), [replace(ALL, closed=False)]
    assert counts(office.engine, LI, open_) == [1]
    dep1, given = Actor(person="dep1"), {"withdrawal_letter": DOCUMENT}
    if office.engine.store.is_sqlite:
        office.engine.fire(early.id, "withdraw", dep1, given)
    else:
        with office.engine.database.connect() as host, host.begin():
            office.engine.fire(early.id, "withdraw", dep1, given, session=host)
            office.filed()
            assert counts(office.engine, LI, open_) == [2]
    assert counts(office.engine, LI, open_) == [0 if office.engine.store.is_sqlite else 1]
    assert office.engine.summary.contradictions() == []


def test_figures_read_rows_by_their_sorts_and_not_by_the_cases(office: Office) -> None:
    """However many cases are alike, a figure is one row; and what is up to date costs a few short questions."""
    for _ in range(2):
        office.filed()
    first = [figures(office.engine, LI, asked, by, YEAR) for asked, by in BY[:7]]  # type: ignore[arg-type]
    with office.engine.database.connect() as connection:
        prefix = office.engine.store.prefix
        rows = connection.execute(text(f"select count(*), max(n) from {prefix}summary where n > 0")).one()
    assert first[0][0].open == 2
    for _ in range(2):
        office.filed()
    asked = []
    with listening(office, asked):
        assert figures(office.engine, LI, ALL, ["state"], YEAR)[0].open == 4
    with office.engine.database.connect() as connection:
        again = connection.execute(text(f"select count(*), max(n) from {prefix}summary where n > 0")).one()
    assert (again[0], again[1]) == (rows[0], 4)
    asked = []
    with listening(office, asked):
        figures(office.engine, LI, ALL, ["month"], YEAR, counting=("opened",))
    assert len(asked) <= 20, asked  # and no more, while somebody else is writing
    counting = [one for one in asked if "summary" not in one and "count(" in one]
    assert counting == [], "nobody counts cases"


@contextmanager
def listening(office: Office, heard: list[str]) -> Iterator[None]:
    """Every statement of ours."""

    def hear(_c: object, _k: object, statement: str, *_: object) -> None:
        heard.append(statement)

    event.listen(office.engine.database, "before_cursor_execute", hear)
    try:
        yield
    finally:
        event.remove(office.engine.database, "before_cursor_execute", hear)
