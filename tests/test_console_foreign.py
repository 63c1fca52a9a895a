"""The console on somebody else's lifecycle: a purchase that is asked for and approved. No deputy, no unit, no register of ours;
every screen that stands in a menu opens, and what the domain has not is not there.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from api import create_app
from api.cells import caption
from api.console.hints import HINTS
from api.problems import TITLES
from api.sessions import Sessions
from api.store import create_schema
from workflow import Actor, Engine, load_definitions
from workflow.errors import Text
from workflow.model import Grant
from workflow.testing import FrozenClock

from .console import Reader, said
from .lifecycle import TODAY, Office

CALENDAR = Path(__file__).parents[1] / "definitions" / "calendars"
FILES = {
    "roles": """
codes: roles
title: {zh: 角色, en: roles}
meanings: {oversees: boolean}
values:
  buyer: {zh: 采购员, en: buyer, oversees: false}
  boss: {zh: 经理, en: manager, oversees: true}
""",
    "shop": """
rules: shop
title: {zh: 商店, en: shop}
calendar: cn
values:
  A1: {zh: 批复, en: answer, value: 5, unit: working_day, source: 本店制度, confidence: S}
""",
    "purchase": """
definition: purchase
version: 1
title: {zh: 采购申请, en: purchase}
initial: asked
relations:
  buyer: {zh: 申请人, en: buyer, of: person, one: true}
fields:
  article: {zh: 物品, en: article, type: text}
  price: {zh: 金额, en: price, type: integer}
  grounds: {zh: 事由, en: grounds, type: text}
  buyer_person: {zh: 申请人, en: buyer, type: person}
states:
  asked: {zh: 待批, en: asked for, holder: boss}
  approved: {zh: 已批准, en: approved, end: true, decided: true}
  refused: {zh: 不批准, en: refused, end: true, decided: true}
start:
  by: buyer
  form: [article, price, buyer_person, grounds?]
  source: 本店制度
  relates: {buyer: buyer_person}
events:
  approve: {zh: 批准, en: approve, from: asked, to: approved, by: boss, source: 本店制度}
  refuse: {zh: 不批准, en: refuse, from: asked, to: refused, by: boss, form: [grounds], source: 本店制度}
clocks:
  answer: {zh: 批复, en: answer, rule: A1, starts: start, stops: [approve, refuse]}
""",
    "to_approve": """
view: to_approve
title: {zh: 待批, en: To approve}
question: {zh: 买不买？, en: Do we buy it?}
for: boss
of: purchase
states: asked
columns: [article, price, buyer, due_on]
acts: [approve]
""",
    "mine": """
view: mine
title: {zh: 我的申请, en: Mine}
question: {zh: 批了没有？, en: Is it approved?}
for: buyer
of: purchase
relations: buyer
order: id
columns: [article, state, standing]
starts: true
""",
    "steps": """
stages: purchase
steps:
  - {title: {zh: 申请, en: asked}, states: asked}
  - {title: {zh: 答复, en: answered}, states: [approved, refused]}
answered: {clocks: answer, events: [approve, refuse]}
""",
    "pages": """
console: pages
screens:
  statistics: boss
  wall: boss
  lifecycles: boss
  calendar: boss
  imports: boss
figures: purchase
one_line: [article]
named_by: [article]
""",
}


@pytest.fixture
def shop(tmp_path: Path) -> tuple[Engine, dict[str, Reader]]:
    folder = tmp_path / "definitions"
    shutil.copytree(CALENDAR, folder / "calendars")
    for name, text in FILES.items():
        (folder / f"{name}.yaml").write_text(text.lstrip(), encoding="utf-8")
    engine = Engine("sqlite://", load_definitions(folder), clock=FrozenClock(TODAY))
    engine.create_schema()
    create_schema(engine)
    engine.publish(Actor(person="boot"))
    for person, role in (("amy", "buyer"), ("ben", "boss")):
        engine.sync_grants(person, [Grant(id="", person=person, role=role, scope="shop")], by="boot")
    sessions = Sessions(engine)
    app = create_app(engine, sessions, sessions=sessions, operators=["olga"])
    app.extensions["sessions"] = sessions
    _accounts(engine)
    return engine, {person: Reader(app, person) for person in ("amy", "ben", "olga")}


def _accounts(engine: Engine) -> None:
    from sqlalchemy import insert

    from api.store import Shelf

    shelf, now = Shelf(engine), engine.clock.now().isoformat()
    made = {"hash": "", "made": 0, "operator": 0, "created_by": "boot", "created_at": now, "changed_at": now}
    with shelf.connection(write=True) as connection:
        connection.execute(
            insert(shelf.tables.account), [{"person": p, **made} for p in ("amy", "ben", "olga")]
        )


def _menu(reader: Reader) -> list[str]:
    reader.get("/")
    return re.findall(r'<a href="(/[^"]*)"', reader.page)


def test_a_purchase_goes_its_way_through_the_pages(shop: tuple[Engine, dict[str, Reader]]) -> None:
    engine, readers = shop
    amy, ben = readers["amy"], readers["ben"]
    amy.get("/start/purchase")
    assert re.search(r'<input[^>]*name="article"', amy.page)
    assert re.search(r'<textarea[^>]*name="grounds"', amy.page)
    case = amy.goes(amy.fill("/start/purchase", article="打印机", price="1200", buyer_person="amy"))
    assert "打印机" in said(amy.page)
    ben.get("/views/to_approve")
    assert "打印机" in said(ben.page)
    ben.get("/")
    assert "打印机" in said(ben.page)
    address = f"{case.partition('?')[0]}/do/refuse"
    ben.get(address)
    ben.goes(ben.fill(address, grounds="已有"))
    amy.get("/views/mine")
    assert "不批准" in said(amy.page)
    ben.get("/statistics")
    assert "首次征询" not in said(ben.page)
    assert engine.case(case.partition("?")[0].rpartition("/")[2]).closed


@pytest.mark.parametrize("person", ["amy", "ben", "olga"])
def test_every_screen_of_a_menu_opens(person: str, shop: tuple[Engine, dict[str, Reader]]) -> None:
    reader = shop[1][person]
    addresses = _menu(reader)
    assert ("/statistics" in addresses) == (person == "ben")
    assert not {"/areas", "/stations"} & {*addresses}
    for address in addresses:
        assert reader.get(address).status_code in (200, 303), address


@pytest.mark.parametrize(
    "address", ["/areas", "/stations/x", "/import/suggestion", "/start/suggestion", "/views/inbox"]
)
def test_what_the_domain_has_not_is_not_there(address: str, shop: tuple[Engine, dict[str, Reader]]) -> None:
    assert shop[1]["ben"].get(address).status_code == 404


def test_a_record_without_a_title_is_called_by_what_is_known_of_it(sqlite_office: Office) -> None:
    case = sqlite_office.filed("dep1")
    library = sqlite_office.engine.library
    law = library.definition("suggestion")
    assert caption(case, law, library.console) == Text(case.data["title"], case.data["title"])
    data = {"printed_number": "第12号", "printed_units": "市水利局"}
    bare = case._replace(data=data, number=None, opened_on="2017-01-05")
    said_of_it = caption(bare, law, library.console)
    assert said_of_it.zh == "代表建议办理（未载标题，第12号，市水利局，2017 年）"
    assert said_of_it.en == "handling of a deputy's suggestion (no title given, 第12号, 市水利局, 2017)"
    assert (
        caption(bare._replace(number="闭会第3号", data={}), law, library.console).zh
        == "代表建议办理（未载标题，闭会第3号）"
    )


@pytest.mark.parametrize(
    ("address", "word"),
    [("/cases/none", "按编号或标题查找"), ("/found?kind=x!", "从页面上的链接"), ("/operation", "授予角色")],
)
def test_a_page_that_says_no_says_what_to_do_next(
    address: str, word: str, shop: tuple[Engine, dict[str, Reader]]
) -> None:
    reader = shop[1]["amy"]
    assert reader.get(address).status_code in (400, 403, 404)
    assert word in said(reader.page)


def test_every_problem_of_a_page_has_a_hint_or_says_itself_what_would_be_right() -> None:
    own = {"unauthenticated", "deadline_refused", "stays", "not_ready", "revision_required", "form_invalid", "key_reused", "not_json", "method_not_allowed"}  # fmt: skip
    assert HINTS.keys() | own == TITLES.keys()
