"""What a field that is kept by a rule must be: a text, of a period, in no key that outlives it, kept by its kin as well."""

from __future__ import annotations

from collections.abc import Iterator

from ..periods import PERIODS
from ..shapes import Path
from ..vocabulary import Data, entries
from .lookup import Lookup

__all__ = ["Retention"]


class Retention(Lookup):
    """Checks `kept` of a field."""

    def _kept(self, path: Path, entry: Data) -> None:
        name, rule, where = str(path[-1]), entry.get("kept"), (*path, "kept")
        if entry.get("type") not in (None, "text"):
            zh, en = "只有文字字段才能按规则删除", "only a text is erased by a rule"
            self._fault(where, "kept_no_text", zh, en, key=True)
        if self._rule(where, rule, sorted(PERIODS)):
            self._onward(where, str(rule))
        if name in self._lasting():
            zh, en = (
                f"{name} 用于编号或唯一性，删除后仍会留在其中",
                f"{name} would stay in a number or key made of it",
            )
            self._fault(where, "kept_in_key", zh, en, key=True)
        for kin in self._kin():
            copy = kin.get("fields", {}).get(name)
            if copy is not None and "kept" not in copy:
                owner = kin.get("definition")
                zh, en = (
                    f"{owner} 的 {name} 会得到它而没有 kept",
                    f"{name} of {owner} may be given it and has no `kept`",
                )
                self._fault(where, "kept_copy", zh, en, key=True)

    def _onward(self, path: Path, rule: str) -> None:
        for book in self.world.books:
            if any(found.id == rule and found.direction == "before" for found in book.rules):
                zh, en = (
                    f"规则 {rule} 向前计算，此处须自办结起向后",
                    f"{rule} counts backwards; this one runs on from the end",
                )
                self._fault(path, "kept_before", zh, en)
                return

    def _lasting(self) -> set[str]:
        """The fields of whose values a number or a unique key is made."""
        events = [self.data.get("start", {}), *(event for _, event in entries(self.data, "events"))]
        series = (self.world.series.get(event.get("number", ""), ()) for event in events)
        return {name for scope in series for name in scope} | set(self.data.get("start", {}).get("once", ()))

    def _kin(self) -> Iterator[Data]:
        """The definitions whose cases give to those of this one, or are given by them."""
        for parent, _ in self.parents:
            yield parent
        for name, data in self.world.definitions.items():
            slots = {slot.get("definition") for _, slot in entries(self.data, "children")}
            if name in slots or name in _begotten(self.data) or self.name in _begotten(data):
                yield data


def _begotten(data: Data) -> set[str]:
    events = [data.get("start", {}), *(event for _, event in entries(data, "events"))]
    return {event["begets"] for event in events if "begets" in event}
