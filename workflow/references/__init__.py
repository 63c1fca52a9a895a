"""Whether what a definition names is there, and of the right kind: states, roles, fields, rules, children, guards.

Works on plain data that already have their shape, though parts of them may have been refused: what is
missing is passed over here, so that one mistake is told once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from ..assembly import parse_holder
from ..periods import PERIODS
from ..shapes import Path
from ..vocabulary import ENDED, FIELD_FACTS, SLOT_FACTS, Data, entries
from .lookup import Lookup

__all__ = ["References"]

TIMERS = ("notice", "lapse")
OF_UNITS = ("unit", "units")
OF_PERSONS = ("person", "persons")


class References(Lookup):
    """Checks one definition file against itself and the world."""

    def check(self) -> None:
        """Note every fault."""
        self._known(("initial",), self.data.get("initial"), "states")
        self._names()
        for index, text in enumerate(self.data.get("barred", ())):
            self._relation(parse_holder(f"the {text}"), ("barred", index), None)
        self._holders(("seen_by",), self.data.get("seen_by"))
        for name, entry in entries(self.data, "hides"):
            self._hide(("hides", name), entry)
        self._unseen()
        for index, name in enumerate(self.data.get("similar", ())):
            self._similar(("similar", index), name)
        for name, entry in entries(self.data, "fields"):
            self._field(("fields", name), entry)
        for name, entry in entries(self.data, "states"):
            self._holders(("states", name, "holder"), entry.get("holder", ()))
            if entry.get("end") and entry.get("holder"):
                self._fault(
                    ("states", name, "holder"),
                    "end_with_holder",
                    "结束状态没有承办人",
                    "an end has no holder",
                )
        start = self.data.get("start", {})
        self._happening(("start",), start)
        self._lands(("initial",), start, self.data.get("initial"))
        if ("zh" in start) != ("en" in start):
            self._fault(("start",), "missing_key", "zh 与 en 须同时给出", "zh and en go together", key=True)
        for name, entry in entries(self.data, "events"):
            self._event(("events", name), entry)
        for name, entry in entries(self.data, "clocks"):
            self._clock(("clocks", name), entry)
        for name, entry in entries(self.data, "children"):
            self._slot(("children", name), entry)
        self._linked()

    def _similar(self, path: Path, name: str) -> None:
        declared = self.data.get("fields", {}).get(name)
        if self._known(path, name, "fields") and declared is not None and declared.get("type") != "text":
            self._fault(path, "not_a_text", f"{name} 不是文字字段", f"{name} is no text field")

    def _names(self) -> None:
        """Fields, relations and children share the guards' name space."""
        seen: dict[str, str] = {}
        for section in ("fields", "relations", "children"):
            for name in self._declared(section):
                if name in seen:
                    self._fault(
                        (section, name),
                        "name_twice",
                        f"{name} 已用于 {seen[name]}",
                        f"{name} is already used in {seen[name]}",
                        key=True,
                    )
                seen.setdefault(name, section)

    def _link(self, path: Path, entry: Data) -> None:
        """A field that points to another case of a declared kind."""
        of, known = entry.get("of"), self.world.definitions
        if entry.get("type") != "case":
            zh, en = "只有 case 字段才有 of", "only a case field has `of`"
            self._fault((*path, "of"), "too_many_keys", zh, en, key=True)
            return
        if not self._is_out_there((*path, "of"), of, known, "unknown_definition", "定义", "definition"):
            return
        for state in known[str(of)].get("states", {}).keys() & {*FIELD_FACTS, ENDED}:
            zh = f"{of} 的状态 {state} 与条件中的 {path[-1]}.{state} 重名"
            self._fault(
                (*path, "of"),
                "fact_collision",
                zh,
                f"the state {state} of {of} collides with {path[-1]}.{state}",
            )

    def _linked(self) -> None:
        """Another case is asked only where it can be held while the event is decided: in a person's own act."""
        links = {name for data in self._families() for name, f in entries(data, "fields") if "of" in f}
        for path, guard in self.guards.items():
            event = self.data.get("events", {}).get(path[1], {}) if path[0] == "events" else {}
            for name in sorted(guard.names):
                head, _, question = name.removeprefix("root.").partition(".")
                if head in links and question not in ("", *FIELD_FACTS) and "by" not in event:
                    zh, en = (
                        f"{name} 只能在由人进行的事件中询问",
                        f"{name} can be asked only in an event that a person fires",
                    )
                    self._fault(path, "link_not_here", zh, en)

    def _field(self, path: Path, entry: Data) -> None:
        if "of" in entry:
            self._link(path, entry)
        coded = entry.get("type") in ("code", "codes")
        if coded and "codes" not in entry:
            self._fault(path, "missing_key", "代码字段须写明 codes", "a code field names its codes", key=True)
        if "codes" in entry and not coded and "type" in entry:
            self._fault(
                (*path, "codes"),
                "too_many_keys",
                "只有代码字段才有 codes",
                "only a code field has codes",
                key=True,
            )
        known = self.world.codes
        if not self._is_out_there(
            (*path, "codes"), entry.get("codes"), known, "unknown_codes", "代码表", "code list"
        ):
            return
        for fact in known[entry["codes"]].meanings.keys() & FIELD_FACTS.keys():
            self._fault(
                (*path, "codes"),
                "fact_collision",
                f"{entry['codes']} 的含义 {fact} 与条件中的 {path[-1]}.{fact} 重名",
                f"the meaning {fact} of {entry['codes']} collides with {path[-1]}.{fact} in guards",
            )

    def _hide(self, path: Path, entry: Data) -> None:
        for section in ("fields", "relations", "events"):
            self._all_known((*path, section), entry.get(section), section)
        if not entry.keys() & {"fields", "relations", "events"}:
            zh, en = "没有写明隐去什么", "it hides nothing: fields, relations or events"
            self._fault(path, "missing_key", zh, en, key=True)
        for index, text in enumerate(entry.get("from", ())):
            self._relation(parse_holder(f"the {text}"), (*path, "from", index), None)
        self._holders((*path, "seen_by"), entry.get("seen_by"))
        where: Path = (*path, "when")
        self._guard(where, entry.get("when"))
        guard = self.guards.get(where)
        for name in sorted(guard.names) if guard else ():
            head = name.removeprefix("root.").partition(".")[0]
            if head in ("clock", "round") or any(
                head in data.get("children", {}) for data in self._families()
            ):
                zh, en = (
                    f"此处不能问 {name}，只能问字段、关系与规则",
                    f"{name} cannot be asked here: fields, relations and rules only",
                )
                self._fault(where, "guard_not_allowed", zh, en)

    def _families(self) -> Iterator[Data]:
        yield self.data
        yield from (parent for parent, _ in self.parents)

    def _unseen(self) -> None:
        """Where a definition says who sees its cases, whoever waits, acts or is told there is one of those."""
        if "seen_by" not in self.data:
            return
        seen = {parse_holder(text) for text in self.data["seen_by"]}
        for path, text in self._involved():
            one = parse_holder(text)
            wider = {one, replace(one, office=None), replace(one, relation=None, of_root=False)}
            if not seen & wider:
                self._fault(
                    path, "acts_unseen", f"“{text}”不在 seen_by 之列", f"“{text}” is not among `seen_by`"
                )

    def _involved(self) -> Iterator[tuple[Path, str]]:
        for name, state in entries(self.data, "states"):
            yield from self._listed(("states", name, "holder"), state.get("holder"))
        yield from self._listed(("start", "tells"), self.data.get("start", {}).get("tells"))
        for name, event in entries(self.data, "events"):
            for key in ("by", "tells"):
                yield from self._listed(("events", name, key), event.get(key))

    @staticmethod
    def _listed(path: Path, texts: Any) -> Iterator[tuple[Path, str]]:
        for index, text in enumerate(texts or ()):
            yield (*path, index), text

    def _event(self, path: Path, entry: Data) -> None:
        for where, move in self._moves(path, entry):
            self._all_known((*where, "from"), move.get("from"), "states")
            self._known((*where, "to"), move.get("to"), "states")
            self._guard((*where, "when"), move.get("when") if where != path else None)
            self._lands((*where, "to"), entry, move.get("to"))
        if "moves" in entry and "to" in entry:
            self._fault((*path, "to"), "too_many_keys", "moves 已写明去向", "moves says where to", key=True)
        self._shadowed(path, entry)
        self._happening(path, entry)

    @staticmethod
    def _moves(path: Path, entry: Data) -> Iterator[tuple[Path, Data]]:
        if "moves" not in entry:
            yield path, entry
        for index, move in enumerate(entry.get("moves", ())):
            yield (*path, "moves", index), move

    def _shadowed(self, path: Path, entry: Data) -> None:
        """The first move whose guard holds is taken: behind one without a guard none is ever tried."""
        certain: set[str] = set()
        for index, move in enumerate(entry.get("moves", ())):
            for number, state in enumerate(move.get("from", ())):
                if state in certain:
                    self._fault(
                        (*path, "moves", index, "from", number),
                        "never_taken",
                        f"前面已有无条件离开 {state} 的一步，此步不会发生",
                        f"an earlier move leaves {state} without condition: this one is never taken",
                    )
            if "when" not in move:
                certain.update(move.get("from", ()))

    def _lands(self, path: Path, entry: Data, target: Any) -> None:
        if "automatic" in entry and self.data.get("states", {}).get(target, {}).get("decided"):
            self._fault(
                path,
                "automatic_decision",
                f"{target} 只能由人决定，自动事件不得到达",
                f"{target} is a person's decision: no automatic event leads there",
            )

    def _happening(self, path: Path, entry: Data) -> None:
        """What `start` and every event have in common."""
        self._holders((*path, "by"), entry.get("by"), acting=True)
        self._holders((*path, "tells"), entry.get("tells"))
        for index, text in enumerate(entry.get("form", ())):
            self._known((*path, "form", index), text.removesuffix("?"), "fields")
        self._guard((*path, "when"), entry.get("when"))
        for index, other in enumerate(entry.get("not_by", ())):
            if self._known((*path, "not_by", index), other, "events", start=True) and self._automatic(other):
                self._fault(
                    (*path, "not_by", index), "not_a_person", f"{other} 不由人进行", f"nobody fires {other}"
                )
        self._relates(path, entry)
        self._all_known((*path, "unrelates"), entry.get("unrelates"), "relations")
        self._all_known((*path, "opens"), entry.get("opens"), "children")
        self._ends(path, entry)
        self._raises(path, entry)
        self._begets(path, entry)
        self._number(path, entry)
        self._limits(path, entry)
        if "source" not in entry and "source" not in self.data:
            self._fault(path, "missing_key", "缺少 source（依据）", "source is missing", key=True)

    def _relates(self, path: Path, entry: Data) -> None:
        form = self._form(path, entry)
        for relation, name in entry.get("relates", {}).items():
            where = (*path, "relates", relation)
            found = form is None or self._is(
                where, name, form, "not_in_form", "表单字段", "field of this event's form"
            )
            if not self._known_key(where, relation, "relations") or not found:
                continue
            of = self.data.get("relations", {}).get(relation, {})
            kind = self.data.get("fields", {}).get(name, {}).get("type")
            fitting: tuple[str, ...] = OF_UNITS if of.get("of") == "unit" else OF_PERSONS
            if of.get("one"):
                fitting = fitting[:1]
            if of and kind and kind not in fitting:
                allowed = ", ".join(fitting)
                zh = f"{name} 的类型是 {kind}，此处须为 {allowed}"
                self._fault(where, "relation_kind", zh, f"{name} is a {kind}; needed: {allowed}")

    def _ends(self, path: Path, entry: Data) -> None:
        for slot, event in entry.get("ends", {}).items():
            where = (*path, "ends", slot)
            if not self._known_key(where, slot, "children"):
                continue
            child = self._child(slot)
            if child is not None:
                self._joins(where, event, child)

    def _child(self, slot: str) -> Data | None:
        name = self.data.get("children", {}).get(slot, {}).get("definition")
        return self.world.definitions.get(name)

    def _joins(self, path: Path, event: Any, data: Data) -> None:
        """The event is there and is one that another case may set off."""
        owner = data.get("definition")
        known = data.get("events", {})
        if not self._is(path, event, known, "unknown_event", f"事件（{owner}）", f"event of {owner}"):
            return
        if known[event].get("automatic") != "join":
            self._fault(
                path,
                "not_a_join",
                f"{owner} 的 {event} 须为 automatic: join",
                f"{event} of {owner} must be automatic: join",
            )

    def _raises(self, path: Path, entry: Data) -> None:
        if "raises" not in entry:
            return
        if not self.parents and self.world.families_known:
            self._fault(
                (*path, "raises"), "no_root", "此定义不是任何定义的子案", "this is no definition's child"
            )
        for parent, _ in self.parents:
            self._joins((*path, "raises"), entry["raises"], parent)

    def _begets(self, path: Path, entry: Data) -> None:
        known = self.world.definitions
        self._is_out_there(
            (*path, "begets"), entry.get("begets"), known, "unknown_definition", "定义", "definition"
        )
        other = known.get(str(entry.get("begets")), {})
        kind = other.get("fields", {}).get("arises_from", {}).get("type", "case")
        if kind != "case":
            zh, en = (
                f"{entry['begets']} 的 arises_from 须为 case",
                f"arises_from of {entry['begets']} must be a case",
            )
            self._fault((*path, "begets"), "field_type", zh, en)

    def _number(self, path: Path, entry: Data) -> None:
        name = entry.get("number")
        known = self.world.series
        if (
            self._is_out_there((*path, "number"), name, known, "unknown_series", "编号序列", "series")
            and name is not None
        ):
            for field in self.world.series[name]:
                if field not in self._declared("fields"):
                    self._fault(
                        (*path, "number"),
                        "unknown_field",
                        f"编号 {name} 需要字段 {field}",
                        f"the series {name} counts by the field {field}, which is not there",
                    )

    def _limits(self, path: Path, entry: Data) -> None:
        given = entry.get("round")
        if isinstance(given, dict):
            self._rule((*path, "round", "rule"), given.get("rule"), ("times",))
            self._known((*path, "round", "per"), given.get("per"), "relations")
        else:
            self._rule((*path, "round"), given, ("times",))
        if "round" in entry and "unbounded" in entry:
            self._fault(
                (*path, "unbounded"),
                "too_many_keys",
                "round 与 unbounded 只能有其一",
                "either round or unbounded",
                key=True,
            )
        backdate = entry.get("backdate", {})
        self._holders((*path, "backdate", "by"), backdate.get("by"), acting=True)
        self._rule((*path, "backdate", "rule"), backdate.get("rule"), ("calendar_day",))
        if "backdate" in entry and "automatic" in entry:
            self._fault(
                (*path, "backdate"),
                "not_a_person",
                "自动事件不能补记日期",
                "an automatic event cannot be backdated",
                key=True,
            )

    def _clock(self, path: Path, entry: Data) -> None:
        for where, one in self._rules(path, entry):
            rule, outer = one.get("rule"), entry.get("outer")
            if self._rule((*where, "rule"), rule, (*sorted(PERIODS), "date")) and outer is not None:
                self._outer((*path, "outer"), str(rule), outer)
        for key in ("starts", "stops", "suspends", "resumes"):
            self._all_known((*path, key), entry.get(key), "events", start=True)
        missed = entry.get("missed")
        if self._known((*path, "missed"), missed, "events") and self._automatic(str(missed)) not in TIMERS:
            self._fault(
                (*path, "missed"),
                "not_a_timer",
                f"{missed} 须为 automatic: notice 或 lapse",
                f"{missed} must be automatic: notice or lapse",
            )
        self._anew((*path, "anew"), entry)
        for event in entry.get("starts", ()):
            self._date((*path, "anchor"), entry.get("anchor"), event)
        for event, name in entry.get("extends", {}).items():
            if self._known_key((*path, "extends", event), event, "events"):
                self._date((*path, "extends", event), name, event)

    def _rules(self, path: Path, entry: Data) -> Iterator[tuple[Path, Data]]:
        """The rule of a clock, or those it may follow: the last without condition, so that there is always one."""
        if "rules" not in entry:
            yield path, entry
        last = len(entry.get("rules", ())) - 1
        for index, one in enumerate(entry.get("rules", ())):
            where: Path = (*path, "rules", index)
            self._guard((*where, "when"), one.get("when"))
            if index < last and "when" not in one:
                zh, en = (
                    "前面的规则无条件，其后的不会适用",
                    "without condition: the rules behind it are never taken",
                )
                self._fault(where, "never_taken", zh, en)
            if index == last and "when" in one:
                zh, en = (
                    "最后一条规则不能有条件，否则可能无规则可用",
                    "the last rule has no condition, so that there is always one",
                )
                self._fault((*where, "when"), "rule_open", zh, en, key=True)
            yield where, one

    def _anew(self, path: Path, entry: Data) -> None:
        for event, switch in entry.get("anew", {}).items():
            self._known_key((*path, event), event, "events")
            if self._rule((*path, event), switch, ("switch",)):
                self._yes_or_no((*path, event), switch)
        named = {entry.get("rule"), *(one.get("rule") for one in entry.get("rules", ()))}
        laws = (found for book in self.world.books for found in book.rules if found.id in named)
        statutory = any(law.statutory for law in laws)
        if "suspends" in entry and statutory:
            zh, en = "法定期限不得中止", "a statutory clock cannot be suspended"
            self._fault((*path[:-1], "suspends"), "statutory_suspended", zh, en, key=True)
        if "anew" in entry and statutory:
            self._fault(
                path,
                "statutory_anew",
                "法定期限只自其起算事件计算",
                "a statutory clock counts from the event that started it and no other",
                key=True,
            )

    def _yes_or_no(self, path: Path, switch: str) -> None:
        values = {found.value for book in self.world.books for found in book.rules if found.id == switch}
        if not values <= {True, False}:
            zh = f"开关 {switch} 应为 true 或 false"
            self._fault(path, "rule_unit", zh, f"the switch {switch} needs to be true or false")

    def _outer(self, path: Path, rule: str, outer: str) -> None:
        for book in self.world.books:
            for found in book.rules:
                if found.id == rule and found.outer != outer:
                    self._fault(
                        path,
                        "outer_mismatch",
                        f"{book.place} 的规则 {rule} 的最迟期限是 {found.outer}",
                        f"in {book.place} the outer limit of {rule} is {found.outer}",
                    )
                    return

    def _date(self, path: Path, name: Any, event: str) -> None:
        """That is a date the event's form asks for."""
        where: Path = ("start",) if event == "start" else ("events", event)
        entry = self.data.get("start") if event == "start" else self.data.get("events", {}).get(event)
        if name is None or entry is None or not self._known(path, name, "fields"):
            return
        form = self._form(where, entry)
        if form is not None and name not in form:
            self._fault(
                path,
                "not_in_form",
                f"{event} 的表单没有 {name}",
                f"the form of {event} does not ask for {name}",
            )
        kind = self.data.get("fields", {}).get(name, {}).get("type")
        if kind not in (None, "date"):
            self._fault(path, "not_a_date", f"{name} 不是日期字段", f"{name} is not a date")

    def _slot(self, path: Path, entry: Data) -> None:
        self._pairs(path, entry)
        self._known((*path, "one_per"), entry.get("one_per"), "relations")
        self._known((*path, "or_after"), entry.get("or_after"), "clocks")
        if entry.get("join") not in (None, "all", "any"):
            self._rule((*path, "join"), entry["join"], ("times",))
        if "then" in entry:
            self._joins((*path, "then"), entry["then"], self.data)
        if self.parents:
            self._fault(path, "nested_family", "子案不能再有子案", "a child has no children", key=True)
        name = entry.get("definition")
        known = self.world.definitions
        if self._is_out_there((*path, "definition"), name, known, "unknown_definition", "定义", "definition"):
            self._of_child(path, entry, known[str(name)])

    def _pairs(self, path: Path, entry: Data) -> None:
        """Keys that only make sense together."""
        if entry.get("overlay") is False:
            self._fault((*path, "overlay"), "bad_choice", "overlay 只能为 true", "overlay can only be true")
        for key in ("done", "or_after", "then"):
            if key in entry and "overlay" in entry and "join" not in entry:
                self._fault(
                    (*path, key),
                    "too_many_keys",
                    "overlay 不等待子案",
                    "an overlay is never waited for",
                    key=True,
                )
        for key, other in (("one_per", "as"), ("as", "one_per")):
            if key in entry and other not in entry:
                self._fault(
                    (*path, key),
                    "missing_key",
                    f"{key} 须与 {other} 同时给出",
                    f"{key} needs {other}",
                    key=True,
                )

    def _of_child(self, path: Path, entry: Data, child: Data) -> None:
        owner = child.get("definition")
        states = child.get("states", {})
        for index, state in enumerate(entry.get("done", ())):
            self._is(
                (*path, "done", index),
                state,
                states,
                "unknown_state",
                f"状态（{owner}）",
                f"state of {owner}",
            )
        for state in states:
            if state in SLOT_FACTS:
                self._fault(
                    path,
                    "fact_collision",
                    f"{owner} 的状态 {state} 与条件中的 {path[-1]}.{state} 重名",
                    f"the state {state} of {owner} collides with {path[-1]}.{state} in guards",
                    key=True,
                )
        self._as((*path, "as"), entry, child)
        for index, name in enumerate(entry.get("carries", ())):
            self._carried((*path, "carries", index), name, child)

    def _as(self, path: Path, entry: Data, child: Data) -> None:
        relations, owner = child.get("relations", {}), child.get("definition")
        name = entry.get("as")
        if not self._is(
            path, name, relations, "unknown_relation", f"关系（{owner}）", f"relation of {owner}"
        ):
            return
        mine = self.data.get("relations", {}).get(entry.get("one_per", ""), {}).get("of")
        kind = relations[name].get("of")
        if mine and kind and mine != kind:
            zh = f"{owner} 的 {name} 属于 {kind}，此处须为 {mine}"
            self._fault(path, "relation_kind", zh, f"{name} of {owner} is of a {kind}, not a {mine}")

    def _carried(self, path: Path, name: str, child: Data) -> None:
        owner, fields = child.get("definition"), child.get("fields", {})
        mine = self._known(path, name, "fields")
        if (
            not self._is(path, name, fields, "unknown_field", f"字段（{owner}）", f"field of {owner}")
            or not mine
        ):
            return
        one, other = self.data.get("fields", {}).get(name, {}), fields[name]
        if (one.get("type"), one.get("codes")) != (other.get("type"), other.get("codes")) and one:
            self._fault(
                path, "field_type", f"{name} 在 {owner} 中类型不同", f"{name} has another type in {owner}"
            )
