"""The fields of a definition, what it hides of them and from whom."""

from __future__ import annotations

from collections.abc import Iterator

from ..assembly import parse_holder
from ..shapes import Path
from ..vocabulary import EARLIER, ENDED, FIELD_FACTS, Data, entries
from .lookup import Lookup

__all__ = ["Fields"]


class Fields(Lookup):
    """Checks the sections `fields`, `similar` and `hides`."""

    def _similar(self, path: Path, name: str) -> None:
        declared = self.data.get("fields", {}).get(name)
        if self._known(path, name, "fields") and declared is not None and declared.get("type") != "text":
            self._fault(path, "not_a_text", f"{name} 不是文字字段", f"{name} is no text field")

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
        if "to_come" in entry and entry.get("type") not in (None, "date"):
            zh, en = "只有日期字段才有 to_come", "only a date is to come"
            self._fault((*path, "to_come"), "too_many_keys", zh, en, key=True)
        if "roles" in entry and entry.get("type") not in (None, "person", "persons"):
            zh, en = "只有人员字段才有 roles", "only a field of persons has `roles`"
            self._fault((*path, "roles"), "too_many_keys", zh, en, key=True)
        roles = self.world.codes.get("roles")
        for index, role in enumerate(entry.get("roles", ())):
            known_roles = roles.values if roles else {}
            self._is_out_there((*path, "roles", index), role, known_roles, "unknown_role", "角色", "role")
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
        for section in ("fields", "relations", "events", "clocks"):
            self._all_known((*path, section), entry.get(section), section)
        if not entry.keys() & {"fields", "relations", "events", "clocks"}:
            zh, en = "没有写明隐去什么", "it hides nothing: fields, relations, events or clocks"
            self._fault(path, "missing_key", zh, en, key=True)
        for index, text in enumerate(entry.get("from", ())):
            self._relation(parse_holder(f"the {text}"), (*path, "from", index), None)
        self._holders((*path, "seen_by"), entry.get("seen_by"))
        where: Path = (*path, "when")
        self._guard(where, entry.get("when"))
        guard = self.guards.get(where)
        for name in sorted(guard.names) if guard else ():
            head = name.removeprefix("root.").partition(".")[0]
            if head in ("clock", "round", EARLIER) or any(
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
