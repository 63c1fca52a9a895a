"""Backups taken while everybody goes on, restored into an empty place, verified; and what a restored one cannot hide."""

from __future__ import annotations

import io
import json
import os
import random
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from api import Accounts, create_schema
from api.security_log import SecurityLog
from tests.http_walk import CHEAP, PASSWORD
from tests.lifecycle import Office, count, execute
from tests.postbox import Postbox, backend, reach
from tests.postgres import Server
from workflow import Engine, cli
from workflow.anchor import make_anchor
from workflow.backup import MANIFEST, read_manifest, restore, restore_file, take
from workflow.errors import StoreError
from workflow.verify import verify

DRILLS = int(os.environ.get("DRILLS") or 3)
SEED = int(os.environ.get("SEED") or random.randrange(10**6))


@dataclass
class Vault:
    """An office, a folder for backups, and empty places to restore into."""

    office: Office
    folder: Path
    empty: Callable[[], str]
    opened: list[Engine] = field(default_factory=list)

    @property
    def engine(self) -> Engine:
        return self.office.engine

    def take(self, name: str = "b.zip") -> Path:
        take(self.engine.store, self.folder / name, self.office.clock.now())
        return self.folder / name

    def restore(self, path: Path) -> Engine:
        url, found = self.empty(), read_manifest(path)
        if url.startswith("sqlite"):
            restore_file(path, found, Path(url.removeprefix("sqlite:///")))
        engine = Engine(url, self.engine.library, place=self.engine.laws.place, clock=self.office.clock)
        self.opened.append(engine)
        restore(path, found, engine.store, self.office.clock.now())
        return engine


@pytest.fixture
def vault(office: Office, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Vault]:
    sqlite = office.engine.store.is_sqlite
    server: Server | None = None if sqlite else request.getfixturevalue("postgres_server")
    made: list[str] = []

    def empty() -> str:
        if server is None:
            made.append(f"restored-{len(made)}.db")
            return f"sqlite:///{tmp_path / made[-1]}"
        made.append(server.create())
        return server.database(made[-1])

    vault = Vault(office, tmp_path, empty)
    yield vault
    for engine in vault.opened:
        engine.database.dispose()
    for name in made if server else ():
        server.drop(name)  # type: ignore[union-attr]


def told(engine: Engine) -> dict[str, list[str]]:
    """case → hashes of its lines."""
    found: dict[str, list[str]] = {}
    with engine.store.connection() as connection:
        table = engine.store.tables.history
        for row in connection.execute(table.select().order_by(table.c.case_id, table.c.seq)):
            found.setdefault(row.case_id, []).append(row.hash)
    return found


def rows(engine: Engine) -> dict[str, list[Any]]:
    """Everything in every table."""
    with engine.store.connection() as connection:
        tables = engine.store.tables.metadata.sorted_tables
        return {
            t.name: sorted(map(repr, connection.execute(t.select())))
            for t in tables
            if not t.name.endswith("epoch")
        }


def test_story_H07_what_comes_back_is_what_was_there(vault: Vault) -> None:
    office = vault.office
    reach(office, "wang", "mail")
    office.re_evaluating()
    office.assigned(co=("roads",))
    backend(office, Postbox()).deliver()
    make_anchor(vault.engine.store, b"k" * 16, office.clock.now())
    before = rows(vault.engine)
    restored = vault.restore(vault.take())
    assert rows(restored) == before
    report = verify(restored.store, key=b"k" * 16)
    assert report.sound
    assert report.anchors == 1


def test_the_restored_one_goes_on(vault: Vault) -> None:
    """Identities, numbers and the database's own guards included."""
    office = vault.office
    case = office.assigned()
    restored = vault.restore(vault.take())
    there = Office(restored, office.clock)
    there.fire(case, "sign_in", "wang")
    there.assigned()
    assert verify(restored.store).sound
    with pytest.raises(Exception, match="append-only"):
        execute(restored, "update {p}history set actor = 'x'")
    with pytest.raises(Exception, match="append-only"):
        execute(restored, "delete from {p}cases")
    assert count(restored, "history") == count(vault.engine, "history") + 4


@pytest.mark.timeout(600)
def test_drills_under_load(vault: Vault) -> None:
    """`make drills` takes twenty on each database."""
    office, chance = vault.office, random.Random(SEED)
    stop, errors = threading.Event(), list[BaseException]()

    def work() -> None:
        try:
            while not stop.is_set():
                office.assigned(co=("roads",))
        except BaseException as error:  # noqa: BLE001 - whatever it was, the test tells it
            errors.append(error)

    office.assigned()
    clerk = threading.Thread(target=work)
    clerk.start()
    try:
        for drill in range(DRILLS):
            stop.wait(chance.uniform(0, 0.3))
            before = told(vault.engine)
            path = vault.take(f"{drill}.zip")
            after = told(vault.engine)
            restored = vault.restore(path)
            assert verify(restored.store).sound, f"seed {SEED}, drill {drill}"
            found = told(restored)
            # Everything acknowledged before is in it, and nothing that never was.
            assert all(found.get(case, [])[: len(lines)] == lines for case, lines in before.items())
            assert all(after[case][: len(lines)] == lines for case, lines in found.items())
            Office(restored, office.clock).assigned()
    finally:
        stop.set()
        clerk.join()
    assert not errors, errors


def test_a_backup_that_is_too_old_is_found_by_an_anchor(vault: Vault) -> None:
    office = vault.office
    case = office.assigned()
    old = make_anchor(vault.engine.store, None, office.clock.now())
    path = vault.take()
    office.fire(case, "sign_in", "wang")
    new = make_anchor(vault.engine.store, None, office.clock.now())
    restored = vault.restore(path)
    assert read_manifest(path).anchor == 1
    assert verify(restored.store).sound  # it does not know itself
    assert verify(restored.store, [old]).sound
    assert {fault.code for fault in verify(restored.store, [new]).faults} == {"anchor_missing", "anchor_tail"}


def test_a_new_epoch_gives_new_ids_to_what_happens_from_then_on(vault: Vault) -> None:
    """The same case may reach the same line again with other content; a receiver that remembers ids must not drop it."""
    office = vault.office
    reach(office, "wang", "mail")
    kept, again = office.assigned(), office.accepted()
    path = vault.take()
    data = {"assignment_mode": "sole", "lead_unit": "water", "co_units": []}
    office.fire(again, "assign", "li", **data)
    first, second = Postbox(), Postbox()
    backend(office, first).deliver()
    office.clock.advance(hours=1)
    there = Office(vault.restore(path), office.clock)
    office.clock.advance(minutes=1)
    there.fire(again, "assign", "li", **data)
    backend(there, second).deliver()
    before = {letter.lines[0].case: (letter.key, letter.id) for letter in first.arrived}
    after = {letter.lines[0].case: (letter.key, letter.id) for letter in second.arrived}
    assert before[kept.id] == after[kept.id]  # it is the same message, and may come twice
    assert before[again.id][0] == after[again.id][0]
    assert before[again.id][1] != after[again.id][1]


def test_it_is_restored_into_an_empty_place_only(vault: Vault) -> None:
    vault.office.assigned()
    path = vault.take()
    restored = vault.restore(path)
    found = read_manifest(path)
    url = restored.database.url.render_as_string(hide_password=False)

    def once_more() -> None:
        if restored.store.is_sqlite:
            restore_file(path, found, Path(url.removeprefix("sqlite:///")))
        else:
            restore(path, found, restored.store, vault.office.clock.now())

    with pytest.raises(StoreError, match=r"not empty|already"):
        once_more()
    assert verify(restored.store).sound


def test_a_backup_is_whole_or_not_there(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    from workflow.store import backup as parts

    path = vault.take()
    with pytest.raises(OSError, match="exists"):
        vault.take()  # never over another
    monkeypatch.setattr(parts, "dump", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        vault.take("c.zip")
    assert [file.name for file in vault.folder.iterdir() if ".zip" in file.name] == [path.name]


@pytest.fixture
def one(sqlite_office: Office, tmp_path: Path) -> Path:
    """A backup of SQLite."""
    sqlite_office.assigned()
    take(sqlite_office.engine.store, tmp_path / "b.zip", sqlite_office.clock.now())
    return tmp_path / "b.zip"


def test_damage_is_found(one: Path) -> None:
    whole = one.read_bytes()
    for change in (
        whole[:-100],
        whole[:200],
        b"",
        b"PK" + whole[2:200],
        whole[:3000] + b"\0" * 64 + whole[3064:],
    ):
        one.write_bytes(change)
        with pytest.raises(StoreError, match="no sound backup"):
            read_manifest(one)


@pytest.mark.parametrize(
    "manifest", ["[]", "{}", '{"format": "other"}', "x" * (2 << 20), '{"format": "tibandu-backup-1"}']
)
def test_a_manifest_of_somebody_else(tmp_path: Path, manifest: str) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr(MANIFEST, manifest)
    with pytest.raises(StoreError, match="no sound backup"):
        read_manifest(tmp_path / "x.zip")


def test_another_kind_of_database(one: Path, postgres_url: str, sqlite_office: Office) -> None:
    engine = Engine(postgres_url, sqlite_office.engine.library, place=sqlite_office.engine.laws.place)
    with pytest.raises(StoreError, match="a backup of sqlite"):
        restore(one, read_manifest(one), engine.store, sqlite_office.clock.now())
    engine.database.dispose()


# --- the commands


def call(*words: object) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    code = cli.main([str(word) for word in (*words, "--lang", "en")], out, err)
    assert "Traceback" not in err.getvalue()
    return code, out.getvalue(), err.getvalue()


def test_the_commands(sqlite_office: Office, tmp_path: Path) -> None:
    office = sqlite_office
    case = office.assigned()
    here, there = office.engine.database.url, f"sqlite:///{tmp_path}/there.db"
    code, out, _ = call("backup", "--database", here, "--out", tmp_path / "b.zip")
    assert (code, "backed up" in out) == (0, True)
    assert call("backup", "--database", here, "--out", tmp_path / "b.zip")[0] == 2
    assert call("backup", "--database", here, "--out", tmp_path / "none" / "b.zip")[0] == 2
    code, out, err = call("restore", tmp_path / "b.zip", "--database", there)
    assert (code, "sound" in out, "no --anchor" in err) == (0, True, True)
    assert call("restore", tmp_path / "b.zip", "--database", there)[0] == 3
    assert call("restore", tmp_path / "none.zip", "--database", there)[0] == 2
    office.fire(case, "sign_in", "wang")
    (tmp_path / "anchor").write_text(make_anchor(office.engine.store, None, office.clock.now()), "utf-8")
    code, out, _ = call(
        "restore", tmp_path / "b.zip", "--database", f"{there}2", "--anchor", tmp_path / "anchor"
    )
    assert (code, "anchor_missing" in out) == (1, True)
    said = json.loads(call("backup", "--database", here, "--out", tmp_path / "c.zip", "--json")[1])
    assert (said["dialect"], said["anchor"], said["bytes"] > 0) == ("sqlite", 1, True)


def test_who_may_come_in_comes_back_too(vault: Vault) -> None:
    """Accounts, tokens and the security log of the service: all of them by the commands, on both databases."""
    engine = vault.engine
    create_schema(engine)
    accounts = Accounts(engine, CHEAP)
    accounts.add("li", by="set-up", password=PASSWORD)
    before = SecurityLog(engine).entries()
    here = engine.database.url.render_as_string(hide_password=False)
    there = vault.empty()
    assert call("backup", "--database", here, "--out", vault.folder / "x.zip")[0] == 0
    assert call("restore", vault.folder / "x.zip", "--database", there)[0] == 0
    restored = Engine(there, engine.library, place=engine.laws.place, clock=vault.office.clock)
    vault.opened.append(restored)
    assert SecurityLog(restored).entries() == before
    assert Accounts(restored, CHEAP).sign_in("li", PASSWORD).person == "li"
    SecurityLog(restored).note("sign_in", "li")
    assert [entry.id for entry in SecurityLog(restored).entries()] == [
        before[0].id + 1,
        *(e.id for e in before),
    ]
