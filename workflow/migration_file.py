"""The file of a migration: what has another name in the new version (docs/migration.md). Read as safely as a definition."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from .definition import Definition
from .errors import DefinitionError, suggest
from .grammar import HANDED_ON
from .migration_plan import Renaming
from .shapes import Path as Place
from .shapes import Source
from .yaml_reader import Faults, Mark, read, read_file

__all__ = ["MigrationFile"]

KIND = "migration"


class MigrationFile:
    """One file: the definition and the two versions it is about, and, held against them, the renaming."""

    def __init__(self, path: Path | bytes) -> None:
        """A file, or its content. Raises DefinitionError with every fault of its form."""
        self._source = Source(Faults("map" if isinstance(path, bytes) else str(path)), KIND)
        faults = self._source.faults
        tree = read(path, faults) if isinstance(path, bytes) else read_file(path, faults)
        if tree is not None and KIND not in tree.pairs:
            first = next(iter(tree.pairs.values()), None)
            mark = first[0].mark if first else Mark()
            self._source.faults.add(
                mark, "unknown_kind", f"第一个键应为 {KIND}", f"the first key must be {KIND}"
            )
        elif tree is not None:
            self._source.data = HANDED_ON[KIND].check(tree, (), self._source)
        self._sound()

    def _sound(self) -> None:
        if not self._source.sound:
            raise DefinitionError(self._source.faults.found)

    @property
    def name(self) -> str:
        """The definition."""
        return str(self._source.data[KIND])

    @property
    def versions(self) -> tuple[int, int]:
        """From which, to which."""
        return self._source.data["from"], self._source.data["to"]

    def about(self, name: str, version: int) -> None:
        """Raises DefinitionError when it is about another definition, or leads to another version."""
        if self.name != name:
            self._source.fault(
                (KIND,),
                "other",
                f"此文件关于 {self.name}，不是 {name}",
                f"this file is about {self.name}, not {name}",
            )
        if self.versions[1] != version:
            self._source.fault(
                ("to",), "other", f"命令要求第 {version} 版", f"the command says version {version}"
            )
        self._sound()

    def between(self, old: Definition, new: Definition) -> Renaming:
        """What it says, every name of it known. Raises DefinitionError with every fault."""
        data = self._source.data
        states, clocks, stops = data.get("states", {}), data.get("clocks", {}), data.get("stops", [])
        self._table("states", states, old.states, new.states, f"{old.version} → {new.version}")
        self._table("clocks", clocks, old.clocks, new.clocks, f"{old.version} → {new.version}")
        for index, name in enumerate(stops):
            self._known(("stops", index), name, old.clocks)
            if name in clocks:
                self._source.fault(
                    ("stops", index), "twice", f"{name} 已改名", f"{name} has a new name already"
                )
            elif name in new.clocks:
                self._source.fault(
                    ("stops", index),
                    "known",
                    f"新版有 {name}，由其事件停止",
                    f"the new version has {name}: its events stop it",
                )
        self._no_decision(states, old, new)
        self._sound()
        return Renaming(states=states, clocks=clocks, stops=tuple(stops))

    def _table(
        self, key: str, found: Mapping[str, str], old: Collection[str], new: Collection[str], _: str
    ) -> None:
        for name, other in found.items():
            self._known((key, name), name, old, key=True)
            self._known((key, name), other, new)

    def _known(self, place: Place, name: str, known: Collection[str], *, key: bool = False) -> None:
        if name not in known:
            zh, en = suggest(name, known)
            self._source.fault(place, "unknown_name", f"没有 {name}{zh}", f"there is no {name}{en}", key=key)

    def _no_decision(self, states: Mapping[str, str], old: Definition, new: Definition) -> None:
        """Nothing is decided by moving, not even what an event would do: a state gets another name and stays what it is."""
        for name, other in states.items():
            if name not in old.states or other not in new.states:
                continue
            was, now = old.states[name], new.states[other]
            if now.end or (now.decided and not was.decided):
                self._source.fault(
                    ("states", name),
                    "decision",
                    f"{other} 须由人决定到达，不能由迁移到达",
                    f"{other} is reached by a person's decision, not by a move",
                )
            elif name != other:
                self._only_renamed(name, other, states, old, new)

    def _only_renamed(
        self, name: str, other: str, states: Mapping[str, str], old: Definition, new: Definition
    ) -> None:
        """Two states that a version has beside one another are two, and so are two of which one would be made."""
        twins = [one for one, to in states.items() if to == other and one != name]
        if name in new.states:
            zh, en = f"新版仍有 {name}，这不是改名", f"the new version still has {name}: that is no new name"
        elif other in old.states:
            zh, en = (
                f"旧版已有 {other}，这不是改名",
                f"the old version has {other} already: that is no new name",
            )
        elif twins:
            zh, en = f"{twins[0]} 也改为 {other}", f"{twins[0]} would be {other} too: two states stay two"
        else:
            return
        self._source.fault(("states", name), "renamed", zh, f"{en}; an event leads from one to the other")
