"""The register of parties on both databases: all or nothing, a log without what is personal, roles that follow, one filter."""

from __future__ import annotations

import re
import threading
from datetime import date, timedelta
from pathlib import Path

import pytest

from workflow import Actor, Conflict, Engine, NotFound, Refused
from workflow.errors import NotPermitted, StoreError
from workflow.library import Library
from workflow.model import Bond, Party
from workflow.random import SeededRandom
from workflow.store.errors import translate
from workflow.testing import FrozenClock

from .broken import library
from .lifecycle import FOLDER, PLACE, SMALL, TENANT, Office, count, execute, statements
from .test_cli import call

ROOT = Path(__file__).parents[1]
OFFICE = Actor(person="li")
SETUP = Actor(person="set-up")
JIAYU = f"{TENANT}/jiayu"


def congress(id: str, tenant: str, **more: object) -> Party:
    return Party(id=id, kind="congress", name=id, tenant=tenant, attributes={"level": "city"}, **more)  # type: ignore[arg-type]


def deputy(id: str, tenant: str = TENANT, **more: object) -> Party:
    given = {"attributes": {"congress": "六届"}, "parent": "xianning", "name": f"代表{id}", **more}
    return Party(id=id, kind="deputy", tenant=tenant, **given)  # type: ignore[arg-type]


CITY = [
    congress("xianning", TENANT),
    congress("jiayu", JIAYU, parent="xianning"),
    Party(id="g1", kind="group", name="第一小组", tenant=TENANT, parent="xianning"),
    Party(id="g2", kind="group", name="第二小组", tenant=TENANT, parent="xianning"),
    Party(id="home", kind="home", name="代表之家", tenant=JIAYU, parent="jiayu"),
    Party(id="station", kind="station", name="联络站", tenant=JIAYU, parent="home"),
    Party(id="water", kind="unit", name="市水利和湖泊局", tenant=TENANT, parent="xianning"),
]


@pytest.fixture
def e(office: Office) -> Engine:
    """The office's engine with a city in its register."""
    answers = office.engine.parties.put(CITY, by=SETUP, trusted=True)
    assert [a.what for a in answers] == ["added"] * len(CITY)
    return office.engine


def roles(engine: Engine, person: str) -> set[tuple[str, str, str | None]]:
    with engine.store.connection() as connection:
        return {(g.role, g.scope, g.unit) for g in engine.store.grants(connection, person)}


def test_put_twice_changes_nothing(e: Engine) -> None:
    lines = count(e, "party_log")
    again = e.parties.put(CITY, by=SETUP, trusted=True)
    assert [a.what for a in again] == ["same"] * len(CITY)
    assert count(e, "party_log") == lines == len(CITY)


def test_a_change_is_told_with_who_when_and_why(e: Engine, office: Office) -> None:
    added = e.parties.add(
        deputy("d1", personal={"phone": "13900000000"}, bonds=(Bond(bond="group", to="g1"),)), by=OFFICE
    )
    assert (added.status, added.revision) == ("active", 1)
    office.clock.advance(days=1)
    changed = e.parties.change(
        "d1",
        by=OFFICE,
        reason="更名",
        name="代表甲",
        attributes={"post": "教师"},
        personal={"phone": "13911111111"},
    )
    assert (changed.name, changed.revision, changed.attributes) == (
        "代表甲",
        2,
        {"congress": "六届", "post": "教师"},
    )
    first, second = e.parties.log("d1")
    assert (first.what, first.actor, first.reason) == ("added", "li", None)
    assert (second.what, second.reason, second.recorded_at) == ("changed", "更名", office.clock.now())
    assert second.changes == {"name": ["代表d1", "代表甲"], "post": [None, "教师"], "@personal": ["phone"]}
    assert e.parties.log("d1", after=1) == [second]


def test_what_is_personal_is_apart_and_can_go(e: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    e.parties.add(deputy("d1", personal={"phone": "13900000000", "address": "永安街"}), by=OFFICE)
    for table in ("party", "party_log"):
        with e.database.connect() as connection:
            assert "139" not in str(
                connection.exec_driver_sql(f"select * from {e.store.prefix}{table}").all()
            )
    assert e.parties.personal(["d1"], actor=OFFICE)["d1"]["phone"] == "13900000000"
    assert e.parties.personal(["d1"], actor=Actor(person="d1"))["d1"]["phone"] == "13900000000"
    with pytest.raises(Refused, match="only the person himself"):
        e.parties.personal(["d1"], actor=Actor(person="wang"))
    e.parties.change("d1", by=OFFICE, name="甲")
    assert set(e.parties.personal(["d1"])["d1"]) == {"phone", "address"}, "what is not given stays"
    settled = list[bool]()
    monkeypatch.setattr(
        e.store,
        "settle",
        lambda: settled.append(not e.parties.personal(["d1"], actor=OFFICE).get("d1", {}).get("phone")),
    )
    assert e.parties.erase("d1", ["phone"], by=OFFICE, reason="本人要求") == 1
    assert settled == [True], "SQLite's log is emptied when it is committed"
    assert e.parties.erase("d1", ["phone"], by=OFFICE, reason="本人要求") == 0
    assert e.parties.personal(["d1"])["d1"] == {"address": "永安街"}
    last = e.parties.log("d1")[-1]
    assert (last.what, last.changes, last.reason) == ("erased", {"@personal": ["phone"]}, "本人要求")
    with pytest.raises(Refused):
        e.parties.erase("d1", ["address"], by=OFFICE, reason=" ")


@pytest.mark.parametrize("statement", ["update {p}party_log set actor = 'x'", "delete from {p}party_log"])
def test_the_log_is_append_only(e: Engine, statement: str) -> None:
    with pytest.raises(Exception, match="append-only") as refused:
        execute(e, statement)
    assert isinstance(translate(getattr(refused.value, "orig", refused.value), e.store.prefix), StoreError)


REFUSED = {
    "kind": (Party(id="x", kind="king", name="x", tenant=TENANT), "kind"),
    "blank": (Party(id="x", kind="unit", name=" ", tenant=TENANT), "name"),
    "long": (Party(id="x", kind="unit", name="长" * 201, tenant=TENANT), "name"),
    "unfit": (Party(id="x\x00", kind="unit", name="x", tenant=TENANT), "id"),
    "form NFC": (Party(id="e\u0301", kind="unit", name="x", tenant=TENANT), "id"),
    "status": (deputy("x", status="asleep"), "status"),
    "required": (deputy("x", attributes={}), "congress"),
    "unknown attribute": (deputy("x", attributes={"congress": "六届", "points": 3}), "points"),
    "code": (Party(id="x", kind="congress", name="x", tenant=TENANT, attributes={"level": "moon"}), "level"),
    "no parent": (deputy("x", parent="nowhere"), "parent"),
    "parent's kind": (deputy("x", parent="g1"), "parent"),
    "parent's tenant": (deputy("x", parent="jiayu"), "parent"),
    "dates": (deputy("x", valid_from=date(2026, 2, 1), valid_until=date(2026, 1, 1)), "valid_until"),
    "bond": (deputy("x", bonds=(Bond(bond="friend", to="g1"),)), "friend"),
    "bond to nobody": (deputy("x", bonds=(Bond(bond="group", to="g9"),)), "group"),
    "bond to a kind": (deputy("x", bonds=(Bond(bond="group", to="water"),)), "group"),
    "two where one": (deputy("x", bonds=(Bond(bond="group", to="g1"), Bond(bond="group", to="g2"))), "group"),
    "bond's dates": (
        deputy("x", bonds=(Bond(bond="group", to="g1", valid_from=date(2026, 2, 1), valid_until=date(2026, 1, 1)),)), "group",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_one_that_is_refused_keeps_all_out(sqlite_office: Office, what: str) -> None:
    e = sqlite_office.engine
    e.parties.put(CITY, by=SETUP, trusted=True)
    bad, field = REFUSED[what]
    before = count(e, "party")
    good, wrong = e.parties.put([deputy("fine"), bad], by=SETUP, trusted=True)
    assert (good.what, wrong.what) == ("added", "refused")
    assert field in {reason.field for reason in wrong.reasons}
    assert all(reason.text.zh and reason.text.en for reason in wrong.reasons)
    assert (count(e, "party"), count(e, "party_log")) == (before, before)
    with pytest.raises(Refused):
        e.parties.add(bad, by=SETUP, trusted=True)


def test_what_one_call_brings_may_name_each_other_but_not_in_a_circle(e: Engine) -> None:
    new = [
        congress("a", TENANT, parent="b"),
        congress("b", TENANT, parent="xianning"),
        deputy("c", parent="a"),
    ]
    assert {a.what for a in e.parties.put(new, by=SETUP, trusted=True)} == {"added"}
    ring = [congress("a", TENANT, parent="b"), congress("b", TENANT, parent="a")]
    assert {a.what for a in e.parties.put(ring, by=SETUP, trusted=True)} == {"refused"}
    assert (
        e.parties.put([congress("p", TENANT), congress("p", TENANT)], by=SETUP, trusted=True)[1].what
        == "refused"
    )
    with pytest.raises(Refused, match="below itself"):
        e.parties.change("b", by=SETUP, trusted=True, parent="a")


def test_a_refusal_leaves_each_database_alone(e: Engine) -> None:
    before = count(e, "party")
    answers = e.parties.put([deputy("fine"), REFUSED["unfit"][0]], by=SETUP, trusted=True)
    assert [a.what for a in answers] == ["added", "refused"]
    assert count(e, "party") == before


def test_kind_and_tenant_are_for_good(e: Engine) -> None:
    with pytest.raises(Refused, match="cannot change"):
        e.parties.change("water", by=SETUP, trusted=True, tenant=JIAYU)
    with pytest.raises(Refused, match="cannot change"):
        e.parties.change("water", by=SETUP, trusted=True, kind="committee")


def test_a_dry_run_judges_and_writes_nothing(e: Engine) -> None:
    answers = e.parties.put([deputy("d1"), deputy("d2", attributes={})], by=OFFICE, dry_run=True)
    assert [a.what for a in answers] == ["added", "refused"]
    with pytest.raises(NotFound):
        e.parties.get("d1")


def test_who_keeps_the_register(e: Engine) -> None:
    e.grant("jia", "deputy_affairs", JIAYU)
    e.parties.add(deputy("j1", JIAYU, parent="jiayu"), by=Actor(person="jia"))
    for person in ("jia", "wang", "nobody", "dep1"):
        with pytest.raises(Refused, match="is registered by"):
            e.parties.add(deputy("d1"), by=Actor(person=person))
    e.parties.add(deputy("li"), by=Actor(person="liu"))
    with pytest.raises(Refused, match="his own"):
        e.parties.change("li", by=OFFICE, name="x")


# --- roles follow


@pytest.fixture(scope="session")
def with_letter() -> Library:
    """The shipped definitions and one more, in which a deputy acts as a deputy."""
    files = {
        f"{path.parent.name}-{path.stem}": path.read_text(encoding="utf-8") for path in FOLDER.rglob("*.yaml")
    }
    files |= {name: (SMALL / f"{name}.yaml").read_text(encoding="utf-8") for name in ("letter", "consent")}
    files["letter"] = re.sub(r",\s*backdate: {[^}]*}", "", files["letter"])
    return library(files)


def test_a_suspended_deputy_files_signs_and_evaluates_nothing(
    office: Office, with_letter: Library, clock: FrozenClock
) -> None:
    """Invariant 20: the role goes with the status, in the same transaction; what was filed goes on."""
    e = Engine(office.engine.database, with_letter, place=PLACE, clock=clock, random=SeededRandom(3))
    e.publish(SETUP)
    e.parties.put([*CITY, deputy("dep1"), deputy("dep2")], by=SETUP, trusted=True)
    filed = e.start("letter", OFFICE, {"writers": ["dep1", "dep2"], "text": "信"}, tenant=TENANT)
    consent = {child.party: child.id for child in e.children(filed.id)}
    two = Actor(person="dep2")
    with pytest.raises(Refused, match="needs a reason"):
        e.parties.change("dep2", by=OFFICE, status="suspended")
    e.parties.change("dep2", by=OFFICE, status="suspended", reason="代表法 第61条")
    assert roles(e, "dep2") == set()
    for case, event in ((consent["dep2"], "give"), (filed.id, "send")):
        with pytest.raises(NotPermitted):
            e.fire(case, event, two)
        assert not any(p.allowed for p in e.permitted(case, two))
    assert e.case(filed.id).relations["writer"] == ("dep1", "dep2")
    e.parties.change("dep2", by=OFFICE, status="active", reason="恢复职务")
    assert e.fire(consent["dep2"], "give", two).state == "given"
    e.parties.change("dep2", by=OFFICE, status="ended", reason="调离")
    assert roles(e, "dep2") == set()
    assert e.fire(filed.id, "send", Actor(person="dep1")).state == "sent", "the others go on"


def test_a_role_of_the_register_is_not_granted_beside_it(e: Engine) -> None:
    e.parties.add(deputy("d1"), by=OFFICE)
    e.parties.change("d1", by=OFFICE, status="suspended", reason="第61条")
    with pytest.raises(Refused, match="follows from the register"):
        e.grant("d1", "deputy", TENANT)
    e.grant("d1", "gov_leader", TENANT)
    assert roles(e, "d1") == {("gov_leader", TENANT, None)}
    e.parties.change("d1", by=OFFICE, status="active", reason="恢复")
    e.sync_grants("d1", [], by="directory")
    assert roles(e, "d1") == {("deputy", TENANT, None)}


def test_a_keeper_is_one_while_he_keeps(e: Engine, office: Office) -> None:
    keeps = (Bond(bond="keeper", to="station", valid_from=date(2026, 1, 1)),)
    e.parties.add(
        Party(id="k", kind="staff", name="站长", tenant=JIAYU, parent="home", bonds=keeps), by=OFFICE
    )
    assert roles(e, "k") == {("station_keeper", JIAYU, "station")}
    office.clock.advance(days=1)
    after = e.parties.change("k", by=OFFICE, bonds=())
    assert roles(e, "k") == set()
    assert [b.valid_until for b in after.bonds or ()] == [date(2026, 3, 2)]
    assert e.parties.find(bond=("keeper", "station"), on=date(2026, 3, 3)) == []
    assert [p.id for p in e.parties.find(bond=("keeper", "station"), on=date(2026, 2, 1))] == ["k"]


def test_who_changes_groups_was_in_the_old_one(e: Engine, office: Office) -> None:
    e.parties.add(deputy("d1", bonds=(Bond(bond="group", to="g1"),)), by=OFFICE)
    office.clock.advance(days=5)
    e.parties.change("d1", by=OFFICE, bonds=(Bond(bond="group", to="g2"),))
    today = date(2026, 3, 2) + timedelta(days=5)
    assert e.parties.get("d1").bonds == (
        Bond(bond="group", to="g1", valid_until=today - timedelta(days=1)), Bond(bond="group", to="g2", valid_from=today),
    )  # fmt: skip
    e.parties.change("d1", by=OFFICE, bonds=(Bond(bond="group", to="g1"),))
    assert [b.to for b in e.parties.get("d1").bonds or ()] == ["g1", "g1"], (
        "a bond of a few hours leaves no trace but the log"
    )


# --- questions


def test_one_filter(e: Engine) -> None:
    e.grant("jia", "deputy_affairs", JIAYU)
    e.parties.put([deputy("d1"), deputy("j1", JIAYU, parent="jiayu")], by=OFFICE)
    seen = {"li": {"d1", "j1"}, "jia": {"j1"}, "j1": {"j1"}, "d1": {"d1", "j1"}, "nobody": set()}
    for person, mine in seen.items():
        actor = Actor(person=person)
        assert {p.id for p in e.parties.find(actor=actor, kind="deputy")} == mine
        for one in ("d1", "j1"):
            for question in (e.parties.get, e.parties.log):
                if one in mine:
                    assert question(one, actor=actor)
                else:
                    with pytest.raises(NotFound):
                        question(one, actor=actor)
        tree = {p.id for p in e.parties.tree("xianning", actor=actor, kinds=("congress", "deputy"))}
        assert tree & {"d1", "j1"} == mine


def test_pages_and_conditions(e: Engine) -> None:
    e.parties.put([deputy(f"d{n:03}") for n in range(25)], by=OFFICE)
    pages, after = [], None
    while page := e.parties.find(kind="deputy", limit=10, after=after):
        pages.append([p.id for p in page])
        after = page[-1].id
    assert [len(page) for page in pages] == [10, 10, 5]
    assert [id for page in pages for id in page] == [f"d{n:03}" for n in range(25)]
    assert [p.id for p in e.parties.find(names=["代表d007"])] == ["d007"]
    assert [p.id for p in e.parties.find(ids=["d001", "d009", "nobody"])] == ["d001", "d009"]
    assert e.parties.find(ids=["\x00"]) == e.parties.find(ids=[]) == []
    assert [p.id for p in e.parties.find(parent="jiayu")] == ["home"]
    assert {p.id for p in e.parties.find(tenant=JIAYU)} == {"jiayu", "home", "station"}
    assert [p.id for p in e.parties.tree("jiayu")] == ["jiayu", "home", "station"]
    e.parties.change("d007", by=OFFICE, valid_until=date(2026, 3, 1))
    assert "d007" not in {p.id for p in e.parties.find(kind="deputy", on=date(2026, 3, 2))}


def test_a_question_is_two_statements_however_many_it_finds(
    e: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    e.parties.put([deputy(f"d{n:03}") for n in range(60)], by=OFFICE)
    with statements(e.database, monkeypatch) as seen:
        assert len(e.parties.find(kind="deputy")) == 60
    assert len([s for s in seen if s.lower().lstrip().startswith("select")]) == 2


# --- at once


def test_of_two_who_add_the_same_one_is_told(e: Engine, other: Engine) -> None:
    outcomes: list[object] = []

    def add(engine: Engine) -> None:
        try:
            outcomes.append(engine.parties.add(deputy("d1"), by=OFFICE).id)
        except Conflict as conflict:
            outcomes.append(type(conflict))

    threads = [threading.Thread(target=add, args=(engine,)) for engine in (e, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, outcomes)) == sorted([str(Conflict), "d1"])
    assert count(e, "party_log", "party = 'd1'") == 1


def test_of_two_who_change_different_things_neither_undoes_the_other(e: Engine, other: Engine) -> None:
    """A name changed beside a suspension must not put the deputy back into office."""
    e.parties.add(deputy("d1"), by=OFFICE)

    def rename(number: int) -> None:
        other.parties.change("d1", by=OFFICE, reason="更名", name=f"甲{number}")

    threads = [threading.Thread(target=rename, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    e.parties.change("d1", by=OFFICE, status="suspended", reason="第61条")
    for thread in threads:
        thread.join()
    now = e.parties.get("d1")
    assert (now.status, now.revision) == ("suspended", 6)
    assert roles(e, "d1") == set()


def test_what_was_read_and_is_put_back_is_compared(e: Engine) -> None:
    read = e.parties.get("water")
    e.parties.change("water", by=OFFICE, name="甲")
    with pytest.raises(Conflict):
        e.parties.put([read], by=OFFICE)
    assert e.parties.get("water").name == "甲"


def test_a_stale_revision_is_a_conflict(e: Engine) -> None:
    e.parties.change("water", by=OFFICE, name="甲", revision=1)
    with pytest.raises(Conflict) as conflict:
        e.parties.change("water", by=OFFICE, name="乙", revision=1)
    assert conflict.value.revision == 2


def test_a_host_may_roll_back(e: Engine) -> None:
    with e.database.connect() as connection:
        begun = connection.begin()
        e.parties.add(deputy("d1"), by=OFFICE, session=connection)
        assert e.parties.get("d1", session=connection)
        begun.rollback()
    with pytest.raises(NotFound):
        e.parties.get("d1")
    assert roles(e, "d1") == set()


def test_on_the_real_lifecycles_a_suspended_deputy_evaluates_nothing(office: Office) -> None:
    """Invariant 20 on what is shipped: the survey of who is suspended waits and lapses, the other deputy's goes on."""
    e = office.engine
    e.parties.put([*CITY, deputy("dep1"), deputy("dep2")], by=SETUP, trusted=True)
    case = office.evaluating("dep1", "dep2")
    survey = office.child(case, "surveys", "dep2")
    e.parties.change("dep2", by=OFFICE, status="suspended", reason="代表法 第61条")
    assert office.reasons(survey, "answer", "dep2", level="satisfied") == {"role"}
    assert (
        office.fire(office.child(case, "surveys", "dep1"), "answer", "dep1", level="satisfied").state
        == "returned"
    )
    office.clock.advance(days=200)
    office.ticks()
    assert office.now(survey).state == "not_returned"


# --- the command


@pytest.fixture
def there(sqlite_office: Office, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Engine:
    """The command line on a city."""
    e = sqlite_office.engine
    e.parties.put(
        [*CITY, deputy("d1", personal={"phone": "1"}, bonds=(Bond(bond="group", to="g1"),))],
        by=SETUP,
        trusted=True,
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("workflow.loader.load_definitions", lambda *_, **__: e.library)
    monkeypatch.setenv("TIBANDU_DATABASE", e.database.url.render_as_string(hide_password=False))
    return e


def test_the_command(there: Engine) -> None:
    assert [row["id"] for row in call("party", "list", "--kind", "deputy", "--json").json] == ["d1"]
    assert call("party", "list", "--by", "nobody", "--lang", "en").out == "there are none\n"
    shown = call("party", "show", "d1", "--lang", "zh").out
    assert "名称: 代表d1" in shown and "g1" in shown and "phone" not in shown
    said = call("party", "status", "d1", "suspended", "--reason", "第61条", "--by", "li", "--lang", "en")
    assert (said.code, said.out) == (0, "代表d1: suspended\n")
    assert roles(there, "d1") == set()
    assert (
        call("party", "erase", "d1", "phone", "--reason", "本人要求", "--lang", "en").out
        == "1 value(s) erased\n"
    )
    lines = call("party", "log", "d1", "--json").json
    assert [(line["what"], line["actor"]) for line in lines] == [
        ("added", "set-up"),
        ("changed", "li"),
        ("erased", "set-up"),
    ]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (2, ["party"]), (2, ["party", "status", "d1", "ended"]), (1, ["party", "status", "nobody", "ended", "--reason", "x"]),
        (1, ["party", "status", "d1", "asleep", "--reason", "x"]), (1, ["party", "show", "nobody"]), (1, ["party", "log", "d1", "--by", "x"]),
        (1, ["party", "status", "d1", "ended", "--reason", "x", "--by", "wang"]), (2, ["party", "erase", "d1", "card", "--reason", "x"]),
        (1, ["party", "erase", "d1", "phone", "--reason", " "]),
    ],
)  # fmt: skip
def test_the_command_says_no(
    there: Engine, code: int, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    said = call(*words)
    assert (said.code, said.out) == (code, "")
    assert said.err or capsys.readouterr().err


# --- the page


def test_the_page_runs_as_printed(sqlite_office: Office, capsys: pytest.CaptureFixture[str]) -> None:
    page = (ROOT / "docs" / "parties.md").read_text(encoding="utf-8")
    engine = sqlite_office.engine
    engine.grant("li.wei", "deputy_affairs", "hubei/xianning")
    example = re.findall(r"```python\n(.*?)```", page, re.DOTALL)[0]
    exec(compile(example, "parties.md", "exec"), {"engine": engine, "Actor": Actor, "date": date})
    assert capsys.readouterr().out == "[('added', None), ('changed', '代表法第61条')]\n"


def test_every_kind_is_on_the_page(sqlite_office: Office) -> None:
    page = (ROOT / "docs" / "parties.md").read_text(encoding="utf-8")
    for kind in sqlite_office.engine.library.parties.values():
        assert f"`{kind.name}`" in page
        for word in (kind.title.zh, *kind.governed):
            assert word in page, word
