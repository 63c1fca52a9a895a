"""The children a definition can have, and what they must be for it."""

from __future__ import annotations

from ..shapes import Path
from ..vocabulary import SLOT_FACTS, Data
from .lookup import Lookup

__all__ = ["Slots"]


class Slots(Lookup):
    """Checks the section `children`."""

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
        for index, other in enumerate(entry.get("follows", ())):
            self._follows((*path, "follows", index), other, entry)
        for index, name in enumerate(entry.get("one_open", ())):
            if name not in {entry.get("one_per"), *entry.get("carries", ())}:
                zh = f"{name} 须为 carries 中的字段或 one_per 的关系"
                en = f"{name} must be a field of `carries`, or the relation of `one_per`"
                self._fault((*path, "one_open", index), "unknown_field", zh, en)
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
        for key, other in (("one_per", "as"), ("as", "one_per"), ("follows", "one_per")):
            if key in entry and other not in entry:
                self._fault(
                    (*path, key),
                    "missing_key",
                    f"{key} 须与 {other} 同时给出",
                    f"{key} needs {other}",
                    key=True,
                )

    def _follows(self, path: Path, name: str, entry: Data) -> None:
        """A slot whose children are of the same kind, each for a party that can stand in this one too."""
        if not self._known(path, name, "children"):
            return
        other = self.data.get("children", {}).get(name, {})
        if any(key in entry and other.get(key) != entry[key] for key in ("definition", "as")) and other:
            zh = f"{name} 的 definition 与 as 须与此处相同"
            self._fault(path, "slot_kind", zh, f"{name} must have the same definition and as")

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
