"""A document that no case names goes after some days, and none that a case names, whoever names it in that very moment."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from api import Folder, create_app, create_schema
from api.abandoned import Abandoned
from api.documents import Kept
from api.housekeeping import Housekeeping
from api.store import Shelf
from api.uploads import Uploads
from workflow import Actor, Engine
from workflow.testing import FrozenClock

from . import http_walk as city

LI, WU = "li.wei", "wu.hao"


@pytest.fixture
def engine(ready_url: str) -> Iterator[Engine]:
    for engine in city.opened(ready_url, FrozenClock(city.TODAY)):
        create_schema(engine)
        yield engine


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "documents")


def brought(engine: Engine, folder: Folder, tmp_path: Path, text: str, who: str = WU) -> Kept:
    """A document that he has sent just now, by the town's clock."""
    path = tmp_path / "sent.pdf"
    path.write_bytes(city.PDF + text.encode())
    with path.open("rb") as stream:
        kept = folder.keep(stream, "sent.pdf")
    dated(engine, folder, kept.sha256)
    Uploads(engine).note(who, kept.sha256, kept.size)
    return kept


def dated(engine: Engine, folder: Folder, sha256: str) -> None:
    at = engine.clock.now().timestamp()
    os.utime(folder._path(sha256), (at, at))


def there(folder: Folder, sha256: str) -> bool:
    content = folder.open(sha256)
    if content is not None:
        content.close()
    return content is not None


def later(engine: Engine, days: int) -> None:
    assert isinstance(engine.clock, FrozenClock)
    engine.clock.advance(days=days)


def uploads(engine: Engine) -> list[str]:
    shelf = Shelf(engine)
    with shelf.connection() as connection:
        table = shelf.tables.upload
        return list(connection.execute(select(table.c.sha256).order_by(table.c.sha256)).scalars())


def as_named(kept: Kept) -> dict[str, object]:
    return {part: getattr(kept, part) for part in ("sha256", "size", "media_type", "name")}


def test_what_no_case_names_goes_after_its_days_and_what_one_names_stays(
    engine: Engine, folder: Folder, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    client = city.Client(create_app(engine, city.bearer, documents=folder))
    named, unnamed, mine = (brought(engine, folder, tmp_path, text) for text in ("a", "b", "c"))
    data = {"reply_letter": as_named(named), "promised": False}
    assert client.fire(WU, client.handling(), "reply", **data).status_code == 200
    house = Housekeeping(engine, documents=folder)
    later(engine, 29)
    house.run()
    assert all(there(folder, kept.sha256) for kept in (named, unnamed, mine))
    assert Uploads(engine).of(WU, {mine.sha256}) == {mine.sha256}, "to name it makes its days begin anew"
    later(engine, 2)
    with caplog.at_level(logging.INFO, "api.abandoned"):
        house.run()
    assert [there(folder, kept.sha256) for kept in (named, unnamed, mine)] == [True, False, True]
    assert caplog.messages == ["1 document(s) went that no case had named within 30 days"]
    assert Uploads(engine).of(WU, {unnamed.sha256}) == set()
    later(engine, 40)
    house.run()
    assert [there(folder, kept.sha256) for kept in (named, mine)] == [True, False]


def test_what_a_host_names_without_the_service_stays_too(
    engine: Engine, folder: Folder, tmp_path: Path
) -> None:
    client = city.Client(create_app(engine, city.bearer, documents=folder))
    kept, case = brought(engine, folder, tmp_path, "a"), client.handling()
    data = {"reply_letter": as_named(kept), "promised": False}
    engine.fire(case["id"], "reply", Actor(person=WU), data)
    later(engine, 31)
    assert Abandoned(engine, folder).sweep() == 0
    assert there(folder, kept.sha256)


def test_named_in_the_moment_in_which_it_goes_it_is_there_or_he_is_told(
    engine: Engine, folder: Folder, tmp_path: Path
) -> None:
    """Two connections: whoever is second sees what the first has done. Both happen."""
    hashes = [brought(engine, folder, tmp_path, f"{n}").sha256 for n in range(12)]
    later(engine, 31)
    start, found = threading.Barrier(2), set[str]()

    def name() -> None:
        start.wait()
        for sha256 in hashes:
            found.update(Uploads(engine).of(WU, {sha256}))

    thread = threading.Thread(target=name)
    thread.start()
    start.wait()
    Abandoned(engine, folder).sweep()
    thread.join()
    assert {sha256 for sha256 in hashes if there(folder, sha256)} == found


def test_who_waits_for_the_one_that_lets_it_go_does_not_name_it(
    engine: Engine, folder: Folder, tmp_path: Path
) -> None:
    """The first holds the row, uncommitted; the second, who has read it a moment before, waits and finds it gone."""
    kept = brought(engine, folder, tmp_path, "a")
    later(engine, 31)
    shelf, found = Shelf(engine), list[set[str]]()
    table = shelf.tables.upload
    thread = threading.Thread(target=lambda: found.append(Uploads(engine).of(WU, {kept.sha256})))
    with shelf.connection(write=True) as connection:
        connection.execute(select(table).with_for_update()).all()
        thread.start()
        thread.join(0.3)
        assert thread.is_alive()
        connection.execute(table.update().values(leaving="2026-01-01"))
    thread.join()
    assert found == [set()]


def test_brought_again_while_it_goes_it_stays(engine: Engine, folder: Folder, tmp_path: Path) -> None:
    kept = brought(engine, folder, tmp_path, "a")
    brought(engine, folder, tmp_path, "a", LI)
    later(engine, 31)
    letting = Abandoned(engine, folder)
    before = engine.clock.now() - timedelta(days=30)
    assert letting._mark(before.astimezone(UTC).isoformat(timespec="seconds")) == 1
    assert Uploads(engine).of(WU, {kept.sha256}) == set(), "it is leaving"
    brought(engine, folder, tmp_path, "a")
    assert letting.sweep() == 0
    assert there(folder, kept.sha256)
    assert Uploads(engine).of(WU, {kept.sha256}) == {kept.sha256}
    assert Uploads(engine).of(LI, {kept.sha256}) == set()


def test_killed_on_the_way_the_next_one_goes_on(engine: Engine, folder: Folder, tmp_path: Path) -> None:
    first, second = (brought(engine, folder, tmp_path, text).sha256 for text in ("a", "b"))
    later(engine, 31)

    class Died(BaseException):
        pass

    class Dying(Folder):
        def remove(self, sha256: str, before: datetime) -> bool:
            self._path(sha256).rename(self._path(sha256).with_name(f"leaving-{sha256}"))
            raise Died

    with pytest.raises(Died):
        Abandoned(engine, Dying(tmp_path / "documents")).sweep()
    assert Abandoned(engine, folder).sweep() == 2
    assert not [path for path in (tmp_path / "documents").rglob("*") if path.is_file()]
    assert not there(folder, first) and not there(folder, second)


def test_a_place_that_lets_nothing_go_keeps_all(engine: Engine, folder: Folder, tmp_path: Path) -> None:
    class Host:
        keep, open = folder.keep, folder.open

    kept = brought(engine, folder, tmp_path, "a")
    later(engine, 31)
    assert Abandoned(engine, Host()).sweep() == 0
    assert there(folder, kept.sha256)


def test_the_longest_wait_ends_as_well_and_who_brought_it_is_forgotten_with_it(
    engine: Engine, folder: Folder, tmp_path: Path
) -> None:
    """Ninety days, as long as a named one is remembered: the row is needed until the file has gone."""
    kept = brought(engine, folder, tmp_path, "a")
    house = Housekeeping(engine, documents=folder, waits=timedelta(days=90))
    later(engine, 89)
    house.run()
    assert isinstance(engine.clock, FrozenClock)
    engine.clock.advance(
        hours=24, minutes=11
    )  # the run in which it is due comes after one of the same day in which it was not
    house.run()
    assert not there(folder, kept.sha256)
    assert uploads(engine) == []


def test_what_is_due_while_nothing_may_go_is_not_forgotten(
    engine: Engine, folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clock that leapt: the document stays, and so does the row by which it goes later."""
    kept = brought(engine, folder, tmp_path, "a")
    later(engine, 200)
    with monkeypatch.context() as leapt:
        leapt.setattr(Abandoned, "sweep", lambda _: 0)
        Housekeeping(engine, documents=folder).run()
    assert uploads(engine) == [kept.sha256]
    Housekeeping(engine, documents=folder).run()
    assert not there(folder, kept.sha256) and uploads(engine) == []


def test_where_nothing_goes_who_brought_it_is_forgotten_all_the_same(
    engine: Engine, folder: Folder, tmp_path: Path
) -> None:
    class Host:
        keep, open = folder.keep, folder.open

    brought(engine, folder, tmp_path, "a")
    later(engine, 91)
    Housekeeping(engine, documents=Host()).run()
    assert uploads(engine) == []


def test_one_that_cannot_be_removed_holds_up_nothing(
    engine: Engine, folder: Folder, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    hashes = sorted(brought(engine, folder, tmp_path, text).sha256 for text in "abc")

    class Spoilt(Folder):
        def remove(self, sha256: str, before: datetime) -> bool:
            if sha256 == hashes[0]:
                raise PermissionError(sha256)
            return super().remove(sha256, before)

    later(engine, 31)
    with caplog.at_level(logging.ERROR, "api.abandoned"):
        Housekeeping(engine, documents=Spoilt(tmp_path / "documents")).run()
    assert [there(folder, sha256) for sha256 in hashes] == [True, False, False]
    assert caplog.messages == [f"document {hashes[0]} cannot be removed"]
    assert uploads(engine) == hashes[:1]
    later(engine, 1)
    Housekeeping(engine, documents=folder).run()
    assert not there(folder, hashes[0]) and uploads(engine) == []


def test_a_job_that_fails_holds_up_no_other_and_is_tried_again(
    engine: Engine, folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, done = brought(engine, folder, tmp_path, "a"), list[str]()
    house = Housekeeping(engine, documents=folder)
    later(engine, 31)

    def fails(*_: object) -> None:
        raise OSError("read-only")

    with monkeypatch.context() as spoilt:
        spoilt.setattr("api.housekeeping.Jobs.sweep", fails)
        spoilt.setattr(Abandoned, "sweep", fails)
        spoilt.setattr("api.housekeeping.Sessions.sweep", lambda _: done.append("sessions"))
        house.run()
    assert done == ["sessions"] and there(folder, kept.sha256)
    engine.clock.advance(minutes=11)  # type: ignore[attr-defined]
    house.run()
    assert not there(folder, kept.sha256)
