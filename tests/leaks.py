"""A city of the shipped definitions with something in it of every kind that is somebody else's, and everybody who could ask for it.

Each object has words of its own that stand nowhere else (`marks`), and says by hand who may know of it: what the engine's filter
thinks is what is tested.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from flask import Flask, Request

from api import Folder, Jobs, Sessions, create_app, create_schema, saved
from api.uploads import Uploads
from definitions.doors import code_of
from definitions.papers import Papers
from workflow import Actor, Case, Engine
from workflow.library import Library
from workflow.model import Party
from workflow.testing import FrozenClock

from .lifecycle import CONTACT, DRAFT, GRANTS, PLACE, REPLY, SUGGESTION, TENANT, TODAY, Office
from .test_letters import settle
from .test_parties import SETUP, deputy

FAR, TOWN = "hb/huangshi", f"{TENANT}/town"
OPERATOR, INTAKE = "operator", "svc.door"
UNITED = ("unit_clerk", "unit_head", "station_keeper", "station_clerk")
"""roles within a unit"""
CLUE, NOTE, VOTER, PHONE = "渗滤液直排线索雎鸠", "暗访笔录蒹葭", "陈大妈葛覃", "13812345678"
PROCURATORATE = ("procuratorate_clerk", "chief_prosecutor")
COMPARTMENT = (*PROCURATORATE, "deputy_affairs", "supervisory_judicial_committee", "sc_office")
BROUGHT = {
    "abroad": "far.li",
    "roads": "li",
    "water": "wu",
    "notes": "pros",
    "draft": "dep1",
    "voter": "keep",
}
"""document -> who brought it"""
NONE = ""
"""what a thing has not"""
PLATE = "采葛联络站"
"""a station's name: on its door for all, in the register for those of its congress"""
Knows = Callable[["Person"], bool]


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who asks. `role` and `scope`: none for who holds nothing."""

    name: str
    role: str | None = None
    scope: str = TENANT
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class Thing:
    """Something of somebody else. `values` fill the addresses by which it is asked for; who does not know of it finds no mark."""

    name: str
    marks: tuple[str, ...]
    knows: Knows
    values: Mapping[str, str] = field(default_factory=dict)


class World:
    """All of it on one engine; `make` puts it there, another process may go on with a copy."""

    def __init__(self, url: str, folder: Path, library: Library, clock: FrozenClock) -> None:
        self.clock = clock
        self.engine = Engine(url, library, place=PLACE, clock=clock)
        self.office = Office(self.engine, clock)
        self.kept = Folder(folder / "documents")
        self.papers = Papers(self.engine)
        self.app = service(self.engine, self.kept)
        self.client = self.app.test_client()
        self.people = list(self._people())
        self._things()

    def _people(self) -> Iterator[Person]:
        """Every role there is: elsewhere, and here beside what is asked for; then those who stand near it."""
        for role in self.engine.library.roles.values:
            here = TOWN if role == "township_presidium" else TENANT
            yield Person(f"near.{role}", role, here, f"near.{role}" if role in UNITED else None)
            yield Person(f"far.{role}", role, FAR, f"far.{role}" if role in UNITED else None)
        yield from (Person("wang", "unit_clerk", unit="water"), Person("wu", "unit_head", unit="water"))
        yield from (
            Person("chen", "unit_head", unit="parks"),
            Person("dep3", "deputy"),
            Person("nobody"),
            Person(""),
        )

    # -- what is there

    def _things(self) -> None:
        engine, _office = settle(self.engine), self.office
        for one in self.people:
            if one.role is not None and one.name not in GRANTS:
                engine.grant(one.name, one.role, one.scope, unit=one.unit)
        for person, role in (
            ("pros", "procuratorate_clerk"),
            ("chief", "chief_prosecutor"),
            (INTAKE, "qr_intake"),
        ):
            engine.grant(person, role, TENANT)
        engine.grant("far.li", "deputy_affairs", FAR)
        station = Party(id="st1", kind="station", name="温泉联络站", tenant=TENANT, parent="xianning")
        other = Party(id="st2", kind="station", name=PLATE, tenant=TENANT, parent="xianning")
        engine.parties.put([station, other, deputy("dep3", name="代表丙")], by=SETUP, trusted=True)
        engine.grant("keep", "station_keeper", TENANT, unit="st1")
        self.files = {name: self._file(name, who) for name, who in BROUGHT.items()}
        self.things = [
            *self._abroad(),
            *self._roads(),
            *self._water(),
            *self._draft(),
            *self._opinion(),
            *self._belongings(),
            Thing("station", (PLATE, code_of("st2")), lambda who: who.role is not None and who.scope != FAR),
        ]
        while Jobs(engine, self.papers).advance():
            pass
        while engine.alerts.address():
            pass

    def _file(self, name: str, who: str) -> dict[str, Any]:
        kept = self.kept.keep(io.BytesIO(f"%PDF-1.7 {name} 内容".encode()), f"{name}-附件.pdf")
        Uploads(self.engine).note(who, kept.sha256, kept.size)
        return asdict(kept)

    def _told(self, name: str, **more: Any) -> dict[str, Any]:
        words = {
            "title": f"关于{name}桥梁的建议",
            "body": f"修{name}桥，群众反映强烈",
            "attachments": [self.files[name]],
        }
        return {**SUGGESTION, **words, **more}

    def _case(self, name: str, case: Case, knows: Knows, event: str, *marks: str) -> Thing:
        """A case that is somebody else's: its number, its words, its document."""
        now = self.engine.case(case.id)
        file = self.files.get(name)
        values = {
            "id": now.id, "event": event, "number": now.number or NONE, "title": NONE if now.root != now.id else now.data.get("title") or now.data["subject"],
            "sha256": file["sha256"] if file else NONE,
        }  # fmt: skip
        known = [now.id, file and file["sha256"], file and file["name"], *marks]
        return Thing(name, tuple(one for one in known if one), knows, values)

    def _abroad(self) -> Iterator[Thing]:
        told = self._told("abroad", signers=["far.dep"], first_signer="far.dep")
        case = self.engine.start("suggestion", Actor(person="far.li"), told, tenant=FAR)
        case = self.office.fire(case, "accept", "far.li", congress="六届", session="五次")
        yield self._case(
            "abroad", case, lambda who: who.scope == FAR and self._oversees(who), "assign", "关于abroad"
        )

    def _roads(self) -> Iterator[Thing]:
        office = self.office
        case = office.accepted(**self._told("roads"))
        case = office.fire(case, "assign", "li", assignment_mode="sole", lead_unit="roads")
        office.fire(case, "sign_in", "qian")
        yield self._case("roads", case, self._office_or("dep1", "dep2"), "first_contact", "关于roads")

    def _water(self) -> Iterator[Thing]:
        """One of the unit `water` with everything that is kept from that unit."""
        office = self.office
        case = office.accepted(**self._told("water"))
        case = office.fire(
            case, "assign", "li", assignment_mode="lead_and_co", lead_unit="water", co_units=["parks"]
        )
        office.fire(case, "sign_in", "wang")
        office.fire(case, "first_contact", "wang", **CONTACT)
        office.fire(
            case, "transfer_to_procuratorate", "li", procuratorate_area="environment", public_interest=CLUE
        )
        conversion = office.child(case, "conversions")
        office.fire(conversion, "register", "pros", register_number="登字采薇号")
        office.fire(
            conversion,
            "record_investigation",
            "pros",
            investigation=NOTE,
            investigation_documents=[self.files["notes"]],
        )
        co = office.child(case, "co_opinions")
        office.fire(co, "submit", "chen", co_opinion=self.files["water"] | {"name": "会办.pdf"})
        office.fire(co, "accept", "wang")
        office.fire(case, "submit_for_signoff", "wang", **{**DRAFT, "reply_draft": self.files["water"]})
        office.fire(case, "issue_reply", "wu", **{**REPLY, "reply_letter": self.files["water"]})
        office.fire(case, "open_evaluation", "sun")
        survey = office.child(case, "surveys", "dep1")
        link = self.engine.issue(
            survey.id, ["answer"], "dep1", until=TODAY + timedelta(days=50), by=Actor(person="sun")
        )
        units = ("wang", "wu", "chen")
        yield self._case("water", case, self._office_or("dep1", "dep2", *units), "urge", "关于water")
        yield Thing("clue", (CLUE,), self._office_or("dep1", "dep2"))
        yield self._case("conversion", conversion, self._compartment, "review", "登字采薇号")
        yield Thing(
            "notes",
            (NOTE, self.files["notes"]["sha256"]),
            lambda who: who.role in PROCURATORATE and who.scope == TENANT,
        )
        yield self._case("survey", survey, self._office_or("dep1", "dep2"), "answer")
        yield Thing("link", (), lambda who: who.name == "", {"token": str(link.token)})
        yield Thing(
            "invitation",
            (),
            lambda who: self._oversees(who) and who.scope == TENANT,
            {"id": survey.id, "invitation": self._invitation(survey)},
        )

    def _invitation(self, survey: Case) -> str:
        with self.app.test_client() as client:
            found = client.get(f"/v1/cases/{survey.id}/invitations", headers=asker("sun")).json
        return str(found["invitations"][0]["id"])

    def _draft(self) -> Iterator[Thing]:
        told = self._told("draft", first_signer="dep1")
        del told["signers"]
        case = self.engine.start("suggestion_draft", Actor(person="dep1"), told, tenant=TENANT)
        yield self._case("draft", case, self._office_or("dep1"), "edit", "关于draft")

    def _opinion(self) -> Iterator[Thing]:
        data = {
            "station_unit": "st1", "received_on": "2026-03-02", "intake": "visit", "receivers": ["dep1"], "voter_name": VOTER,
            "voter_contact": PHONE, "subject": "关于opinion路灯", "opinion_text": "路灯不亮", "opinion_documents": [self.files["voter"]],
        }  # fmt: skip
        case = self.engine.start("opinion", Actor(person="keep"), data, tenant=TENANT)
        yield self._case(
            "opinion",
            case,
            self._office_or("dep1", "keep"),
            "classify",
            "关于opinion",
            self.files["voter"]["sha256"],
        )
        yield Thing("voter", (VOTER, PHONE), lambda who: who.name in ("keep", "dep1"))

    def _belongings(self) -> Iterator[Thing]:
        """What li has of his own: work given in, a calendar, a session, a loan, a subscription's account."""
        li, client = asker("li"), self.app.test_client()
        rows = [{"case": self._of("water"), "event": "accept", "data": {}}]
        batch = client.post(
            "/v1/batches", json={"rows": rows}, headers={**li, "Idempotency-Key": "li-1"}
        ).json["id"]
        pack = client.post("/v1/letters", json={"cases": [self._of("water")]}, headers=li).json["id"]
        feed = client.post("/v1/feeds", json={"of": "me"}, headers=li).json
        lent = client.post(
            "/v1/delegations", json={"to": "liu", "until": "2026-04-01", "reason": "出差"}, headers=li
        ).json
        hook = {"account": "li", "url": "https://oa.example.cn/x"}
        subscription = client.post("/v1/subscriptions", json=hook, headers=asker(OPERATOR)).json["id"]
        with self.app.test_request_context():
            Sessions(self.engine).open("li")
        session = Sessions(self.engine).listed("li")[0].id
        client.post(
            "/filters",
            data={"name": "我的筛选卷耳", "to": "/waiting?due=late"},
            headers={**li, "Origin": "http://localhost"},
        )
        mine = {
            "batch": batch, "pack": pack, "feed": feed["id"], "grant_id": lent["delegations"][0]["id"], "session": session,
            "subscription": subscription, "filter": saved.kept(self.engine, "li")[0].id,
        }  # fmt: skip
        for name, value in mine.items():
            yield Thing(
                name,
                (value,),
                lambda who: who.name in ("li", "liu"),
                {name: value, **({"batch": pack} if name == "pack" else {})},
            )

    @property
    def code(self) -> str:
        """On the plate of the station."""
        return code_of("st1")

    def address(self, who: Person) -> str:
        """From where somebody asks: guesses are counted by the address."""
        return f"10.0.0.{self.people.index(who) + 1}"

    def _of(self, name: str) -> str:
        title = f"关于{name}桥梁的建议"
        return next(
            case.id for case in self.engine.search(kind="suggestion") if case.data.get("title") == title
        )

    # -- who may know

    def _oversees(self, who: Person) -> bool:
        return who.role is not None and self.engine.library.oversees(who.role)

    def _office_or(self, *persons: str) -> Knows:
        return lambda who: who.name in persons or (who.scope == TENANT and self._oversees(who))

    @staticmethod
    def _compartment(who: Person) -> bool:
        return who.name in ("dep1", "dep2") or (who.scope == TENANT and who.role in COMPARTMENT)


def service(engine: Engine, kept: Folder) -> Flask:
    """The whole service with its console; who says a name is believed."""
    create_schema(engine)
    identify = Sessions(engine, _named)
    return create_app(
        engine, identify, sessions=identify, documents=kept, public=["deputy"], operators=[OPERATOR], papers=Papers(engine),
        intake=INTAKE,
    )  # fmt: skip


def _named(asking: Request) -> Actor | None:
    """Who says a name is believed: for tests alone."""
    scheme, _, name = asking.headers.get("Authorization", "").partition(" ")
    return Actor(person=name) if scheme == "Bearer" and name else None


def asker(person: str) -> dict[str, str]:
    """What shows who asks."""
    return {"Authorization": f"Bearer {person}"} if person else {}
