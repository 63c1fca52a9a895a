"""Every screen in a real browser: for everybody (WCAG 2.2 AA), small, on a phone, by keyboard, without scripts, within its policy."""

from __future__ import annotations

import html
import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api import Jobs
from api.console import SCREENS
from api.demo import Demonstration
from api.packs import begin
from definitions import doors
from definitions.demo import ROLES
from definitions.demo.city import TENANT
from definitions.papers import Papers
from workflow import Actor
from workflow.model import Party
from workflow.overview import grants_of, views_of

from .browser import FIRST, Browsing, addresses, axe, browsing, chromium, violations
from .demonstration import DAY

__all__ = ["browsing", "chromium"]

HERE = Path(__file__).parent.parent / "api" / "console"
PHONE = {"width": 360, "height": 740}
DESK = {"width": 1000, "height": 740}
WIDE = "document.documentElement.scrollWidth"
WIDEST = """wide => [...document.querySelectorAll('body *')].filter(one => one.getBoundingClientRect().right + scrollX >= wide - 20)
    .map(one => one.tagName + ': ' + one.textContent.trim().slice(0, 60)).slice(-3).join(' | ')"""
"""what reaches so far, the innermost last"""
WHOLE = os.environ.get("SCREENS") == "all"
SOME = 6
"""of so many pages one is looked at in English too"""
EVENTS = 2
"""pages of one screen that one role looks at"""
NO_PAGE = {"console.static", "console.document", "console.link_letter"}
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{7*7}}${7*7}"


def links(page: str) -> list[str]:
    """Where a page leads."""
    return [html.unescape(link).partition("#")[0] for link in re.findall(r'<a [^>]*?href="([^"]+)"', page)]


def shown(browsing: Browsing) -> list[tuple[str, str, str]]:
    """(person, screen, address): each screen for whoever has it, no more than a few pages of one; for two of the roles, by
    `make screens` for every role.
    """
    found: list[tuple[str, str, str]] = []
    seen: Counter[str] = Counter()
    for role in ROLES:
        mine: Counter[str] = Counter()

        def wanted(screen: str, _: str, mine: Counter[str] = mine) -> bool:
            mine[screen] += 1
            return screen.startswith("console.") and mine[screen] <= 3 and screen not in NO_PAGE

        for screen, address in addresses(browsing, role.person, ["/"], wanted):
            most = EVENTS if screen in ("console.event", "console.case", "console.list") else 1
            if (WHOLE or seen[screen] < 2 * most) and seen[f"{role.person} {screen}"] < most:
                seen[screen] += 1
                seen[f"{role.person} {screen}"] += 1
                found.append((role.person, screen, address))
    return found


def forms(browsing: Browsing) -> list[tuple[str, str, str]]:
    """Every form there is, one page each: of each event of each definition of which somebody has a case, open to him or not."""
    found: dict[tuple[str, str], tuple[str, str, str]] = {}
    for role in ROLES:
        for case in browsing.engine.search(actor=Actor(person=role.person), limit=200):
            law = browsing.engine.laws.pinned(case.definition).definition
            for name, event in law.events.items():
                if not event.automatic:
                    page = (role.person, "console.event", f"/cases/{case.id}/do/{name}")
                    found.setdefault((law.name, name), page)
    return list(found.values())


def lists(browsing: Browsing) -> list[tuple[str, str, str]]:
    """Everybody's first page and every list."""
    first = [(role.person, "console.home", "/") for role in ROLES]
    each = {
        view.name: (role.person, "console.list", f"/views/{view.name}")
        for role in ROLES
        for view in views_of(browsing.engine, grants_of(browsing.engine, Actor(person=role.person)))
    }
    return [*first, *each.values()]


def looks(browsing: Browsing, language: str) -> list[tuple[str | None, str, str]]:
    """(person, screen, address). A sample: each screen in Chinese, some in English; by `make screens` each in both, with every
    form, every list and everybody's first page.
    """
    found: list[tuple[str | None, str, str]] = [*shown(browsing), *beside(browsing)]
    if WHOLE:
        return list(dict.fromkeys([*found, *lists(browsing), *forms(browsing)]))
    return found if language == "zh-CN" else found[::SOME]


def beside(browsing: Browsing) -> list[tuple[str | None, str, str]]:
    """Screens no link leads to: a door, a letter's address, what a form asks for."""
    office = Actor(person="office.sc")
    survey = next(
        one
        for one in browsing.engine.search(kind="evaluation", limit=200)
        if one.state == "issued" and one.party
    )
    token = browsing.engine.invite(survey.id, ["answer"], str(survey.party), until=DAY, by=office)
    leads = [
        one
        for one in browsing.engine.search(kind="suggestion", limit=500)
        if "unit01" in one.relations.get("lead", ())
    ]
    new = min(
        leads, key=lambda one: one.state != "assigned"
    )  # a story told before may have taken the last one
    return [
        (None, "door", f"/s/{doors.code_of('station001')}"),
        (None, "find", "/find?who=代表01（演示）"),
        (None, "console.sign_in", "/sign-in"),
        (None, "console.first", "/first"),
        ("operator", "console.setup", "/setup"),
        (None, "console.link", f"/i/{token}"),
        ("office.sc", "console.case", f"/cases/{survey.id}"),
        ("office.sc", "console.history", f"/cases/{survey.id}/history"),
        ("office.affairs", "console.stations", "/stations"),
        ("office.sc", "console.pack", f"/letters/{begin(browsing.engine, office, [survey.id])}"),
        ("unit01.clerk", "console.password", "/password"),
        ("unit01.clerk", "console.presence", "/sessions"),
        ("unit01.clerk", "console.second", "/second-factor"),
        ("unit01.clerk", "console.search", "/search?q=建议"),
        ("unit01.clerk", "console.many", f"/views/inbox/many?event=sign_in&case={new.id}"),
    ]


def faults(page: Any, address: str, source: str) -> Iterator[str]:
    """What is wrong with a page: by axe, on a phone, with letters twice as large."""
    page.goto(address)
    yield from violations(page, source)
    page.set_viewport_size(PHONE)
    if (wide := page.evaluate(WIDE)) > PHONE["width"]:
        yield f"{wide} px wide on a phone: {page.evaluate(WIDEST, wide)}"
    page.set_viewport_size(DESK)
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    if (wide := page.evaluate(WIDE)) > DESK["width"]:
        yield f"{wide} px wide with letters twice as large: {page.evaluate(WIDEST, wide)}"


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_every_screen_is_for_everybody(browsing: Browsing, language: str) -> None:
    """0 violations; no page wider than a phone, nor with letters twice as large; nothing from outside, none over 100 KB."""
    source, bad, found = axe(), [], looks(browsing, language)
    who = {person for person, _, _ in found}
    pages = {one: browsing.page(one, locale=language, viewport=DESK) for one in who}
    own = browsing.sessions.first
    for person, screen, address in found:
        browsing.sessions.first = FIRST if screen == "console.first" else own
        bad += [f"{address} ({screen}): {one}" for one in faults(pages[person], address, source)]
    for page in pages.values():
        page.context.close()
    assert not bad, "\n".join(bad)
    assert browsing.seen.nothing(), browsing.seen
    if language == "zh-CN":
        ours = {f"console.{screen.name}" for screen in SCREENS if "GET" in screen.methods} - NO_PAGE
        assert ours - {screen for _, screen, _ in found} == set(), "screens nobody has looked at"


def test_what_is_wrong_is_found(browsing: Browsing) -> None:
    """The eyes themselves: a page with faults of each kind."""
    page = browsing.page(viewport=PHONE)
    page.set_content('<html><body><img src="data:,"><div style="width:900px">x</div><input></body></html>')
    assert page.evaluate(WIDE) > PHONE["width"]
    assert {one.partition(":")[0] for one in violations(page, axe())} >= {
        "image-alt",
        "label",
        "html-has-lang",
    }
    page.context.close()


def test_how_far_a_job_is_moves_by_itself(browsing: Browsing) -> None:
    """Without scripts there is a link: test_stories_supervisor.py."""
    office = Actor(person="office.affairs")
    cases = [case.id for case in browsing.engine.search(kind="suggestion", limit=5, actor=office)]
    page = browsing.page(office.person)
    job, jobs = begin(browsing.engine, office, cases), Jobs(browsing.engine, Papers(browsing.engine))
    page.goto(f"/letters/{job}")
    jobs._some(job)
    page.wait_for_selector("#count:text-is('4')")
    jobs.work(job)
    page.wait_for_selector("text=下载（ZIP）")
    page.context.close()
    assert browsing.seen.nothing(), browsing.seen


@pytest.mark.parametrize("scripts", [True, False])
def test_story_E09_by_keyboard_alone(browsing: Browsing, scripts: bool) -> None:
    """Sign in, list, case, form, done: with the keys, with scripts and without."""
    look = next(look for look in Demonstration(browsing.engine).looks() if look.person == "unit01.clerk")
    page = browsing.page(scripts=scripts)
    page.goto("/")
    tab(page, "input[name=person]")
    page.keyboard.type(look.person)
    tab(page, "input[name=password]")
    page.keyboard.type(look.password)
    enter(page)
    tab(page, 'main a[href="/views/inbox"]')
    enter(page)
    tab(page, "tbody a:has-text('" + ("增设候车亭" if scripts else "增加公园座椅") + "')")
    enter(page)
    tab(page, "a.button:has-text('签收')")
    enter(page)
    tab(page, "form.sheet button")
    enter(page)
    assert "已签收" in page.locator(".sentence").inner_text()
    page.context.close()


@pytest.mark.parametrize("scripts", [True, False])
def test_what_is_wrong_in_a_form_is_heard_in_its_order(browsing: Browsing, scripts: bool) -> None:
    """The summary has the focus when the page comes back; from it a link leads into each input, and the input says what is wrong
    with it. In a form, in many at once, on the board, behind a link.
    """
    page = browsing.page("office.affairs", scripts=scripts)
    page.goto("/views/to_assign")
    page.get_by_role("link", name="整修人民广场").click()
    page.get_by_role("link", name="交办", exact=True).click()
    page.locator("form.sheet button.button").click()
    told = heard(page, "主办单位")
    assert told.startswith("没有提交成功"), told
    page.goto("/views/to_assign")
    page.locator("input[name$='.lead_unit']").first.fill("没有这个局")
    page.locator("button[form=board]").click()
    heard(page, "没有这个局")
    page.goto("/views/to_assign")
    page.locator("input[name=case]").first.check()
    page.get_by_role("button", name="交办", exact=True).click()
    page.locator("form.sheet button.button").click()
    if page.locator(".wrong").count():  # judged before anything is sent
        heard(page, "")
    page.context.close()
    link = next(address for _, screen, address in beside(browsing) if screen == "console.link")
    page = browsing.page(scripts=scripts)
    page.goto(link)
    page.locator("form.sheet button.button").click()
    heard(page, "")
    page.context.close()
    assert browsing.seen.nothing(), browsing.seen


def heard(page: Any, words: str) -> str:
    """What stands in the summary, which has the focus; its links go into inputs that say the same."""
    page.locator(
        ".wrong:focus"
    ).wait_for()  # without scripts the browser gives it after it has shown the page
    told: str = page.locator(".wrong").inner_text()
    links = page.locator(".wrong a")
    assert links.count() and words in told, told
    for at in range(links.count()):
        text = links.nth(at).inner_text().strip()
        links.nth(at).focus()
        page.keyboard.press("Enter")
        wanted = str(links.nth(at).get_attribute("href")).removeprefix("#")
        page.locator(f"[id='{wanted}']:focus").wait_for()
        said = page.evaluate(DESCRIBED)
        assert said and said in text, f"{said} / {text}"
    return told


DESCRIBED = """[...(document.activeElement.getAttribute('aria-describedby') || '').split(' ')].filter(id => id.endsWith('-e'))
    .map(id => document.getElementById(id).textContent.trim()).join(' ')"""


def tab(page: Any, wanted: str) -> None:
    """Go on until it has the focus; a person would give up sooner or later."""
    for _ in range(150):
        page.keyboard.press("Tab")
        assert page.evaluate(FOCUSED) in (None, "solid"), f"{page.url}: nobody sees what has the focus"
        if page.locator(f"{wanted}:focus").count():
            return
    pytest.fail(f"{page.url}: {wanted} cannot be reached by keyboard")


FOCUSED = (
    "document.activeElement === document.body ? null : getComputedStyle(document.activeElement).outlineStyle"
)


def enter(page: Any) -> None:
    with page.expect_navigation():
        page.keyboard.press("Enter")


def test_hostile_words_in_every_field_do_nothing(browsing: Browsing) -> None:
    """Title, text, names of parties, of files, reasons: 0 dialogs, 0 reports of the policy."""
    engine, office = browsing.engine, Actor(person="office.affairs")
    engine.parties.put([Party(id="evil", kind="unit", name=HOSTILE, tenant=TENANT)], by=office, trusted=True)
    file = {
        "sha256": "0" * 64,
        "size": 1,
        "media_type": "application/pdf",
        "name": HOSTILE.replace("/", "") + ".pdf",
    }
    told = {"title": HOSTILE, "body": HOSTILE, "first_signer": "city-deputy0001", "signers": ["city-deputy0001"],
            "publication_wish": "full", "attachments": [file]}  # fmt: skip
    case = engine.start("suggestion", office, told, tenant=TENANT)
    engine.fire(case.id, "accept", office, {"congress": HOSTILE, "session": HOSTILE})
    units = {
        "assignment_mode": "lead_and_co",
        "lead_unit": "unit01",
        "co_units": ["evil"],
        "assignment_note": HOSTILE,
    }
    engine.fire(case.id, "assign", office, units)
    why = {"return_reason": HOSTILE, "competent_unit": "evil"}
    engine.fire(case.id, "request_return", Actor(person="unit01.head"), why)
    page = browsing.page("office.affairs")
    for address in (
        f"/cases/{case.id}", f"/cases/{case.id}/history", f"/cases/{case.id}/do/approve_return", f"/cases/{case.id}/picture",
        f"/cases/{case.id}/letters", "/views/returns", "/search?q=alert", "/parties", "/parties/evil", "/statistics",
    ):  # fmt: skip
        page.goto(address)
        assert page.locator("script:not([src]), img[src=x]").count() == 0, address
    page.goto(f"/cases/{case.id}")
    assert HOSTILE in page.locator("h1").inner_text()
    page.context.close()
    assert browsing.seen.nothing(), browsing.seen


NEWER = {
    ":has()": (r":has\(", 105), "container queries": (r"@container|container-type", 105), "nesting": (r"^\s+&|\{[^}]*&[:. ]", 112),
    "field-sizing": (r"field-sizing", 123), "color-mix()": (r"color-mix\(", 111), "@layer": (r"@layer", 99),
    "subgrid": (r"subgrid", 117), "text-wrap": (r"text-wrap\s*:", 114), "dvh": (r"\d[dsl]v[hw]\b", 108),
    "accent-color": (r"accent-color", 93), "oklch()": (r"\bok?l(?:ch|ab)\(", 111), "@scope": (r"@scope", 118),
    "popover": (r"\bpopover\b|:popover", 114), "individual transforms": (r"(?:^|[;{])\s*(?:rotate|scale|translate)\s*:", 104),
    "ranges in media queries": (r"@media[^{]*[<>]=?", 104), "light-dark()": (r"light-dark\(", 123), "dialog element": (r"<dialog", 91),
    ":user-valid": (r":user-(?:in)?valid", 119), "inert": (r"\binert\b", 102), "@property": (r"@starting-style", 117),
}  # fmt: skip
"""what came after Chromium 90, which offices still have: the pattern and the version that brought it"""


def newer(text: str) -> list[str]:
    """What of it an older browser would not know."""
    return [name for name, (pattern, _) in NEWER.items() if re.search(pattern, text, re.MULTILINE)]


def test_nothing_is_newer_than_chromium_90() -> None:
    assert all(version > 90 for _, version in NEWER.values())
    assert newer("a:has(b) { width: 1dvh }") == [":has()", "dvh"], "the lint itself"
    for path in [*HERE.glob("static/*.css"), *HERE.glob("static/*.js"), *HERE.glob("templates/*.html")]:
        assert newer(path.read_text(encoding="utf-8")) == [], path
