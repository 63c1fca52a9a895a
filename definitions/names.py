"""Who is meant by a word in a file: the id of a party in the register, or a name that only one there has."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator

from workflow import Engine
from workflow.errors import Text
from workflow.model import Party

__all__ = ["Names", "numbered", "registered", "spelt"]

DIGITS = "零一二三四五六七八九"
_NUMBER = re.compile(
    r"[0-9]{1,12}|[一二三四五六七八九]?十[一二三四五六七八九]?(?=[届次号])|[零一二三四五六七八九](?=[届次号])"
)
_PLAIN = re.compile("第|[0-9]")
SOME = 1000
"""ids or names in one question"""


def registered(engine: Engine, ids: Iterable[str]) -> dict[str, Party]:
    """The parties of those ids, in few questions."""
    return {p.id: p for some in _some(ids) for p in engine.parties.find(ids=some, limit=SOME)}


def spelt(name: str) -> bytes:
    """What a list of names is sorted by, so that a reader finds one: GB 2312 has its usual characters in the order of pinyin.
    Numbers count as numbers: 六届三次 before 六届十次, 第9号 before 第10号.
    """
    return _NUMBER.sub(lambda found: f"{_counted(found[0]):012}", name).encode("gb18030", "replace")


def numbered(number: str) -> bytes:
    """What a list of numbered items is sorted by, as a clerk reads it: the session's own (第9号, 第10号), then those with a word
    before their number (闭会第1号), each in its order.
    """
    return (b"0" if _PLAIN.match(number) else b"1") + spelt(number)


def _counted(number: str) -> int:
    """12, or 十二; up to 99 in characters."""
    if number.isdecimal():
        return int(number)
    tens, ten, ones = number.rpartition("十")
    return (DIGITS.find(tens) or 1) * 10 + max(DIGITS.find(ones), 0) if ten else DIGITS.find(ones)


class Names:
    """Looks words up, all at once before the first is asked for."""

    def __init__(self, engine: Engine, words: Iterable[str], coming: Iterable[Party] = ()) -> None:
        """`coming`: parties of the same file, not in the register yet."""
        wanted = {word for word in words if word}
        self._by_id = registered(engine, wanted)
        self._by_name: dict[str, dict[str, Party]] = {}
        for some in _some(wanted - self._by_id.keys()):
            for party in engine.parties.find(names=some, limit=100 * SOME):
                self._by_name.setdefault(party.name, {})[party.id] = party
        for party in coming:
            self._by_id[party.id] = party
            self._by_name.setdefault(party.name, {})[party.id] = party

    def meant(self, word: str, kinds: Collection[str], tenant: str) -> Party | Text:
        """The party of one of those kinds (any, if none are named) that is seen from the tenant: its own congress's, one above
        it or below it. Or why it cannot be told.
        """
        known = self._by_id.get(word)
        if known is not None and (not kinds or known.kind in kinds):
            return known
        found = [
            party
            for party in self._by_name.get(word, {}).values()
            if (not kinds or party.kind in kinds) and _akin(party.tenant, tenant)
        ]
        own = [party for party in found if party.tenant == tenant]
        best = own or found
        if len(best) == 1:
            return best[0]
        if best:
            ids = ", ".join(sorted(party.id for party in best)[:5])
            return Text(
                f"有 {len(best)} 个同名，请写编号：{ids}", f"{len(best)} have that name, give the id: {ids}"
            )
        return Text("没有登记", "is not in the register")


def _akin(one: str, other: str) -> bool:
    return one == other or one.startswith(other + "/") or other.startswith(one + "/")


def _some(words: Iterable[str]) -> Iterator[list[str]]:
    fit = sorted({word for word in words if word.isprintable()})
    for start in range(0, len(fit), SOME):
        yield fit[start : start + SOME]
