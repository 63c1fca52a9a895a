"""An event's form on a page, and back: from the definition's fields to inputs, from what was sent to what the engine takes.

Nothing is judged here but what only a page can get wrong (a name that two persons have); the engine judges the rest and its
reasons are put beside the inputs they are about.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from os import SEEK_END
from types import MappingProxyType
from typing import Any

from werkzeug.datastructures import FileStorage

from workflow import access
from workflow.definition import Codes, Definition, Event, Field
from workflow.errors import Reason, Text
from workflow.model import Actor, Party
from workflow.overview import Filter, find, grants_of, today

from .. import domain
from ..documents import bring
from ..problems import Problem
from ..uploads import still_named
from .needed import fitting, needed
from .screens import Look

CHOICES = 8
"""codes that are shown as a list to tick; more of them as a menu"""
MOST, READ = 300, 1000
"""units or persons that fit into a menu; units that are looked through for them"""
STOOD = ".stood"
"""after the name of a field that came with what stands in the case"""
_ID = re.compile(r"[a-z0-9][a-z0-9._-]*")
_BETWEEN = re.compile(r"[、，,;；\n]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One choice."""

    value: str
    title: str
    chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """One field as a page asks for it."""

    name: str
    title: Text
    type: str
    """line | text | integer | boolean | date | menu | ticks | parties | documents | case | hidden"""
    many: bool
    required: bool
    needed: Text | None = None
    """of one that is not required: when it has to be given all the same"""
    stood: bool = False
    """it came with what stands in the case: left empty, that is to be taken away"""
    fixed: bool = False
    """something stands in the case that no event takes away: it may be changed, not emptied"""
    value: str = ""
    options: Sequence[Option] = ()
    kept: Sequence[tuple[str, str]] = ()
    """documents that are kept already: name, and what has to be sent again"""
    errors: Sequence[Text] = ()

    @property
    def filled(self) -> bool:
        """Whether something stands in it."""
        return bool(self.value or self.kept or any(option.chosen for option in self.options))


class Misread(Exception):
    """What was sent cannot be understood; reasons by field. `given`: what of it was, documents that are kept by now among it, and
    the rest as it was typed.
    """

    def __init__(self, reasons: Sequence[Reason], given: Mapping[str, Any] = MappingProxyType({})) -> None:
        super().__init__("; ".join(reason.text.en for reason in reasons))
        self.reasons = tuple(reasons)
        self.given = given


# --- out


def inputs(
    look: Look, definition: Definition, event: Event, given: Mapping[str, Any], reasons: Sequence[Reason] = (), prefix: str = ""
) -> list[Input]:  # fmt: skip
    """The inputs of the event's form; `given`: what stands in them; `prefix`: before every name, where forms share a page."""
    codes = look.engine.laws.codes_on(today(look.engine))
    units: list[Party] | None = None
    found = []
    for asked in sorted(
        event.form, key=lambda one: not one.required and definition.fields[one.name].type == "case"
    ):
        field = definition.fields[asked.name]
        if field.type in ("unit", "units") and units is None:
            units = units_here(look)
        errors = tuple(reason.text for reason in reasons if reason.field == field.name)
        one = _input(look, field, asked.required, given.get(field.name), codes, units or [], errors, event)
        when = None if asked.required else needed(look, definition, event, field.name, codes)
        found.append(replace(one, needed=when))
    return [replace(one, name=prefix + one.name) for one in found] if prefix else found


def in_a_row(
    look: Look, definition: Definition, names: Iterable[str], given: Mapping[str, Any], reasons: Sequence[Reason], prefix: str
) -> list[Input]:  # fmt: skip
    """Inputs for the row of a table, each in one line: codes as a menu, units typed or taken from a list of the page's."""
    codes, found = look.engine.laws.codes_on(today(look.engine)), []
    for name in names:
        errors = tuple(reason.text for reason in reasons if reason.field == name)
        one = _input(look, definition.fields[name], False, given.get(name), codes, (), errors)
        one = replace(one, type="menu") if one.type == "ticks" and not one.many else one
        found.append(replace(one, name=prefix + name))
    return found


def _input(
    look: Look, field: Field, required: bool, value: Any, codes: Mapping[str, Codes], units: Sequence[Party],
    errors: Sequence[Text], event: Event | None = None,
) -> Input:  # fmt: skip
    many = field.type in ("codes", "documents", "units", "persons")
    values = [] if value is None else list(value) if isinstance(value, (list, tuple)) else [value]
    plain: dict[str, Any] = {
        "name": field.name, "title": field.title, "many": many, "required": required, "errors": errors,
    }  # fmt: skip
    match field.type:
        case "code" | "codes":
            choices = every = list(codes[field.codes or ""].values.values())
            if event is not None and not many:
                choices = fitting(event, field.name, every)
            alone = required and len(choices) == 1 < len(every)
            options = [
                Option(value=code.id, title=look.words(code.title), chosen=alone or code.id in values) for code in choices
            ]  # fmt: skip
            return Input(
                type="ticks" if many or len(options) <= CHOICES else "menu", options=options, **plain
            )
        case "unit" | "units" if 0 < len(units) <= MOST:
            options = [Option(value=u.id, title=u.name, chosen=u.id in values) for u in units]
            return Input(type="ticks" if many else "menu", options=options, **plain)
        case "person" | "persons" if 0 < len(fit := _fit(look, field)) <= MOST:
            names = zip(fit, look.names.of(fit), strict=True)
            options = [Option(value=id_, title=name, chosen=id_ in values) for id_, name in names]
            return Input(type="ticks" if many else "menu", options=options, **plain)
        case "unit" | "units" | "person" | "persons":
            return Input(
                type="parties", value="、".join(_by_name(look, [str(one) for one in values])), **plain
            )
        case "document" | "documents":
            kept = [(str(d["name"]), look.seal(json.dumps(d, ensure_ascii=False))) for d in values]
            return Input(type="documents", kept=kept, **plain)
        case "text":
            kind = "line" if field.name in look.engine.library.console.one_line else "text"
            return Input(type=kind, value="" if value is None else str(value), **plain)
        case "boolean":
            told = {True: "true", False: "false"}.get(value, "") if isinstance(value, bool) else ""
            return Input(type="boolean", value=told, **plain)
    return Input(type=field.type, value="" if value is None else str(value), **plain)


def _fit(look: Look, field: Field) -> list[str]:
    """Who may be named, where the field says in which roles."""
    if not field.roles or look.case is None:
        return []
    return access.holders(look.engine, field.roles, look.case.tenant)


def _by_name(look: Look, values: Sequence[str]) -> list[str]:
    """Those parties as a person writes them: by name, where only one has it; what is no id stands as it was typed."""
    if not values:
        return []
    register = look.engine.parties
    known = {p.id: p.name for p in register.find(ids=values, actor=look.actor, limit=len(values))}
    same = register.find(names=set(known.values()), actor=look.actor, limit=READ) if known else ()
    held = Counter(party.name for party in same)
    return [name if held[name := known.get(value, "")] == 1 else value for value in values]


def units_here(look: Look) -> list[Party]:
    """The units that can be given something to do here, by name, if they fit into a menu; and his own, which may be a station.

    A unit's roles reach as far down as its congress: a bureau of a county does nothing with what is the city's.
    """
    day, own = today(look.engine), {grant.unit for grant in look.grants if grant.unit}
    where = {look.case.tenant} if look.case is not None else {grant.scope for grant in look.grants}
    found = [
        unit for unit in look.engine.parties.find(kind="unit", actor=look.actor, on=day, limit=READ)
        if any(f"{tenant}/".startswith(f"{unit.tenant}/") for tenant in where)
    ]  # fmt: skip
    if missing := own - {party.id for party in found}:
        found += look.engine.parties.find(ids=missing, actor=look.actor, on=day)
    return sorted(found, key=lambda party: domain.names.spelt(party.name)) if len(found) <= MOST else []


def with_digest(
    look: Look, definition: Definition, asked: Sequence[Input], shown: Mapping[str, Any]
) -> list[Input]:
    """The digest of what is signed is the page's to work out, from the very texts that it shows; nobody types it."""
    signed = look.engine.library.console.signed.get(definition.name)
    if signed is None:
        return list(asked)
    digest = domain.drafts.text_hash(*(str(shown.get(name, "")) for name in signed.text))
    return [replace(one, type="hidden", value=digest) if one.name in signed.digests else one for one in asked]


# --- in


def sent(look: Look, definition: Definition, event: Event, prefix: str = "") -> dict[str, Any]:
    """What was sent, as the engine takes it; an empty input was not sent. Raises Misread with what was understood lost to nobody:
    the texts stand in the request and go back into the page.
    """
    return sent_of(look, definition, event.fields, prefix)


def sent_of(look: Look, definition: Definition, names: Iterable[str], prefix: str = "") -> dict[str, Any]:
    """The same of these fields."""
    found: dict[str, Any] = {}
    reasons: list[Reason] = []
    for name in names:
        try:
            value = _value(look, definition.fields[name], prefix)
        except Misread as error:
            reasons += error.reasons
            value = error.given.get(name) or texts_of(look, [name], prefix).get(name)
        if value not in (None, "", []):
            found[name] = value
    if reasons:
        raise Misread(reasons, found)
    return found


def taken_away(look: Look, event: Event, given: Mapping[str, Any]) -> dict[str, None]:
    """What stood in the form when it was opened, may be left blank and was emptied: blank from now on. An empty input that nobody
    touched says nothing.
    """
    return {
        asked.name: None for asked in event.form
        if not asked.required and asked.name not in given and f"{asked.name}{STOOD}" in look.request.form
    }  # fmt: skip


def came_marked(look: Look, event: Event) -> set[str]:
    """The fields that had a value of the case in the form that came in; but documents of it that cannot be shown again."""
    return {
        name
        for name in event.fields
        if f"{name}{STOOD}" in look.request.form and not _carried(look, "", name)[1]
    }


def as_sent(look: Look, event: Event, prefix: str = "") -> dict[str, Any]:
    """The texts of a form as they were typed, and the documents it carried, to stand in it again."""
    return texts_of(look, event.fields, prefix)


def texts_of(look: Look, names: Iterable[str], prefix: str = "") -> dict[str, Any]:
    """The same of these fields."""
    form, found = look.request.form, dict[str, Any]()
    for name in names:
        typed = form.getlist(prefix + name)
        if carried := _carried(look, prefix, name)[0]:
            found[name] = carried
        elif typed:
            found[name] = typed if len(typed) > 1 else typed[0]
    return found


def standing(error: Exception, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """What stands in a form that comes back with this error; `given`: what it was read as, or its texts."""
    return {**given, **error.given} if isinstance(error, Misread) else given


def _value(look: Look, field: Field, prefix: str) -> Any:
    form, name = look.request.form, prefix + field.name
    match field.type:
        case "text" | "date" | "month" | "code":
            return form.get(name, "").replace("\r\n", "\n").strip()
        case "codes":
            return form.getlist(name)
        case "boolean":
            return {"true": True, "false": False}.get(form.get(name, ""))
        case "integer":
            return _integer(field, form.get(name, "").strip())
        case "unit" | "person":
            found = _parties(look, field, form.getlist(name))
            return found[0] if found else None
        case "units" | "persons":
            return _parties(look, field, form.getlist(name))
        case "document" | "documents":
            documents = _documents(look, field, prefix)
            return documents if field.type == "documents" else _one_document(documents)
    return _case(look, form.get(name, "").strip())


def _integer(field: Field, text: str) -> int | None:
    if not text:
        return None
    if not re.fullmatch(r"-?[0-9]{1,15}", text):
        raise _misread(field, "须为整数", "must be a whole number")
    return int(text)


def _parties(look: Look, field: Field, values: Sequence[str]) -> list[str]:
    """Parties by id or by name. Raises Misread for a name nobody has, or several have."""
    texts = [text for value in values for part in _BETWEEN.split(value) if (text := part.strip())]
    if not texts:
        return []
    register = look.engine.parties
    by_id = {p.id for p in register.find(ids=texts, actor=look.actor, limit=len(texts))}
    named: dict[str, list[Party]] = {}
    by_id |= {text for text in texts if _ID.fullmatch(text) and text not in by_id and _acts(look, text)}
    rest = [text for text in texts if text not in by_id]
    for party in register.find(names=rest, actor=look.actor, limit=200) if rest else ():
        named.setdefault(party.name, []).append(party)
    return list(
        dict.fromkeys(text if text in by_id else _one(field, text, named.get(text, [])) for text in texts)
    )


def _acts(look: Look, person: str) -> bool:
    """Whether somebody who is in no register is known by a role he holds; anybody is where the host keeps no register."""
    known = bool(grants_of(look.engine, Actor(person=person)))
    return known or not look.engine.parties.find(actor=look.actor, limit=1)


def _one(field: Field, text: str, found: Sequence[Party]) -> str:
    if len(found) == 1:
        return found[0].id
    if not found:
        raise _misread(field, f"登记中没有“{text}”", f"nobody in the register is called {text}")
    ids = "、".join(party.id for party in found[:9])
    raise _misread(field, f"“{text}”有多个，请填代号：{ids}", f"several are called {text}: give one of {ids}")


def _documents(look: Look, field: Field, prefix: str) -> list[dict[str, Any]]:
    """Those kept before, as this very page named them, if they are still there, and those sent now. Raises Misread with what is
    kept lost to nobody: the others are not chosen again.
    """
    found, gone = _carried(look, prefix, field.name)
    wrong = [_misread(field, "请重新选择文件", "choose the file again")] if gone else []
    for upload in look.request.files.getlist(prefix + field.name):
        if upload.filename:
            try:
                found.append(_kept(look, field, upload))
            except Misread as error:
                wrong.append(error)
    if wrong:
        raise Misread([reason for one in wrong for reason in one.reasons], {field.name: found})
    return found


def _one_document(documents: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """Where there is room for one, what was chosen now takes the place of what was kept."""
    return documents[-1] if documents else None


def _carried(look: Look, prefix: str, name: str) -> tuple[list[dict[str, Any]], bool]:
    """The documents that this very page named and that are still there, and whether others are gone."""
    texts = [look.opened(sealed) for sealed in look.request.form.getlist(f"{prefix}{name}.kept")]
    known: list[dict[str, Any]] = [json.loads(text) for text in texts if text is not None]
    case = look.case.id if look.case else prefix.removesuffix(".") or None
    found = [one for one in known if still_named(look.desk, look.actor, {str(one["sha256"])}, case)]
    return found, len(found) < len(texts)


def _kept(look: Look, field: Field, upload: FileStorage) -> dict[str, Any]:
    """A file put on the shelf. Raises Misread for one that is not accepted: nobody types his form again for a picture."""
    name = str(upload.filename).rpartition("/")[2].rpartition("\\")[2]
    try:
        size = upload.stream.seek(0, SEEK_END)
        upload.stream.seek(0)
        kept = bring(look.desk, look.actor.person, upload.stream, name, size)
    except Problem as problem:
        if problem.code not in ("too_large", "media_refused"):
            raise
        raise _misread(field, f"“{name}”{problem.text.zh}", f"{name}: {problem.text.en}") from None
    return {part: getattr(kept, part) for part in ("sha256", "size", "media_type", "name")}


def _case(look: Look, text: str) -> str | None:
    """A case by number or id."""
    if not text:
        return None
    page = find(look.engine, look.actor, Filter(number=text), limit=2)
    return page.cases[0].id if len(page.cases) == 1 else text


def _misread(field: Field, zh: str, en: str) -> Misread:
    text = Text(f"{field.title.zh}：{zh}", f"{field.title.en}: {en}")
    return Misread([Reason(code="form.misread", text=text, field=field.name)])
