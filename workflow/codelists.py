"""Code files -> code lists: values with their meanings, and which of several sets a place uses.

The same letter means different things in different places, so a list may hold one set per place. `chosen_by` names the switch
by which a place says which sets are its own; a form then takes no value of another. Of a plain list the switch names the values.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .definition import Code, Codes
from .errors import suggest
from .periods import RuleBook
from .shapes import Path, Source
from .vocabulary import title_of

__all__ = ["check_choice", "code_list"]

_MEANINGS: Mapping[str, type] = {"boolean": bool, "integer": int, "text": str}
_OF_ROLES: Mapping[str, str] = {
    "oversees": "boolean", "erases": "boolean", "second_factor": "boolean", "emergency": "boolean", "in_unit": "boolean",
    "invites": "boolean", "migrates": "boolean", "body": "text",
}  # fmt: skip
"""what the service reads of the roles of persons, and of which type each is"""


def code_list(source: Source) -> Codes:
    """The list of that file; faults are noted in it."""
    data, values = source.data, dict[str, Code]()
    meanings: dict[str, Any] = data.get("meanings", {})
    for id_, entry in data.get("values", {}).items():
        values[id_] = _code(source, ("values", id_), id_, entry, meanings)
    for name, group in data.get("sets", {}).items():
        for id_, entry in group.get("values", {}).items():
            full = f"{name}:{id_}"
            values[full] = _code(source, ("sets", name, "values", id_), full, entry, meanings)
    for name, type_ in _OF_ROLES.items() if data["codes"] == "roles" else ():
        if meanings.get(name, type_) != type_:
            source.fault(
                ("meanings", name), "meaning_type", f"{name} 应为 {type_}", f"{name} needs a {type_}"
            )
    return Codes(
        name=data["codes"], title=title_of(data.get("title", {})), meanings=meanings, values=values,
        chosen_by=data.get("chosen_by"),
    )  # fmt: skip


def _code(
    source: Source, path: Path, id_: str, entry: Mapping[str, Any], meanings: Mapping[str, str]
) -> Code:
    given = {key: value for key, value in entry.items() if key not in ("zh", "en")}
    if "source" not in meanings:
        given.pop("source", None)  # then it is a citation, not a meaning
    for name in given.keys() - meanings.keys():
        zh, en = suggest(name, meanings)
        source.fault(
            (*path, name),
            "unknown_meaning",
            f"未声明的含义 {name}{zh}",
            f"undeclared meaning {name}{en}",
            key=True,
        )
    for name, type_ in meanings.items():
        if name not in given:
            source.fault(
                path, "missing_meaning", f"缺少含义 {name}", f"the meaning {name} is missing", key=True
            )
        elif not isinstance(given[name], _MEANINGS[type_]) or (
            type_ == "integer" and given[name] in (True, False)
        ):
            source.fault((*path, name), "meaning_type", f"{name} 应为 {type_}", f"{name} needs a {type_}")
    return Code(id=id_, title=title_of(entry), meanings=given)


def check_choice(source: Source, rules: Iterable[Source], books: Iterable[RuleBook]) -> None:
    """Every place says which sets (of a plain list: which values) are its own, and names such as are there; a wrong name is noted
    in its rules file.
    """
    name, sets = source.data.get("chosen_by"), source.data.get("sets") or source.data.get("values", {})
    if name is None or not sets:
        return
    for book in books:
        units = {rule.unit for rule in book.rules if rule.id == name}
        if not units:
            source.fault(
                ("chosen_by",),
                "unknown_rule",
                f"{book.place} 没有规则 {name}",
                f"{book.place} has no rule {name}",
            )
            return
        if units != {"switch"}:
            source.fault(
                ("chosen_by",), "rule_unit", f"规则 {name} 须为 switch", f"{name} needs to be a switch"
            )
            return
    for file in rules:
        for path, value in _named(file, name):
            if value not in sets:
                zh, en = suggest(str(value), sets)
                file.fault(
                    path,
                    "unknown_set",
                    f"代码表 {source.data['codes']} 中没有 {value}{zh}",
                    f"{source.data['codes']} has no {value}{en}",
                )


def _named(file: Source, rule: str) -> Iterator[tuple[Path, Any]]:
    """What a rules file gives that switch, in each version, one by one."""
    given = file.data.get("values", {}).get(rule, [])
    versions = given if isinstance(given, list) else [given]
    for index, data in enumerate(versions):
        path: Path = (
            ("values", rule, index, "value") if isinstance(given, list) else ("values", rule, "value")
        )
        value = data.get("value")
        if not isinstance(value, list):
            yield path, value
        for number, one in enumerate(value if isinstance(value, list) else ()):
            yield (*path, number), one
