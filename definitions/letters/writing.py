"""Documents written from templates: which of them a case has for who asks, one as a Word file, many as a ZIP.

A template is a program that somebody else may have written: it runs in jinja2's sandbox over plain texts only, every value is
escaped, and a name that is not there is a fault and no blank. Which template made a document stands in its properties, by hash.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import IO, Any

from workflow import Actor, Case, Engine, HistoryEntry, NotFound

from .catalogue import Catalogue, Kind, faulty
from .words import Words, addressed_to, answered, cited, civil, ended, in_lines, points, written

__all__ = ["Letter", "Wish", "between", "letters_of", "write_letter", "write_zip"]

EPOCH = (1980, 1, 1, 0, 0, 0)
FORMS = 10
MOST_FORMS = 200
NAME = re.compile(r'[\\/:*?"<>|\x00-\x1f]+')
LONGEST = 80
START = "start"


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One document that a case has, for one addressee where it has any. `file`: its name; `template`: SHA-256 of its template."""

    kind: Kind
    case: Case
    to: str | None
    relation: str | None
    file: str
    template: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the caller gives: a link to be printed as a QR code, how many blank forms, and where the service's pages are (`here`,
    ending in /), so that a letter which wants it prints the address of its case.
    """

    link: str | None = None
    here: str | None = None
    forms: int = FORMS


NOTHING = Wish()


# --- which there are


def letters_of(
    engine: Engine, catalogue: Catalogue, case: str, actor: Actor | None = None, *, kind: str | None = None,
    children: bool = True,
) -> list[Letter]:  # fmt: skip
    """The documents of a case and of its children, as far as that person may know of them. Raises NotFound."""
    top = engine.case(case, actor=actor)
    family = [top]
    if children and top.id == top.root:
        below = engine.children(top.id, actor=actor)
        family += sorted(below, key=lambda c: (c.opened_on or "", c.slot or "", c.party or "", c.id))
    asked = [
        (one, k)
        for one in family
        for k in catalogue.kinds.values()
        if k.of == one.kind and kind in (None, k.id)
    ]
    root = _root(engine, top, actor)
    words = Words(engine, actor, [*family, *([root] if root else [])])
    happened = _Happened(engine, actor)
    return [
        letter
        for one, k in asked
        if START in k.after or happened.of(one) & set(k.after)
        for letter in _to_each(catalogue, k, one, root, words)
    ]


class _Happened:
    """Which events stand in the histories, each read once and only when asked for."""

    def __init__(self, engine: Engine, actor: Actor | None) -> None:
        self._engine = engine
        self._actor = actor
        self._known: dict[str, set[str]] = {}

    def of(self, case: Case) -> set[str]:
        if case.id not in self._known:
            lines = self._engine.history(case.id, actor=self._actor)
            self._known[case.id] = {line.event for line in lines}
        return self._known[case.id]


def _to_each(
    catalogue: Catalogue, kind: Kind, case: Case, root: Case | None, words: Words
) -> Iterator[Letter]:
    number = (root or case).number or words.named(case)
    if not kind.to:
        yield _letter(catalogue, kind, case, None, None, number)
    for relation in kind.to:
        owner = root if relation.startswith("root.") else case
        for party in owner.relations.get(relation.removeprefix("root."), ()) if owner else ():
            names = dict.fromkeys(words.name(one) for one in (case.party, party) if one)
            yield _letter(
                catalogue, kind, case, party, relation.removeprefix("root."), number, "-".join(names)
            )


def _letter(
    catalogue: Catalogue,
    kind: Kind,
    case: Case,
    to: str | None,
    relation: str | None,
    number: str,
    name: str = "",
) -> Letter:
    said = " ".join(NAME.sub("", part)[:LONGEST] for part in (number, kind.title.zh, name) if part)
    return Letter(
        kind=kind, case=case, to=to, relation=relation, file=f"{said}.docx", template=catalogue.template(kind.template)[1]
    )  # fmt: skip


def between(
    engine: Engine, catalogue: Catalogue, kind: str, first: date, last: date, *, actor: Actor | None = None,
    tenant: str | None = None,
) -> list[Letter]:  # fmt: skip
    """The documents of a kind for everything that happened on those days (both included), by number: those of one meeting."""
    wanted, found = catalogue.kind(kind), list[Letter]()
    after: str | None = None
    while page := engine.search(kind=wanted.of, tenant=tenant, actor=actor, after=after, limit=500):
        for case in page:
            lines = engine.history(case.id, actor=actor)
            if any(line.event in wanted.after and first <= _day(line) <= last for line in lines):
                root = _root(engine, case, actor)
                words = Words(engine, actor, [case, *([root] if root else [])])
                found += _to_each(catalogue, wanted, case, root, words)
        after = page[-1].id
    return sorted(found, key=lambda letter: letter.file)


def _day(line: HistoryEntry) -> date:
    whole = line.effective_on and len(line.effective_on) == len("2026-03-02")
    return date.fromisoformat(str(line.effective_on)) if whole else civil(line.recorded_at)


def _root(engine: Engine, case: Case, actor: Actor | None) -> Case | None:
    if case.root == case.id:
        return case
    try:
        return engine.case(case.root, actor=actor)
    except NotFound:
        return None


# --- one


def write_letter(
    engine: Engine, catalogue: Catalogue, letter: Letter, actor: Actor | None = None, wish: Wish = NOTHING
) -> bytes:
    """The document as a Word file. Raises DefinitionError when its template cannot be used, NotFound."""
    content, sha256 = catalogue.template(letter.kind.template)
    said = _Telling(engine, actor, letter, wish).all()
    document = filled(letter.kind.template, content, said, said["letter"]["link"])
    _sign(document, sha256, letter, engine.clock.now())
    made = io.BytesIO()
    document.save(made)
    return steady(made.getvalue())


class _Telling:
    """What one document may say."""

    def __init__(self, engine: Engine, actor: Actor | None, letter: Letter, wish: Wish) -> None:
        self.engine = engine
        self.actor = actor
        self.letter = letter
        self.wish = wish
        self.unit = letter.to if letter.to and _is_unit(engine, letter) else None
        self.case = self._shown(letter.case)
        root = _root(engine, letter.case, actor)
        self.root = self._shown(root) if root else None
        self.children = self._children()
        self.words = Words(engine, actor, [self.case, *([self.root] if self.root else []), *self.children])
        self.words.learn([letter.to] if letter.to else [])

    def all(self) -> dict[str, Any]:
        letter, words = self.letter, self.words
        history = self._history()
        case = words.of(self.case, letter.kind.clocks)
        return {
            "letter": self._about(history), "case": case, "root": words.of(self.root) if self.root else case,
            "happened": {event: written(str(_day(line))) for line in history for event in [line.event]},
            "children": self._rows(), "lines": words.lines(self.case, history) if "history" in letter.kind.needs else [],
            "papers": words.papers([self.case, *self.children]) if "papers" in letter.kind.needs else [],
            "forms": self._forms(), "qr": "",
        }  # fmt: skip

    def _about(self, history: Sequence[HistoryEntry]) -> dict[str, str]:
        letter, words = self.letter, self.words
        days = [_day(line) for line in history if line.event in letter.kind.after]
        return {
            "on": written(str(days[-1])) if days else written(words.day),
            "title": letter.kind.title.zh, "to": words.name(letter.to) if letter.to else "", "as": letter.relation or "",
            "office": words.office(self.case), "congress": words.congress(self.case), "made_on": written(words.day),
            "link": self.wish.link or self._page(), "contact": words.contact(self.case),
            "source": cited(letter.kind.source), "template": letter.template[:12],
        }  # fmt: skip

    def _page(self) -> str:
        wanted = self.wish.here and "page" in self.letter.kind.needs
        return f"{self.wish.here}cases/{self.letter.case.root}" if wanted else ""

    def _shown(self, case: Case) -> Case:
        return addressed_to(self.engine, case, self.unit) if self.unit else case

    def _children(self) -> list[Case]:
        kind, case = self.letter.kind, self.letter.case
        if case.id != case.root or not (kind.children or "papers" in kind.needs):
            return []
        found = self.engine.children(case.id, actor=self.actor)
        return [self._shown(one) for one in found if "papers" in kind.needs or one.slot in kind.children]

    def _rows(self) -> dict[str, list[dict[str, Any]]]:
        rows: dict[str, list[dict[str, Any]]] = {slot: [] for slot in self.letter.kind.children}
        for child in self.children:
            if child.slot in rows:
                rows[child.slot].append({**self.words.of(child), "to": self.words.name(child.party or "")})
        return rows

    def _history(self) -> list[HistoryEntry]:
        return self.engine.history(self.letter.case.id, actor=self.actor)

    def _forms(self) -> list[str]:
        if "forms" not in self.letter.kind.needs:
            return [""]
        count = min(max(self.wish.forms, 1), MOST_FORMS)
        month = str(self.case.data.get("month") or "").replace("-", "")
        return [f"{month}-{number:03}" for number in range(1, count + 1)]


def _is_unit(engine: Engine, letter: Letter) -> bool:
    """Whether the addressee is a unit and no person."""
    definition = engine.laws.pinned(letter.case.definition).definition
    name = letter.relation or ""
    if name in definition.relations:
        return definition.relations[name].of == "unit"
    root = engine.case(letter.case.root)
    return engine.laws.pinned(root.definition).definition.relations[name].of == "unit"


def filled(name: str, content: bytes, said: Mapping[str, Any], link: str | None = None) -> Any:
    """The template with its words, as a python-docx document. Raises DefinitionError whatever it does wrong."""
    from docxtpl import DocxTemplate
    from jinja2 import StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(autoescape=True, undefined=StrictUndefined)
    environment.filters |= {"points": points, "answered": answered, "ended": ended, "in_lines": in_lines}
    environment.filters["lines"] = lambda text: [x.strip() for x in text.split("\n") if x.strip()] or [""]
    try:
        template = DocxTemplate(io.BytesIO(content))
        pictures = {"qr": _qr(template, link)} if link else {}
        template.render({**said, **pictures}, environment, autoescape=True)
    except Exception as error:
        told = " ".join(str(error).split())[:300]
        zh, en = f"模板无法使用：{told}", f"the template cannot be used: {type(error).__name__}: {told}"
        raise faulty(name, zh, en) from error
    return template.docx


def _qr(document: Any, link: str) -> Any:
    import segno
    from docx.shared import Mm
    from docxtpl import InlineImage

    picture = io.BytesIO()
    segno.make(link, error="m", micro=False).save(picture, kind="png", scale=6, border=2)
    picture.seek(0)
    return InlineImage(document, picture, width=Mm(26))


def _sign(document: Any, sha256: str, letter: Letter, now: datetime) -> None:
    """Say in the document's properties what it is, of which case, and by which template it was made."""
    about = document.core_properties
    about.title, about.subject, about.identifier = (
        letter.kind.title.zh,
        letter.case.number or "",
        letter.case.id,
    )
    about.author = about.last_modified_by = "tibandu"
    about.category, about.version = letter.kind.id, f"sha256:{sha256}"
    about.comments = f"template {letter.kind.template} sha256:{sha256}"
    about.created = about.modified = now.replace(tzinfo=None, microsecond=0)


def steady(content: bytes) -> bytes:
    """The same Word file with nothing of the moment in it, so that the same document is the same bytes."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.infolist():
            new.writestr(entry(part.filename), old.read(part.filename))
    return made.getvalue()


def entry(name: str) -> zipfile.ZipInfo:
    """A part of a ZIP with nothing of the moment in it."""
    info = zipfile.ZipInfo(name, EPOCH)
    info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
    return info


# --- many


def write_zip(
    engine: Engine, catalogue: Catalogue, letters: Iterable[Letter], file: IO[bytes], actor: Actor | None = None,
    wish: Wish = NOTHING,
) -> int:  # fmt: skip
    """All of them into one ZIP, in their order and numbered by it; how many. Raises as `write_letter`."""
    count = 0
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as pack:
        for count, letter in enumerate(letters, 1):
            pack.writestr(
                entry(f"{count:03} {letter.file}"), write_letter(engine, catalogue, letter, actor, wish)
            )
    return count
