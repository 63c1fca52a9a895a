"""The guide names nothing that is not on a page: words, pictures, links, commands; every screen has its picture."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from api.console import SCREENS
from workflow.cli import parser
from workflow.errors import Text

from . import screenshots
from .catalogue import written
from .lifecycle import shipped

ROOT = Path(__file__).parent.parent
GUIDE, PICTURES = ROOT / "docs" / "guide", ROOT / "docs" / "screens"
PAGES = sorted(GUIDE.glob("*.md"))
ROLES = {"office", "unit", "supervisor", "procuratorate", "deputy", "station", "operator"}
NO_PICTURE = {"static", "document", "link_letter"}
"""addresses that are files"""


@cache
def words() -> frozenset[str]:
    """Everything that stands on a page in Chinese: what the console says and what the definitions are called."""
    return frozenset({*written(), *(text.zh for text in texts(shipped())), *said()})


def texts(found: Any) -> Iterator[Text]:
    """Every text within a value."""
    if isinstance(found, Text):
        yield found
    elif dataclasses.is_dataclass(found):
        for one in dataclasses.fields(found):
            yield from texts(getattr(found, one.name, None))
    elif isinstance(found, Mapping):
        yield from texts(list(found.values()))
    elif isinstance(found, (list, tuple, set, frozenset)):
        for one in found:
            yield from texts(one)


@cache
def said() -> frozenset[str]:
    """Texts in the code: `Text("…", …)` in full."""
    return frozenset(re.findall(r'Text\(\s*f?"([^"]*)"', source()))


@cache
def source() -> str:
    """The code that speaks to people, and the templates."""
    folders = (ROOT / "api", ROOT / "workflow", ROOT / "definitions")
    files = [path for folder in folders for path in [*folder.rglob("*.py"), *folder.rglob("*.html")]]
    return "\n".join(path.read_text(encoding="utf-8") for path in files)


def known(word: str) -> bool:
    """Whether a page says so; `……` stands for what differs from page to page."""
    pieces = [piece.strip() for piece in word.split("……")]
    if len(pieces) == 1:
        return word in words()
    everything = source() + "\n".join(words())
    return all(piece in everything for piece in pieces)


def quoted(text: str) -> list[str]:
    return re.findall("「([^」]*)」", text)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_word_of_the_guide_stands_on_a_page(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert [word for word in quoted(text) if not known(word)] == []
    assert len(quoted(text)) > 8


def test_a_word_that_stands_nowhere_is_found() -> None:
    assert known("签收") and known("现在是“……”，“……”只能在“……”时进行")
    assert not known("签收一下") and not known("现在是“……”，只能等")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_link_and_picture_is_there(page: Path) -> None:
    for link in re.findall(r"\]\(([^)#\s]+)\)", page.read_text(encoding="utf-8")):
        assert (page.parent / link).exists(), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_command_is_one(page: Path) -> None:
    for command in re.findall(r"`tibandu ([^`]*)`", page.read_text(encoding="utf-8")):
        wanted = [word if word.isascii() else "somebody" for word in command.split()]
        assert wanted[0] in re.split(r"[{},\s]+", parser().format_help()), command


def test_there_is_a_page_for_each_role_with_ten_things_to_do() -> None:
    assert {page.stem for page in PAGES} == ROLES | {"README"}
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        if page.stem != "README":
            assert len(re.findall(r"^### \d+\. ", text, re.MULTILINE)) == 10, page
            assert "## 您会看到什么" in text and "## 提示是什么意思" in text, page
            assert f"({page.name})" in (GUIDE / "README.md").read_text(encoding="utf-8")


def test_every_screen_has_its_picture() -> None:
    """One for each screen; the names are those of the table; small; the list of them is as the command writes it."""
    ours = {screen.name for screen in SCREENS if "GET" in screen.methods} - NO_PICTURE
    assert ours - {shot.screen for shot in screenshots.SHOTS} == set()
    names = [shot.name for shot in screenshots.SHOTS]
    assert sorted(names) == sorted(set(names)) == sorted(path.stem for path in PICTURES.glob("*.webp"))
    sizes = [path.stat().st_size for path in PICTURES.glob("*.webp")]
    assert max(sizes) <= screenshots.HEAVIEST and sum(sizes) <= screenshots.ALTOGETHER
    for path in PICTURES.glob("*.webp"):
        with Image.open(path) as picture:
            assert picture.format == "WEBP" and picture.width == screenshots.WIDTH, path
    assert (PICTURES / "README.md").read_text(encoding="utf-8") == screenshots.listed()


def test_a_field_the_guide_names_stands_in_the_form_of_that_step() -> None:
    """What a line asks to be typed after `点「STEP」` is asked for by one of the steps it has named so far."""
    forms: dict[str, set[str]] = {}
    for law in shipped().definitions.values():
        for event in (law.start, *law.events.values()):
            forms.setdefault(event.title.zh, set()).update(
                law.fields[one.name].title.zh for one in event.form
            )
    fields = {
        f.title.zh for law in shipped().definitions.values() for f in law.fields.values()
    } - forms.keys()
    wrong, seen = [], 0
    for page in PAGES:
        for line in page.read_text(encoding="utf-8").split("\n"):
            named: list[str] = []
            for word in quoted(line) if not line.startswith("|") else ():
                named += [word] if word in forms else []
                if word in fields and named:
                    seen += 1
                    wrong += [] if any(word in forms[step] for step in named) else [(page.name, named, word)]
    assert not wrong and seen > 30


def test_both_readmes_lead_there() -> None:
    for name in ("README.md", "README.zh-CN.md"):
        assert "docs/guide/README.md" in (ROOT / name).read_text(encoding="utf-8"), name


OF = {
    "office": {"deputy_affairs", "sc_office"}, "unit": {"unit_clerk", "unit_head"},
    "supervisor": {"council_of_chairpersons", "special_committee", "gov_office"}, "procuratorate": {"procuratorate_clerk", "chief_prosecutor"},
    "deputy": {"deputy"}, "station": {"station_keeper", "station_clerk"},
}  # fmt: skip
"""whom a page speaks to"""
OTHERS = {"procuratorate": {"收到的检察建议", "回头看"}}
"""lists of others that it names as theirs, and a button that is called like one"""


@pytest.mark.parametrize("page", sorted(OF))
def test_a_list_the_guide_names_is_one_of_its_reader(page: str) -> None:
    """By the views as they are declared: a list that is renamed, or that is another role's, is found."""
    views = shipped().views.values()
    titles = {view.title.zh for view in views}
    theirs = {view.title.zh for view in views if OF[page] & set(view.roles)}
    named = set(quoted((GUIDE / f"{page}.md").read_text(encoding="utf-8"))) & titles
    assert named - theirs == OTHERS.get(page, set())
    assert named & theirs
