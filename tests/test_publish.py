"""A published definition never changes; a case lives by the version it began under, whatever lies in the folder later."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from workflow import Actor, Conflict, Engine, load_definitions
from workflow.errors import NotInState

from .lifecycle import SMALL, TENANT, Office, count

LI = Actor(person="li")


def changed(tmp_path: Path, *pairs: tuple[str, str]) -> Path:
    folder = tmp_path / "changed"
    shutil.copytree(SMALL, folder)
    path = folder / "ask_all.yaml"
    text = path.read_text("utf-8")
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text, "utf-8")
    return folder


NEXT = (("version: 1", "version: 2"), ("zh: 征求意见, en: asking", "zh: 新版, en: new"),
        ("from: [open, heard]", "from: heard"))  # fmt: skip


def test_published_is_immutable(small_office: Office, tmp_path: Path) -> None:
    other = Engine(
        small_office.engine.database, load_definitions(changed(tmp_path, NEXT[2])), clock=small_office.clock
    )
    before = count(other, "definition")
    with pytest.raises(Conflict, match="version"):
        other.publish(LI)
    assert count(other, "definition") == before
    assert small_office.engine.publish(LI) == []


def test_story_G10_cases_stay_with_their_version(small_office: Office, tmp_path: Path) -> None:
    old = small_office.engine.start("ask_all", LI, {"units": ["water"]}, tenant=TENANT)
    later = Engine(
        small_office.engine.database, load_definitions(changed(tmp_path, *NEXT)), clock=small_office.clock
    )
    assert [d.name for d in later.publish(LI)] == ["ask_all"]
    new = later.start("ask_all", LI, {"units": ["water"]}, tenant=TENANT)
    assert old.definition != new.definition
    assert old.definition not in {d.hash for d in later.library.definitions.values()}
    assert {p.event: p.allowed for p in later.permitted(old.id, LI)}["close"]
    assert later.fire(old.id, "close", LI).state == "done"
    with pytest.raises(NotInState):
        later.fire(new.id, "close", LI)
    assert later.case_at(old.id, 1).state == "open"
    stored, file = later.laws.pinned(old.definition).definition, later.library.definition("ask_all")
    assert [*stored.events] == [name for name in file.events if name in stored.events], "not by the alphabet"
    assert [*stored.fields] == [name for name in file.fields if name in stored.fields]
