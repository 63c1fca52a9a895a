"""What was said can be taken back (PIPL art. 47): value and salt are gone everywhere, and the chain is whole."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.histories import (
    HERE,
    LI,
    LINES,
    PHONE,
    disarm,
    first,
    letter,
    open_town,
    own,
    prepare,
    rows,
    town,
    town_file,
    town_url,
)
from workflow import Actor, Engine, NotFound, Refused, check_export
from workflow.anchor import make_anchor
from workflow.call import Call
from workflow.errors import FormInvalid, KeyReused, NotPermitted
from workflow.export import export_history
from workflow.model import Receipt
from workflow.store.erasure import Erasure
from workflow.verify import verify

from .lifecycle import TENANT, Office

__all__ = ["town", "town_file", "town_url"]


def salt_of(engine: Engine, case: str, field: str) -> str:
    body = rows(engine, f"select body from {{p}}disclosure {HERE}", case=case, seq=1)[0].body
    return str(json.loads(body)[field][0])


def dump(engine: Engine) -> str:
    """Every row of every table of ours."""
    tables = [table.name for table in engine.store.tables.metadata.sorted_tables]
    return "\n".join(str(tuple(row)) for table in tables for row in rows(engine, f"select * from {table}"))


@pytest.fixture
def said(town: Engine) -> tuple[str, str, str]:
    """A letter with a canary for a phone, its review with the copy; (letter, review, salt)."""
    case = town.start("letter", LI, {"title": "题", "phone": "CANARY-77"}, tenant="hb/town", key="with a key")
    town.fire(case.id, "note", LI, {"remark": "CANARY-77"}, key="another key")
    town.fire(case.id, "assign", LI, {"lead_unit": "water"}, reason="CANARY-77 asked for it")
    return case.id, town.children(case.id)[0].id, salt_of(town, case.id, "phone")


def test_value_and_salt_are_in_no_table(town: Engine, said: tuple[str, str, str]) -> None:
    """The copy that the review was opened with goes too; what was said elsewhere is another field and stays."""
    case, review, salt = said
    copied = salt_of(town, review, "phone")
    assert dump(town).count("CANARY-77") == 8, (
        "a phone in two lines and two cases, a remark in a line and a case, a reason in two lines"
    )
    assert town.erase(case, ["phone"], actor=LI, reason="本人要求") == 2
    left = dump(town)
    assert salt not in left
    assert copied not in left
    assert '"phone":' not in "".join(
        row.data for row in rows(town, "select data from {p}cases where root_id = :c", c=case)
    )
    assert town.erase(case, ["remark", "@reason"], actor=LI, reason="本人要求") == 3
    assert "CANARY-77" not in dump(town)


def test_fields_may_come_one_by_one(town: Engine, said: tuple[str, str, str]) -> None:
    assert town.erase(said[0], iter(["phone"]), actor=LI, reason="本人要求") == 2
    assert "phone" not in town.case(said[0]).data


def test_not_one_byte_is_left_in_the_file(town_file: Path, tmp_path: Path) -> None:
    """Without any VACUUM, because secure_delete is on; nor in the journal beside it."""
    path = tmp_path / "town.db"
    path.write_bytes(town_file.read_bytes())
    engine = open_town(f"sqlite:///{path}", seed=9)
    long = "CANARY-" + "很长的话" * 3000  # overflow pages
    case = engine.start("letter", LI, {"title": "题", "phone": long}, tenant="hb/town")
    engine.fire(case.id, "assign", LI, {"lead_unit": "water"})
    salt = salt_of(engine, case.id, "phone")
    assert b"CANARY-" + "很长的话".encode() in path.read_bytes()
    engine.erase(case.id, ["phone"], actor=LI, reason="本人要求")
    for file in tmp_path.iterdir():
        content = file.read_bytes()
        assert b"CANARY-" + "很长的话".encode() not in content, file.name
        assert "很长的话很长的话".encode() not in content, file.name
        assert salt.encode() not in content, file.name
    engine.database.dispose()


def test_the_chain_is_whole_and_the_history_says_what_was_erased(
    town: Engine, said: tuple[str, str, str]
) -> None:
    case, review, _ = said
    heads = {entry.hash for id_ in (case, review) for entry in town.history(id_)}
    anchor = make_anchor(town.store, None, town.clock.now())
    town.erase(case, ["phone"], actor=LI, reason="本人要求")
    report = verify(town.store, [anchor])
    assert (report.faults, report.erased) == ((), 2)
    assert {entry.hash for id_ in (case, review) for entry in town.history(id_)[:-1]} == heads
    for id_ in (case, review):
        line = town.history(id_)[-1]
        assert (line.event, line.actor, line.role, line.data) == (
            "erase",
            "li",
            "office",
            {"@erased": {"phone": 1}},
        )
        assert line.from_state == line.to_state == town.case(id_).state
    assert town.history(case)[0].erased == ("phone",)
    assert town.history(review)[0].erased == ("phone",)
    assert "phone" not in town.history(case)[0].data
    assert "phone" not in town.case(case).data
    assert "phone" not in town.case(review).data
    assert "phone" not in town.case_at(case, 1).data
    noted = rows(town, "select case_id, fields, erased_by, reason from {p}erasure order by id")
    assert [tuple(row) for row in noted] == [(id_, '{"phone":1}', "li", "本人要求") for id_ in (case, review)]


def test_the_export_shows_it_too(town: Engine, said: tuple[str, str, str], tmp_path: Path) -> None:
    town.erase(said[0], ["phone"], actor=LI, reason="本人要求")
    out = io.StringIO()
    export_history(town.store, out)
    file = tmp_path / "export.jsonl"
    file.write_text(out.getvalue(), encoding="utf-8")
    assert check_export.check(str(file)).faults == 0
    rows_ = [json.loads(line) for line in out.getvalue().splitlines()]
    notes = [row["erasure"] for row in rows_ if "erasure" in row]
    assert {note["case"] for note in notes} == set(said[:2])
    assert [(note["fields"], note["by"], note["reason"]) for note in notes] == [
        ({"phone": 1}, "li", "本人要求")
    ] * 2


def test_the_reason_of_an_extension_goes_from_its_clock_as_well(
    town: Engine, said: tuple[str, str, str]
) -> None:
    case = said[0]
    town.fire(case, "prolong", LI, {"until": "2025-07-20"}, reason="CANARY-78 is ill")
    assert dump(town).count("CANARY-78") == 2, "in the line and in the ledger"
    due = town.case(case).clocks
    town.erase(case, ["@reason"], actor=LI, reason="本人要求")
    assert "CANARY-78" not in dump(town)
    assert town.case(case).clocks == due
    assert verify(town.store).sound


def test_what_was_answered_under_a_key_goes_too(town: Engine) -> None:
    """What the service had said of the case, data and all, was stored so that it comes again; so does the case, without what went."""
    given = {"title": "题", "phone": "CANARY-77"}
    said = Receipt(lambda case: json.dumps(dict(case.data)))
    case = town.start("letter", LI, given, tenant="hb/town", key="once", receipt=said)
    plain = town.fire(case.id, "note", LI, {"remark": "一"}, key="twice")
    assert dump(town).count("CANARY-77") == 3
    town.erase(case.id, ["phone"], actor=LI, reason="本人要求")
    assert "CANARY-77" not in dump(town)
    again = Receipt(lambda case: json.dumps(dict(case.data)))
    same = town.start("letter", LI, given, tenant="hb/town", key="once", receipt=again)
    assert (same.id, same.seq, same.data) == (case.id, 1, {"title": "题"})
    assert again.text is None, "to be written anew"
    assert town.fire(case.id, "note", LI, {"remark": "一"}, key="twice").seq == plain.seq
    assert verify(town.store).sound


def guessed(engine: Engine, call: Call) -> bool:
    """Whether an answer that is stored shows that this was sent: so a number is found, by trying all that there are."""
    hashes = [row.body_hash for row in rows(engine, "select body_hash from {p}answer")]
    return any(call.body_hash(one.partition(":")[0]) == one for one in hashes)


def test_without_a_receipt_too_nothing_is_left_to_guess_it_by(town: Engine) -> None:
    data = {"title": "题", "phone": "13900000000"}
    case = town.start("letter", LI, data, tenant="hb/town", key="once")
    sent = Call("start", LI, data, kind="letter", tenant="hb/town", key="once")
    other = town.start("letter", LI, {"title": "他"}, tenant="hb/town", key="other")
    assert guessed(town, sent)
    town.erase(case.id, ["phone"], actor=LI, reason="本人要求")
    assert not guessed(town, sent)
    assert guessed(town, Call("start", LI, {"title": "他"}, kind="letter", tenant="hb/town")), (
        "another case's stays"
    )
    same = town.start("letter", LI, {"title": "甲"}, tenant="hb/town", key="once")
    assert (same.id, same.seq, same.data) == (case.id, 1, {"title": "题"})
    with pytest.raises(KeyReused):
        town.start("letter", LI, {"title": "甲"}, tenant="hb/town", key="other")
    assert town.case(other.id).seq == 1


@pytest.fixture
def logged_town(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """On SQLite with a write-ahead log, as every newer one has it."""
    for module in ("durable", "work"):
        monkeypatch.setattr(f"workflow.store.{module}.wal_is_sound", lambda driver: True)
    prepare(sqlite_url)
    engine = open_town(sqlite_url)
    yield engine
    engine.database.dispose()


def in_files(engine: Engine, word: str) -> list[str]:
    """The files of the database that hold it."""
    path = Path(engine.database.url.database or "")
    return [one.name for one in path.parent.glob(f"{path.name}*") if word.encode() in one.read_bytes()]


def test_the_log_of_sqlite_keeps_it_no_longer_than_the_file(logged_town: Engine) -> None:
    town = logged_town
    case = town.start("letter", LI, {"title": "题", "phone": "CANARY-77"}, tenant="hb/town")
    town.store.settle()
    assert in_files(town, "CANARY-77") == ["tibandu.db"], "in the file, so that it has to be written"
    town.erase(case.id, ["phone"], actor=LI, reason="本人要求")
    assert in_files(town, "CANARY-77") == []


def test_somebody_who_reads_an_older_state_holds_the_log_and_no_erasure(
    logged_town: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    town = logged_town
    monkeypatch.setattr("workflow.store.work.PATIENCE", 10)
    case = town.start("letter", LI, {"title": "题", "phone": "CANARY-77"}, tenant="hb/town")
    with town.store.connection() as connection:
        connection.exec_driver_sql("select count(*) from tibandu_cases").one()
        assert town.erase(case.id, ["phone"], actor=LI, reason="本人要求") == 1
        assert in_files(town, "CANARY-77")
        assert not town.store.settle()
    assert town.store.settle()
    assert not in_files(town, "CANARY-77")


def test_only_what_was_asked_for_goes(town: Engine, said: tuple[str, str, str]) -> None:
    """A relative's field of the same name with another value is somebody else's word."""
    review = said[1]
    others = letter(town, 8)
    assert town.erase(review, ["title"], actor=LI, reason="误录") == 2, (
        "the copy in the letter is the same word"
    )
    assert town.case(others.id).data["title"] == "来信8"
    assert town.case(others.id).data["phone"] == PHONE
    again = town.start("letter", LI, {"title": "甲", "phone": "1"}, tenant="hb/town")
    town.fire(again.id, "assign", LI, {"lead_unit": "water"})
    child = town.children(again.id)[0].id
    town.fire(child, "judge", LI, {"opinion": "好"})
    assert town.erase(again.id, ["opinion", "phone"], actor=LI, reason="误录") == 2
    assert town.case(child).data == {"title": "甲", "opinion": "好"}
    assert verify(town.store).sound


def test_erasing_twice_takes_nothing_more_and_notes_nothing_more(
    town: Engine, said: tuple[str, str, str]
) -> None:
    assert town.erase(said[0], ["phone", "answer"], actor=LI, reason="本人要求") == 2
    assert town.erase(said[0], ["phone", "answer"], actor=LI, reason="本人要求") == 0
    assert len(rows(town, "select id from {p}erasure")) == 2


def test_a_value_said_again_after_it_was_erased_stands_and_is_guarded(town: Engine) -> None:
    """The note covers the lines up to the erasure; what is said later cannot be taken away under it."""
    case = town.start("letter", LI, {"title": "题"}, tenant="hb/town").id
    town.fire(case, "note", LI, {"remark": "一"})
    town.erase(case, ["remark"], actor=LI, reason="误录")
    town.fire(case, "note", LI, {"remark": "二"})
    assert town.case(case).data["remark"] == "二"
    assert verify(town.store).sound
    own(town, f"delete from {{p}}disclosure {HERE}", case=case, seq=4)
    assert {fault.code for fault in verify(town.store).faults} == {"undisclosed", "case_data"}


def test_it_needs_a_reason_and_a_case(town: Engine) -> None:
    with pytest.raises(Refused, match="reason"):
        town.erase(first(town), ["phone"], actor=LI, reason=" ")
    with pytest.raises(NotFound):
        town.erase("nobody", ["phone"], actor=LI, reason="x")
    assert verify(town.store).erased == 0


def test_a_field_that_no_version_declares_is_a_slip_of_the_pen(
    town: Engine, said: tuple[str, str, str]
) -> None:
    with pytest.raises(FormInvalid, match=r"titel.*did you mean title"):
        town.erase(said[0], ["titel", "phone"], actor=LI, reason="申请")
    assert verify(town.store).erased == 0


def test_not_everybody_may(town: Engine, said: tuple[str, str, str]) -> None:
    """An office without a unit, whom the role allows; a stranger is not told that there is such a case."""
    for who, error in (("wang", NotPermitted), ("nobody", NotFound)):
        with pytest.raises(error):
            town.erase(said[0], ["phone"], actor=Actor(person=who), reason="本人要求")
    for field in ("@erased", "@lead", "@case"):
        with pytest.raises(FormInvalid):
            town.erase(said[0], [field], actor=LI, reason="本人要求")
    assert verify(town.store).erased == 0


def test_copies_go_with_the_cases_that_were_begotten_and_with_those_that_begot(small_office: Office) -> None:
    """A value is erased in one case of five; the same value is in none of those that come from it or that it comes from."""
    office, engine = small_office, small_office.engine
    data = {"text": "原话", "phone": "CANARY-77"}
    first_ = engine.start("tip", LI, data, tenant=TENANT)
    for _ in range(2):
        office.fire(first_, "pass_on", "li")
    second = next(c for c in engine.search(kind="tip") if c.data.get("arises_from") == first_.id)
    office.fire(second, "pass_on", "li")
    other = engine.start("tip", LI, {"text": "另一", "phone": "CANARY-77"}, tenant=TENANT)
    assert len(engine.search(kind="tip")) == 5
    assert engine.erase(second.id, ["phone"], actor=LI, reason="本人要求") == 4
    left = [c.id for c in engine.search(kind="tip") if "phone" in c.data]
    assert left == [other.id]  # said of somebody else, and no copy
    assert {e.event for c in engine.search(kind="tip") for e in engine.history(c.id)} == {
        "start",
        "pass_on",
        "erase",
    }
    assert verify(engine.store).faults == ()
    assert "phone" not in office.fire(first_, "end", "li").data  # nor does a memory bring it back


def test_a_copy_that_was_begotten_while_the_erasure_waited_goes_too(
    small_office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office, engine = small_office, small_office.engine
    tip = engine.start("tip", LI, {"text": "原话", "phone": "CANARY-77"}, tenant=TENANT)
    other, looked, done = (
        Engine(engine.database, engine.library, clock=office.clock),
        threading.Event(),
        list[int](),
    )
    related = Erasure.related

    def seen(self: Erasure, case: str) -> list[str]:
        found = related(self, case)
        looked.set()
        return found

    monkeypatch.setattr(Erasure, "related", seen)
    eraser = threading.Thread(
        target=lambda: done.append(engine.erase(tip.id, ["phone"], actor=LI, reason="本人要求"))
    )
    with other.database.connect() as connection, connection.begin():
        other.fire(tip.id, "pass_on", LI, session=connection)
        eraser.start()
        # On SQLite it looks only when the other has ended.
        assert other.store.is_sqlite or looked.wait(30)
    eraser.join()
    assert done == [2]
    assert [case.data.get("phone") for case in engine.search(kind="tip")] == [None, None]
    assert verify(engine.store).faults == ()


def test_a_note_without_its_line_is_found(town: Engine, said: tuple[str, str, str], tmp_path: Path) -> None:
    """Whoever owns the database takes a value away and writes a note for it: no line of the chain says so."""
    case, note = said[0], '{"title":1,"phone":1,"@case":1}'
    own(town, f"update {{p}}disclosure set body = :none {HERE}", case=case, seq=1, none="{}")
    columns = "case_id, fields, erased_by, reason, erased_at"
    own(
        town,
        f"insert into {{p}}erasure ({columns}) values (:case, :note, 'x', 'x', 'x')",
        case=case,
        note=note,
    )
    assert {fault.code for fault in verify(town.store).faults} >= {"unchained"}
    file = tmp_path / "export.jsonl"
    with file.open("w", encoding="utf-8") as out:
        export_history(town.store, out)
    assert "no line says that" in check_export.check(str(file)).first


# --- others who work on the case meanwhile


def test_a_node_that_remembers_the_value_does_not_write_it_back(
    town: Engine, said: tuple[str, str, str], town_url: str
) -> None:
    case = said[0]
    other = open_town(town_url, seed=11)
    other.fire(case, "note", LI, {"remark": "记得"})  # now it remembers the family
    town.erase(case, ["phone"], actor=LI, reason="本人要求")
    other.fire(case, "note", LI, {"remark": "二"})
    assert "phone" not in other.case(case).data
    assert verify(town.store).sound
    other.database.dispose()


def test_erasing_does_not_undo_what_is_being_written(
    town: Engine, said: tuple[str, str, str], town_url: str
) -> None:
    """Somebody else's event is uncommitted when the erasure begins; both are there in the end."""
    case, other, done = said[0], open_town(town_url, seed=11), []
    with other.database.connect() as connection:
        with connection.begin():
            other.fire(case, "note", LI, {"remark": "同时"}, session=connection)
            eraser = threading.Thread(
                target=lambda: done.append(town.erase(case, ["phone"], actor=LI, reason="本人要求"))
            )
            eraser.start()
            eraser.join(0.5)
            assert eraser.is_alive(), "it waits for the one who was first"
        eraser.join()
    assert done == [2]
    assert town.case(case).data["remark"] == "同时"
    assert "phone" not in town.case(case).data
    assert verify(town.store).sound
    other.database.dispose()


def test_an_erasure_that_was_made_up_is_no_cover_for_other_fields(town: Engine) -> None:
    case = first(town)
    disarm(town)
    own(
        town, "insert into {p}erasure(case_id, fields, erased_by, reason, erased_at) values (:case, :fields, 'x', 'x', 'x')",
        case=case, fields='{"title": 1}',
    )  # fmt: skip
    own(town, f"delete from {{p}}disclosure {HERE}", case=case, seq=1)
    assert ("undisclosed", 1) in {(fault.code, fault.seq) for fault in verify(town.store).faults}
    assert verify(town.store).rows == LINES
