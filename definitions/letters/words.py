"""What a document may say of a case: plain texts, lists and tables of texts, as an office writes them, and nothing else.

Everything is read through the engine as the person who asks sees it; a document for a unit holds besides only what that unit
may know (`addressed_to`), so a name that is kept from it does not come to it in a letter of the office. A field that is not
filled in is an empty text; one that is there and hidden says so; a name that no definition knows is a fault of the template.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from itertools import zip_longest
from typing import Any

from workflow import Actor, Case, Engine, HistoryEntry, NotFound
from workflow.model import Party

from ..cells import shown
from ..columns import today
from ..names import registered
from ..receptions import ZONE

__all__ = ["HIDDEN", "Words", "addressed_to", "answered", "cited", "ended", "points"]

HIDDEN = "（按要求不予透露）"
_POINT = re.compile(r"^\s*(?:[一二三四五六七八九十]+、|[（(][一二三四五六七八九十]+[)）]|\d+[.、．])\s*")
_TOLD = re.compile(r"(?:基本|现状)?情况|(?:存在的?)?问题|背景|案由|理由|现状")
"""how a point begins that tells and asks nothing"""
_UNFIT = re.compile(r"[\x00-\x08\x0b-\x1f\ufffe\uffff]")
SIGNED, JOINT = 26, 6
"""characters in a line of a signature; how far from the middle it is ended"""
JOINTS = (("（(", "、，）)"), ("", "局委会厅办院"))
"""where a name is ended best: before one of the first, after one of the others"""
PARTIES = ("person", "persons", "unit", "units")
DOCUMENTS = ("document", "documents")
DAYS = ("reception_on", "received_on")
"""what tells apart the days of a station and what was heard on them"""
BASIS = {"S": "依据", "B": "依据", "H": "参照", "X": "参照", "m": "参照"}
"""by how sure a number is (docs/language.md): law, or what others do"""


def addressed_to(engine: Engine, case: Case, unit: str) -> Case:
    """The case as who asks sees it, without what is kept from that unit."""
    theirs = engine.as_unit_sees(case.id, unit)
    data = {
        name: _both(value, theirs.data.get(name)) for name, value in case.data.items() if name in theirs.data
    }
    relations = {
        name: tuple(one for one in held if one in theirs.relations[name])
        for name, held in case.relations.items()
        if name in theirs.relations
    }
    gone = {*case.hidden, *theirs.hidden, *(case.data.keys() - data.keys())}
    party = case.party if case.party == theirs.party else None
    return case._replace(data=data, relations=relations, hidden=tuple(sorted(gone)), party=party)


def _both(mine: Any, theirs: Any) -> Any:
    return (
        [one for one in mine if one in theirs]
        if isinstance(mine, list) and isinstance(theirs, list)
        else mine
    )


def points(text: str) -> list[str]:
    """The numbered demands of a suggestion, to be answered one by one; the whole of it where nothing is numbered."""
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    found = [_POINT.sub("", line, count=1).rstrip("。；;") for line in lines if _POINT.match(line)]
    asked = [one for one in found if not _TOLD.match(one)]
    return (
        [one for one in asked if not one.endswith(("：", ":"))]  # that only leads to those below it
        or asked
        or found
        or [line.rstrip("。；;") for line in lines[:1]]
    )


def answered(points: Sequence[str], answers: str) -> list[tuple[str, str]]:
    """Each point with its answer: a line each, in the same order. What is left over goes to the last one."""
    lines = [_POINT.sub("", line, count=1).strip() for line in answers.split("\n") if line.strip()]
    if len(lines) > len(points):
        lines[len(points) - 1 :] = ["\n".join(lines[len(points) - 1 :])]
    return list(zip_longest(points, lines, fillvalue=""))


def cited(source: str) -> str:
    """A source as a Chinese letter cites it: its brackets as wide as its words."""
    return re.sub(r"\(([^()]*)\)\s*", r"（\1）", source)


def in_lines(name: str, most: int = SIGNED) -> str:
    """A name that is too long for the line of a signature as lines about as long as each other, ended where the name has a joint;
    `most`: characters in a line.
    """
    lines, rest = -(-len(name) // most), name
    found = []
    while lines > 1:
        even = round(len(rest) / lines)
        near = range(max(1, even - JOINT), min(even + JOINT, most, len(rest) - 1) + 1)
        joints = [
            at
            for opens, ends in JOINTS
            for at in sorted(near, key=lambda at: abs(at - even))
            if rest[at] in opens or rest[at - 1] in ends
        ]
        at = joints[0] if joints else even
        found.append(rest[:at])
        rest, lines = rest[at:], max(lines - 1, -(-(len(rest) - at) // most))
    return "\n".join([*found, rest])


def ended(text: str) -> str:
    """A sentence somebody typed, with its full stop."""
    text = text.rstrip()
    return f"{text}。" if text and text[-1] not in "。！？…；：" else text


class Words:
    """Turns what the engine tells of one case and its family into texts; the names of all parties are looked up at once."""

    def __init__(self, engine: Engine, actor: Actor | None, cases: Sequence[Case]) -> None:
        self.engine = engine
        self.actor = actor
        self.day = today(engine)
        self._names: dict[str, str] = {}
        self.meet(cases)

    def meet(self, cases: Iterable[Case]) -> None:
        """Look up the names of everybody in those cases."""
        self.learn(party for case in cases for party in _parties(self.engine, case))

    def learn(self, parties: Iterable[str]) -> None:
        """Look up those names that are not known yet."""
        wanted = sorted({party for party in parties if party and party not in self._names})
        self._names |= {party.id: party.name for party in registered(self.engine, wanted).values()}

    def name(self, party: str) -> str:
        """The name of a party; its id where the register has none."""
        return clean(self._names.get(party, party))

    def named(self, case: Case) -> str:
        """How a file of a case without a number is called: whose it is, its day, what it is about; else its id."""
        station = "、".join(self.name(one) for one in case.relations.get("station", ()))
        about = next((str(case.data[name]) for name in ("title", "subject") if case.data.get(name)), "")
        day = next((str(case.data[name]) for name in DAYS if case.data.get(name)), "")
        return " ".join(clean(part) for part in (station, day, about) if part) or case.id

    # -- one case

    def of(self, case: Case, clocks: Sequence[str] = ()) -> dict[str, Any]:
        """A case as texts: `data` and `code` by field, `party` and `count` by relation, `clock` by name."""
        definition = self._definition(case)
        data = {name: self.value(case, name) for name in definition.fields}
        return {
            "id": case.id, "number": clean(case.number or ""), "called": self.called(case),
            "met": self.met(case), "item": self.item(case), "kind": definition.title.zh,
            "state": definition.states[case.state].title.zh, "opened_on": written(case.opened_on), "data": data,
            "code": {name: str(case.data.get(name) or "").rpartition(":")[2] for name, f in definition.fields.items() if f.codes},
            "boxes": {name: self._boxes(f.codes) for name, f in definition.fields.items() if f.codes},
            "party": {name: self.parties(case, name) for name in definition.relations},
            "count": {name: len(case.relations.get(name, ())) for name in definition.relations},
            "clock": {name: self._clock(case, name) for name in clocks},
        }  # fmt: skip

    def _boxes(self, codes: str) -> str:
        """The values of the place, to be ticked on paper."""
        values = self.engine.laws.codes_on(self.day)[codes].values.values()
        return "　　".join(f"□{code.title.zh}" for code in values)

    def value(self, case: Case, name: str) -> str:
        """One field in words."""
        if name in case.hidden:
            return HIDDEN
        return self.worded(case, name, case.data.get(name))

    def worded(self, case: Case, name: str, value: Any) -> str:
        """A value of a field in words."""
        field = self._definition(case).fields.get(name)
        if value is None or field is None:
            return ""
        if isinstance(value, list):
            return "、".join(self.worded(case, name, one) for one in value)
        if field.codes:
            values = self.engine.library.codes[field.codes].values  # those of an old record, too
            return values[value].title.zh if value in values else str(value)
        return self._plain(field.type, value)

    def _plain(self, type_: str, value: Any) -> str:
        if type_ in PARTIES:
            return self.name(str(value))
        if type_ in DOCUMENTS:
            return f"《{clean(value['name'].rpartition('.')[0] or value['name'])}》"
        if type_ == "date":
            return written(str(value))
        if type_ == "case":
            return self._of_case(str(value))
        return clean(shown(value))

    def _of_case(self, id_: str) -> str:
        """How another case is called; of one that this person may not know of, nothing."""
        try:
            found = self.engine.case(id_, actor=self.actor)
        except NotFound:
            return ""
        return f"{self._definition(found).title.zh}《{clean(str(found.data.get('title') or self.named(found)))}》"

    def type_of(self, case: Case, name: str) -> str:
        """The type of a field; nothing for what is none."""
        field = self._definition(case).fields.get(name)
        return field.type if field else ""

    def state(self, case: Case) -> str:
        """The state in words."""
        return str(self._definition(case).states[case.state].title.zh)

    def parties(self, case: Case, relation: str) -> str:
        """The names of those in a relation."""
        if relation in case.hidden:
            return HIDDEN
        return "、".join(self.name(one) for one in case.relations.get(relation, ()))

    def called(self, case: Case) -> str:
        """How a letter calls it: 咸宁市六届人大五次会议第001号建议."""
        return self.met(case) + self.item(case)

    def met(self, case: Case) -> str:
        """Of which meeting: 咸宁市六届人大五次会议; nothing for what has no number."""
        congress, session = (clean(str(case.data.get(name) or "")) for name in ("congress", "session"))
        place = self.congress(case).removesuffix("人民代表大会").removesuffix("人大") if case.number else ""
        return f"{place}{congress}人大{session}会议" if place and congress and session else place

    def meeting(self, case: Case) -> str:
        """六届五次, as a table says it; of what came between sessions, the session it is counted with."""
        said = (clean(str(case.data.get(name) or "")) for name in ("congress", "session"))
        return "".join(said).removesuffix("会议")

    def item(self, case: Case) -> str:
        """第001号建议; its title where it has no number."""
        if not case.number:
            return f"《{clean(str(case.data.get('title') or case.id))}》"
        return clean(case.number) + ("" if "议案" in case.number else "建议")

    def congress(self, case: Case) -> str:
        """The name of the congress whose case it is."""
        found = self._congress(case)
        return clean(found.name) if found else "人民代表大会"

    def contact(self, case: Case) -> str:
        """Whom to ask at its office, and the number; nothing where the register does not say."""
        found = self._congress(case)
        return clean(str((found.attributes if found else {}).get("contact") or ""))

    def _congress(self, case: Case) -> Party | None:
        found = self.engine.parties.find(kind="congress", tenant=case.tenant, limit=20)
        return next((party for party in found if party.tenant == case.tenant), None)

    def office(self, case: Case) -> str:
        """The office of that congress's standing committee: whose letters these are, and where every answer goes."""
        name = self.congress(case)
        return f"{name}常务委员会办公室" if name.endswith("人民代表大会") else f"{name}常委会办公室"

    def _clock(self, case: Case, name: str) -> dict[str, str]:
        view = next((clock for clock in case.clocks if clock.name == name), None)
        if view is None:
            return dict.fromkeys(
                ("title", "from", "due", "outer", "sentence", "source", "basis", "provisional"), ""
            )
        try:
            told = self.engine.explain(case.id, name, actor=self.actor)
            sentence, source = told.sentence.zh, told.source
        except NotFound:
            sentence, source = "", view.source
        return {
            "title": view.title.zh, "from": written(view.anchor_on.isoformat()), "due": written(view.due_on.isoformat()),
            "outer": written(view.outer_on.isoformat()) if view.outer_on else "", "sentence": clean(sentence),
            "source": cited(clean(source)), "basis": self._basis(view.rule, clean(source)),
            "provisional": "（暂定）" if view.provisional else "",
        }  # fmt: skip

    def _basis(self, rule: str, source: str) -> str:
        """On what the day rests: law is its ground (依据), what other places do an example (参照), our own default neither."""
        said = cited(source)
        found = (one for one in self.engine.laws.book.rules if (one.id, clean(one.source)) == (rule, source))
        word = BASIS.get(next((one.confidence for one in found), ""))
        return f"{word}：{said}。" if word and said else ""

    # -- what happened

    def lines(self, case: Case, history: Sequence[HistoryEntry]) -> list[dict[str, Any]]:
        """The whole history: when, what, who, what was given (with the fields' names, and by field), the hash."""
        self.learn(party for line in history for party in _named(self._definition(case), line.data))
        self.learn(person for line in history for person in (line.actor, line.on_behalf_of) if person)
        return [self._line(case, line) for line in history]

    def _line(self, case: Case, line: HistoryEntry) -> dict[str, Any]:
        definition = self._definition(case)
        law = self.engine.laws.pinned(line.definition).definition  # the version that held then
        event = law.start if line.event == "start" else law.events.get(line.event)
        states = law.states
        given = {
            name: said.rstrip("。；")
            for name, value in line.data.items()
            if name in definition.fields and (said := self.worded(case, name, value))
        }
        what = [f"{definition.fields[name].title.zh}：{said}" for name, said in given.items()]
        what += [f"{definition.fields[n].title.zh}：{HIDDEN}" for n in line.hidden if n in definition.fields]
        what += [
            f"{definition.fields[n].title.zh}：（已删除）" for n in line.erased if n in definition.fields
        ]
        return {
            "seq": str(line.seq), "on": written(line.effective_on), "at": moment(line.recorded_at),
            "act": line.event, "event": event.title.zh if event else line.event, "who": self._who(line),
            "to": states[line.to_state].title.zh if line.to_state in states else "",
            "what": "；".join(what), "given": given, "hash": line.hash,
        }  # fmt: skip

    def _who(self, line: HistoryEntry) -> str:
        if line.automatic in ("notice", "lapse"):  # what follows from an act has the name of who did that
            return "（期限届满自动记录）"
        name = HIDDEN if line.actor.startswith("the ") or not line.actor else self.name(line.actor)
        behalf = f"（代{self.name(line.on_behalf_of)}）" if line.on_behalf_of else ""
        role = self.engine.library.roles.values.get(line.role or "")
        unit = f"{self.name(line.unit)} " if line.unit else ""
        link = "（凭链接）" if line.by_link else ""
        return f"{unit}{role.title.zh if role else ''} {name}{behalf}{link}".strip()

    def papers(self, cases: Sequence[Case]) -> list[dict[str, str]]:
        """Every document that those cases name, each once, in the order of the cases and their fields."""
        found: dict[str, dict[str, str]] = {}
        for case in cases:
            for name, field in self._definition(case).fields.items():
                value = case.data.get(name)
                if field.type in DOCUMENTS and value:
                    for paper in value if isinstance(value, list) else [value]:
                        row = {
                            "what": field.title.zh,
                            "name": clean(paper["name"]),
                            "sha256": paper["sha256"],
                            "of": self._definition(case).title.zh,
                        }
                        found.setdefault(paper["sha256"] + name + case.id, row)
        return [{"no": str(number), **row} for number, row in enumerate(found.values(), 1)]

    def _definition(self, case: Case) -> Any:
        return self.engine.laws.pinned(case.definition).definition


def clean(text: str) -> str:
    """A text that a Word file can hold."""
    return _UNFIT.sub("", text.replace("\r\n", "\n").replace("\t", " "))


def written(day: str | date | None) -> str:
    """A civil date as a letter writes it; of a partial one what is known."""
    parts = str(day or "").split("-")
    return "".join(
        f"{int(part)}{unit}" for part, unit in zip(parts, "年月日", strict=False) if part.isdigit()
    )


def moment(instant: datetime) -> str:
    """An instant as China's clocks show it."""
    return instant.astimezone(ZONE).strftime("%Y-%m-%d %H:%M")


def civil(instant: datetime) -> date:
    """China's civil day of an instant."""
    return instant.astimezone(ZONE).date()


def _parties(engine: Engine, case: Case) -> Iterable[str]:
    definition = engine.laws.pinned(case.definition).definition
    for held in case.relations.values():
        yield from held
    if case.party:
        yield case.party
    yield from _named(definition, case.data)


def _named(definition: Any, data: Mapping[str, Any]) -> Iterable[str]:
    for name, field in definition.fields.items():
        if field.type in PARTIES and (value := data.get(name)):
            yield from value if isinstance(value, list) else [str(value)]
