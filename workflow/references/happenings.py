"""What `start` and the events of a definition name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..shapes import Path
from ..vocabulary import Data
from .lookup import Lookup

__all__ = ["Happenings"]

OF_UNITS = ("unit", "units")
OF_PERSONS = ("person", "persons")
ONCE = ("text", "unit", "person", "code", "date", "month", "integer", "case")


class Happenings(Lookup):
    """Checks `start` and the section `events`."""

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
        self._once(path, entry)
        self._limits(path, entry)
        if "source" not in entry and "source" not in self.data:
            self._fault(path, "missing_key", "缺少 source（依据）", "source is missing", key=True)

    def _relates(self, path: Path, entry: Data) -> None:
        form = self._form(path, entry)
        if "automatic" in entry:  # of nobody's form: by what stands in the case
            form = {*(form or ()), *self.data.get("fields", {})}
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

    def _once(self, path: Path, entry: Data) -> None:
        """What makes a case the only one is asked for when it starts, and stands where a number would."""
        asked = entry.get("form", ())
        for index, name in enumerate(entry.get("once", ())):
            where = (*path, "once", index)
            if not self._known(where, name, "fields"):
                continue
            if name not in asked:
                zh, en = f"{name} 须为开始时的必填项", f"{name} has to be asked for, and needed, by this form"
                self._fault(where, "not_in_form", zh, en)
            if self.data["fields"][name].get("type") not in ONCE:
                zh, en = f"{name} 的类型须为 {'、'.join(ONCE)}", f"{name} has to be one of {', '.join(ONCE)}"
                self._fault(where, "field_type", zh, en)
        numbered = [name for name, event in self.data.get("events", {}).items() if "number" in event]
        if entry.get("once") and (numbered or "number" in entry):
            zh, en = (
                "有编号的案件以编号为唯一，不得再有 once",
                "a case with a number is the only one by that: no `once` beside it",
            )
            self._fault((*path, "once"), "name_twice", zh, en)

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
