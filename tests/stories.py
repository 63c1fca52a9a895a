"""A town whose people act as the users of users.md do: by the console's pages, their forms as a browser posts them.

town        the whole service on SQLite with a register: made once, then a file that is copied
act         one act by its form; fails with what the page says when it is refused
refused     why a person may not do now what he could do at another time, as the page of the case says it
sentence    the first line of a case
cards       the counts of the first page, each with the address of its list
timeline    the lines of a case's history as they are read, the newest first
word        what a Word file says
"""

from __future__ import annotations

import html
import io
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from docx import Document

from workflow import Actor, Case, Engine
from workflow.library import Library
from workflow.model import Bond, Party
from workflow.testing import FrozenClock

from .console import Desk, Reader, said
from .lifecycle import GRANTS, PLACE, TENANT, TODAY, Office
from .test_letters import settle
from .test_parties import SETUP

PDF = b"%PDF-1.7\n1 0 obj << >> endobj\n%%EOF\n"
STAFF = {
    "li": "李为", "liu": "刘敏", "sun": "孙悦", "song": "宋岚", "he": "何山", "chair": "郑重", "wang": "王芳", "wu": "吴昊",
    "qian": "钱进", "zhao": "赵刚", "feng": "冯雪", "chen": "陈立", "mei": "梅英",
}  # fmt: skip
UNITS = {"wang": "water", "wu": "water", "qian": "roads", "zhao": "roads", "feng": "parks", "chen": "parks"}
MORE = {"mei": ("special_committee", None)}
"""persons beside those of `lifecycle.GRANTS`"""


def _staff(id_: str, name: str) -> Party:
    bonds = (
        (Bond(bond="clerk" if GRANTS[id_][0] == "unit_clerk" else "head", to=UNITS[id_]),)
        if id_ in UNITS
        else ()
    )
    return Party(id=id_, kind="staff", name=name, tenant=TENANT, parent="xianning", bonds=bonds)


@pytest.fixture(scope="session")
def town_file(ready_file: Path, tmp_path_factory: pytest.TempPathFactory, library: Library) -> Path:
    """A file to copy: the town."""
    path = tmp_path_factory.mktemp("town") / "town.db"
    shutil.copy(ready_file, path)
    database = Engine.connect(f"sqlite:///{path}")
    engine = settle(Engine(database, library, place=PLACE, clock=FrozenClock(TODAY)))
    engine.parties.put([_staff(id_, name) for id_, name in STAFF.items()], by=SETUP, trusted=True)
    for person, (role, unit) in MORE.items():
        engine.grant(person, role, TENANT, unit=unit)
    Desk(Office(engine, FrozenClock(TODAY)), path.parent / "none", people=[*GRANTS, *MORE])
    database.dispose()
    return path


@pytest.fixture
def town(town_file: Path, tmp_path: Path, library: Library, clock: FrozenClock) -> Iterator[Desk]:
    """The town on a Monday morning, 2026-03-02."""
    shutil.copy(town_file, tmp_path / "town.db")
    database = Engine.connect(f"sqlite:///{tmp_path / 'town.db'}")
    engine = Engine(database, library, place=PLACE, clock=clock)
    yield Desk(Office(engine, clock), tmp_path / "documents", people=())
    database.dispose()


def act(reader: Reader, case: str | Case, event: str, **given: Any) -> str:
    """Do it by its form; what the page says then."""
    id_ = case if isinstance(case, str) else case.id
    reader.goes(reader.fill(f"/cases/{id_}/do/{event}", **given))
    return said(reader.page)


def tried(reader: Reader, case: str | Case, event: str, **given: Any) -> str:
    """Try it by its form; what the page says when it is refused."""
    id_ = case if isinstance(case, str) else case.id
    answer = reader.fill(f"/cases/{id_}/do/{event}", **given)
    assert answer.status_code == 422, (answer.status_code, said(reader.page))
    return said(reader.page)


def opened(reader: Reader, address: str) -> str:
    """What a page says."""
    answer = reader.get(address)
    assert answer.status_code == 200, (answer.status_code, said(reader.page))
    return said(reader.page)


def offered(reader: Reader, case: str | Case) -> set[str]:
    """The acts that the page of the case offers."""
    id_ = case if isinstance(case, str) else case.id
    opened(reader, f"/cases/{id_}")
    return set(re.findall(rf'href="/cases/{id_}/do/(\w+)"', reader.page))


def refused(reader: Reader, case: str | Case) -> dict[str, str]:
    """Act -> why not now."""
    id_ = case if isinstance(case, str) else case.id
    opened(reader, f"/cases/{id_}")
    part = re.search(
        r"<details><summary>现在不能进行的，以及为什么</summary>(.*?)</details>", reader.page, re.DOTALL
    )
    rows = re.findall(r"<dt>(.*?)</dt>\s*<dd>(.*?)</dd>", part[1] if part else "", re.DOTALL)
    return {html.unescape(name): html.unescape(why) for name, why in rows}


def sentence(reader: Reader, case: str | Case) -> str:
    """The first line of a case."""
    id_ = case if isinstance(case, str) else case.id
    opened(reader, f"/cases/{id_}")
    line = re.search(r'<p class="sentence">(.*?)</p>', reader.page, re.DOTALL)
    assert line is not None
    return html.unescape(line[1])


def cards(reader: Reader) -> dict[str, int]:
    """The counts of the first page by the address of their list, in the order of the page."""
    opened(reader, "/")
    return {
        html.unescape(a): int(n)
        for a, n in re.findall(r'href="(/waiting\?due=\w+)"><b>(\d+)</b>', reader.page)
    }


def rows(reader: Reader) -> list[str]:
    """The cases of a list in its order."""
    return re.findall(r'<th scope="row"[^>]*><a href="/cases/(\w+)"', reader.page)


def listed(reader: Reader, address: str) -> list[str]:
    """The cases of the list at that address."""
    opened(reader, address)
    return rows(reader)


def timeline(reader: Reader, case: str | Case) -> list[str]:
    """The lines of a history, the newest first."""
    id_ = case if isinstance(case, str) else case.id
    opened(reader, f"/cases/{id_}/history")
    found = re.search(r'<ol class="timeline".*?>(.*)</ol>', reader.page, re.DOTALL)
    assert found is not None
    return [html.unescape(said(f"<main {line}")) for line in re.split(r"<li ", found[1])[1:]]


def letters(reader: Reader, case: str | Case) -> dict[str, str]:
    """Kind and addressee of each document that the page of a case gives -> its address."""
    id_ = case if isinstance(case, str) else case.id
    opened(reader, f"/cases/{id_}/letters")
    found = re.findall(r'href="(/v1/cases/\w+/letters/(\w+)(?:\?to=([\w.-]+))?[^"]*)"', reader.page)
    return {f"{kind}/{to}": html.unescape(address) for address, kind, to in found}


def word(content: bytes) -> str:
    """The words of a Word file."""
    document = Document(io.BytesIO(content))
    tables = [cell.text for table in document.tables for row in table.rows for cell in row.cells]
    return "\n".join([*(p.text for p in document.paragraphs), *tables])


def letter(reader: Reader, case: str | Case, kind: str) -> str:
    """What a document of a case says, got by the link of its page."""
    with reader.client.get(letters(reader, case)[kind]) as found:
        assert found.status_code == 200, found.text
        return word(found.data)


def by(person: str) -> Actor:
    """This person."""
    return Actor(person=person)
