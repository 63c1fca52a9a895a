"""What a definition may name: its own sections, what other files declare, the roots it can have."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, ClassVar

from ..assembly import parse_holder
from ..definition import Holder
from ..errors import suggest
from ..guards import Guard, GuardFault
from ..shapes import Path, Source
from ..vocabulary import Data, Vocabulary, World
from ..yaml_reader import Mark, Scalar

__all__ = ["Lookup"]


class Lookup:
    """Looks names up for one definition file, and notes a fault for what is not there or of the wrong kind."""

    def __init__(self, source: Source, world: World) -> None:
        self.source = source
        self.data = source.data
        self.world = world
        self.name = self.data.get("definition", "")
        self.parents = world.parents(self.name)
        self.vocabulary = Vocabulary.of(self.data, world)
        self.guards: dict[Path, Guard] = {}
        self._written: dict[Any, list[str]] = {}
        for path in source.keys:
            if len(path) == 2:
                self._written.setdefault(path[0], []).append(str(path[1]))
        self.barred = {str(parse_holder(f"the {text}")) for text in self.data.get("barred", ())}

    def _fault(self, path: Path, code: str, zh: str, en: str, *, key: bool = False) -> None:
        self.source.fault(path, code, zh, en, key=key)

    def _declared(self, section: str) -> list[str]:
        """The names of a section, refused ones too."""
        return self._written.get(section) or list(self.data.get(section, {}))

    def _is_out_there(
        self, path: Path, value: Any, known: Collection[str], code: str, zh: str, en: str
    ) -> bool:
        """The same for what other files declare."""
        if not self.world.complete:
            return value in known
        return self._is(path, value, known, code, zh, en)

    def _is(self, path: Path, value: Any, known: Collection[str], code: str, zh: str, en: str) -> bool:
        """Whether that is a known name; if not, a fault. Nothing given is no fault."""
        if value is None or value in known:
            return value is not None
        hint_zh, hint_en = suggest(value, known)
        self._fault(path, code, f"没有{zh} {value}{hint_zh}", f"unknown {en} {value}{hint_en}")
        return False

    _SECTIONS: ClassVar[dict[str, tuple[str, str, str]]] = {
        "states": ("unknown_state", "状态", "state"),
        "events": ("unknown_event", "事件", "event"),
        "fields": ("unknown_field", "字段", "field"),
        "relations": ("unknown_relation", "关系", "relation"),
        "clocks": ("unknown_clock", "期限", "clock"),
        "children": ("unknown_slot", "子案", "child slot"),
    }

    def _known(self, path: Path, value: Any, section: str, *, start: bool = False) -> bool:
        known = [*self._declared(section), *(["start"] if start else [])]
        return self._is(path, value, known, *self._SECTIONS[section])

    def _all_known(self, path: Path, values: Any, section: str, *, start: bool = False) -> None:
        for index, value in enumerate(values or ()):
            self._known((*path, index), value, section, start=start)

    def _known_key(self, path: Path, name: str, section: str) -> bool:
        code, zh, en = self._SECTIONS[section]
        known = self._declared(section)
        if name in known:
            return True
        hint_zh, hint_en = suggest(name, known)
        self._fault(path, code, f"没有{zh} {name}{hint_zh}", f"unknown {en} {name}{hint_en}", key=True)
        return False

    def _rule(self, path: Path, value: Any, units: Collection[str]) -> bool:
        """Whether every place has that rule, in one of those units."""
        fine = value is not None
        if not (self.world.rules_sound and self.world.complete):
            return False
        for book in self.world.books or (None,):
            rules = [rule for rule in book.rules if rule.id == value] if book else []
            known = {rule.id for rule in book.rules} if book else set()
            place_zh, place_en = (f"（{book.place}）", f" in {book.place}") if book else ("", "")
            if not self._is(path, value, known, "unknown_rule", f"规则{place_zh}", f"rule{place_en}"):
                return False
            for unit in {rule.unit for rule in rules} - set(units):
                allowed = ", ".join(units)
                zh = f"规则 {value} 的单位是 {unit}，此处须为 {allowed}"
                self._fault(path, "rule_unit", zh, f"{value} is a {unit}; needed: {allowed}")
                fine = False
        return fine

    def _holders(self, path: Path, texts: Any, *, acting: bool = False) -> None:
        for index, text in enumerate(texts or ()):
            self._holder((*path, index), parse_holder(text), acting=acting)

    def _holder(self, path: Path, holder: Holder, *, acting: bool) -> None:
        roles = self.world.codes.get("roles")
        known = roles.values if roles else {}
        self._is_out_there(path, holder.role or holder.office, known, "unknown_role", "角色", "role")
        if holder.relation is None:
            return
        self._relation(holder, path, "person" if holder.role is None else "unit")
        if acting and str(Holder(relation=holder.relation, of_root=holder.of_root)) in self.barred:
            shown = str(holder)
            self._fault(
                path,
                "separation",
                f"“{shown}”已被排除（权力分离）",
                f"“{shown}” is barred here (separation of powers)",
            )

    def _relation(self, holder: Holder, path: Path, of: str | None) -> None:
        """The relation is there, of that kind; one of the root in every root there can be."""
        name = holder.relation
        roots = [parent for parent, _ in self.parents] or [self.data] if holder.of_root else [self.data]
        if holder.of_root and not self.parents and not self.world.families_known:
            return
        for data in roots:
            known = data.get("relations", {}) if holder.of_root else self._declared("relations")
            zh, en = (f"关系（{data.get('definition')}）", f"relation of {data.get('definition')}")
            if not self._is(
                path, name, known, "unknown_relation", *((zh, en) if holder.of_root else ("关系", "relation"))
            ):
                return
            kind = data.get("relations", {}).get(name, {}).get("of")
            if of is not None and kind is not None and kind != of:
                self._fault(
                    path,
                    "relation_kind",
                    f"关系 {name} 属于 {kind}，此处须为 {of}",
                    f"the relation {name} is of a {kind}; here a {of} is needed",
                )
                return

    def _form(self, path: Path, entry: Data) -> set[str] | None:
        """The fields it asks for; None when its form was refused."""
        if "form" not in entry and (*path, "form") in self.source.keys:
            return None
        return {text.removesuffix("?") for text in entry.get("form", ())}

    def _automatic(self, event: str) -> str | None:
        found = self.data.get("start", {}) if event == "start" else self.data.get("events", {}).get(event, {})
        kind: str | None = found.get("automatic")
        return kind

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

    def _guard(self, path: Path, text: Any) -> None:
        if text is None:
            return
        try:
            guard = self.vocabulary.guard(text)
        except GuardFault as fault:
            for one in (fault, *fault.others):
                self.source.faults.add(self._inside(path, one.column), one.code, one.text.zh, one.text.en)
            return
        if (idle := guard.idle()) is not None:
            self._fault(path, "guard_constant", f"条件中{idle.zh}", f"in this condition {idle.en}")
        self.guards[path] = guard

    def _inside(self, path: Path, column: int) -> Mark:
        """The place of a column within a text, if the text stands on one line."""
        node = self.source.values.get(path)
        mark = self.source.mark(path)
        if not isinstance(node, Scalar) or node.inset is None:
            return mark
        return Mark(mark.line, mark.column + node.inset + column - 1)
