"""Two worlds: in one a suggestion goes to the procuratorate, in the other it does not. The unit that handles it is told the same in
both, by every way there is, byte for byte but for what is drawn by chance: ids and hashes.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from api import Folder
from scheduler.subscriptions import event_of
from workflow import Case, Engine
from workflow.library import Library
from workflow.random import SeededRandom
from workflow.subscriptions import Subscriptions, channel_of
from workflow.testing import FrozenClock

from .leaks import asker, service
from .lifecycle import CONTACT, DRAFT, PLACE, REPLY, TODAY, Office
from .postbox import Postbox, backend, reach
from .test_http_matrix import readable
from .test_letters import settle

DRAWN = re.compile(
    r"\b1k[jm][0-9a-z]{17}\b|\b[0-9a-f]{64}\b|\b(?:msg_)?[0-9a-f]{32}\b"
    r"|(?<=position.: )\d+|(?<=position.:)\d+|(?<=next.:)\d+|[0-9T:Z-]+(?=</dcterms)"
)
"""ids and hashes; places in the feed, which count everybody's lines; when a workbook was written"""
UNIT = ("wang", "wu")
"""everybody of the unit that handles it"""


class Twin:
    """One of the worlds, and all the ways by which the unit is told."""

    def __init__(self, engine: Engine, clock: FrozenClock, folder: Path, *, transferred: bool) -> None:
        self.engine, self.office = settle(engine), Office(engine, clock)
        self.client = service(engine, Folder(folder)).test_client()
        engine.grant("pros", "procuratorate_clerk", "hb/xianning")
        self.hook = Subscriptions(engine).add("wang", "https://oa.example.cn/x", by="test", after=0)[0]
        self.box = Postbox()
        for holder in (*UNIT, "party:water", "role:unit_clerk@water"):
            reach(self.office, holder, "mail")
        self.feeds = [
            self._feed(who, body) for who in UNIT for body in ({"of": "me"}, {"of": "unit", "unit": "water"})
        ]
        self.case = self._lived(clock, transferred=transferred)

    def _feed(self, who: str, body: dict[str, str]) -> str:
        answer = self.client.post("/v1/feeds", json=body, headers=asker(who))
        assert answer.status_code == 201, answer.text
        return str(answer.json["address"])

    def get(self, who: str, address: str) -> TestResponse:
        """What somebody is answered."""
        return self.client.get(address, headers=asker(who))

    def _lived(self, clock: FrozenClock, *, transferred: bool) -> Case:
        """It is handled, answered and asked about, one act a minute."""
        office, clue = self.office, {"procuratorate_area": "environment", "public_interest": "线索"}
        case = office.assigned(co=("parks",))

        def fire(one: Case, event: str, who: str, **data: Any) -> None:
            clock.advance(minutes=1)
            office.fire(one, event, who, **data)

        fire(case, "sign_in", "wang")
        fire(case, "first_contact", "wang", **CONTACT)
        if transferred:
            office.fire(case, "transfer_to_procuratorate", "li", **clue)
            office.fire(office.child(case, "conversions"), "register", "pros", register_number="登1")
        self._told()
        co = office.child(case, "co_opinions")
        fire(co, "submit", "chen", co_opinion=DRAFT["reply_draft"])
        fire(co, "accept", "wang")
        clock.advance(days=80)
        office.ticks()
        fire(case, "submit_for_signoff", "wang", **DRAFT)
        fire(case, "issue_reply", "wu", **{**REPLY, "delivered_on": clock.now().date().isoformat()})
        fire(case, "open_evaluation", "sun")
        self._told()
        return office.now(case)

    def _told(self) -> None:
        backend(self.office, self.box).deliver()
        while self.engine.alerts.address():
            pass
        Subscriptions(self.engine).relay()

    # -- what the unit is told

    def ways(self) -> Iterator[tuple[str, Any]]:
        """Each way with what came by it."""
        for who in UNIT:
            for address in self._addresses():
                answer = self.get(who, address)
                yield (
                    f"{who} {address}",
                    answer.status_code,
                    readable(answer),
                )
            for letter in (one for one in self.box.arrived if one.holder == who):
                yield f"{who} mail", [asdict(line) for line in letter.lines], letter.id
        letters = self.engine.alerts.claim(channel_of(self.hook.id), 500)
        for letter in sorted(letters, key=lambda one: int(str(one.body["position"]))):
            yield "hook", event_of(letter), letter.id

    def _addresses(self) -> list[str]:
        one, api = f"/cases/{self.case.id}", f"/v1/cases/{self.case.id}"
        return [
            "/", one, f"{one}/history", f"{one}/letters", f"{one}/picture", f"{one}/clocks/reply", "/waiting", "/views/inbox",
            "/views/answered", "/search?q=快递", "/found?party=water", "/messages", "/parties/water",
            f"{api}?include=clocks,permitted,children,overlays,documents,history", f"{api}/permitted", f"{api}/history",
            f"{api}/at/2026-03-02", f"{api}/at/5", f"{api}/clocks/reply", f"{api}/similar", f"{api}/letters", "/v1/cases", "/v1/views",
            "/v1/views/answered", "/v1/worklist", "/v1/events", "/v1/inbox", "/v1/statistics?by=kind,state,tenant,month,unit",
            "/v1/exports/cases.csv", "/v1/ledgers/ledger", *self.feeds,
        ]  # fmt: skip


@pytest.fixture(scope="module")
def twins(
    ready_file: Path, tmp_path_factory: pytest.TempPathFactory, library: Library
) -> Iterator[tuple[Twin, Twin]]:
    """With the clue and without."""
    found = []
    for name in ("with", "without"):
        folder, clock = tmp_path_factory.mktemp(name), FrozenClock(TODAY)
        shutil.copy(ready_file, folder / "twin.db")
        engine = Engine(
            f"sqlite:///{folder / 'twin.db'}", library, place=PLACE, clock=clock, random=SeededRandom(7)
        )
        found.append(Twin(engine, clock, folder / "documents", transferred=name == "with"))
    yield found[0], found[1]
    for twin in found:
        twin.engine.database.dispose()


def settled(told: Any) -> str:
    """Ids and hashes in the order in which they appear."""
    seen: dict[str, str] = {}
    return DRAWN.sub(lambda found: seen.setdefault(found[0], f"<{len(seen)}>"), repr(told))


def test_the_unit_is_told_the_same_whether_it_went_to_the_procuratorate(twins: tuple[Twin, Twin]) -> None:
    mine, plain = ([(way[0], settled(way[1:])) for way in twin.ways()] for twin in twins)
    assert len(mine) == len(plain) > 80
    for (way, one), (_, other) in zip(mine, plain, strict=True):
        assert one == other, way


def test_nobody_finds_the_number_of_a_line_in_what_he_is_told(twins: tuple[Twin, Twin]) -> None:
    """Keys, ids and cursors of inboxes and letters: who knows the case and tries every number finds none."""
    twin = twins[0]
    told = readable(twin.get("wang", "/v1/inbox?limit=3")) + repr(
        [(one.id, one.head) for one in twin.box.arrived]
    )
    assert not re.search(rf"{twin.case.id}:\d+", told)


def test_an_entry_is_read_by_what_its_person_was_told(twins: tuple[Twin, Twin]) -> None:
    for alerts in (twin.engine.alerts for twin in twins):  # in both, which stay alike
        first = alerts.inbox("wang", limit=1)
        rest = alerts.inbox("wang", before=first[-1])
        assert first[0].key not in [one.key for one in rest]
        assert len(rest) == len(alerts.inbox("wang")) - 1
        assert alerts.mark_read("wu", [first[0].key]) == 0
        assert alerts.mark_read("wang", [first[0].key]) == 1
        assert alerts.inbox("wang", limit=1)[0].read_at is not None
