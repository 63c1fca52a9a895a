"""When a field that may be left blank has to be filled in all the same, in words: from the very guard that refuses without it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from workflow.definition import Asked, Code, Codes, Definition, Event, Field
from workflow.errors import Text
from workflow.overview import today

from .screens import Look

__all__ = ["fitting", "needed"]

SOMETIMES = Text("有的情形须填", "needed in some cases")
ALWAYS = Text("须填", "needed")
NAMED = 4
"""choices that are named; where they are more, those that are not meant are"""


def needed(look: Look, definition: Definition, event: Event, name: str, codes: Mapping[str, Codes]) -> Text | None:  # fmt: skip
    """When the event is refused without that field of its form; None where it never is for that alone."""
    if event.when is None or not (ways := event.when.needs(name)):
        return None
    open_ = [left for way in ways if (left := _settled(look, way)) is not None]
    if not open_:
        return None
    if () in open_:
        return ALWAYS
    told = [_said(definition, way, codes) for way in open_]
    return SOMETIMES if None in told else _together([one for one in told if one is not None])


def fitting(event: Event, name: str, choices: list[Code]) -> list[Code]:
    """Those of the choices of that field with which the event is not refused whatever else is given; all where none is left."""
    clauses = event.when.allows(name) if event.when is not None else ()
    found = [
        one for one in choices if all(any(all(_is(one, asked) for asked in way) for way in ways) for ways in clauses)
    ]  # fmt: skip
    return found or choices


def _is(code: Code, asked: Asked) -> bool:
    """Whether that is so of the code, as far as it can be told."""
    _, _, part = asked.name.partition(".")
    value = code.meanings.get(part) if part else code.id
    return value is None or {"==": value == asked.value, "!=": value != asked.value}.get(asked.sign, True)


def _settled(look: Look, way: Sequence[Asked]) -> tuple[Asked, ...] | None:
    """What is left of it where the rules of the place have been asked; None where they say that it is not so."""
    left = []
    for one in way:
        kind, _, rule = one.name.partition(".")
        if kind != "rule":
            left.append(one)
        elif (look.engine.laws.in_force(rule, today(look.engine)) == one.value) is not (one.sign == "=="):
            return None
    return tuple(left)


_Said = tuple[Text, Text]
"""a title, and what is so of it: of several of which the same is so, the titles are told together"""


def _said(definition: Definition, way: Sequence[Asked], codes: Mapping[str, Codes]) -> list[_Said] | None:
    """None where there are no words for it."""
    chosen = {one.name.partition(".")[0] for one in way if not one.name.endswith(".given")}
    found = []
    for one in way:
        name, _, part = one.name.partition(".")
        field = definition.fields.get(name)
        if part == "given" and one.value is True and name in chosen:
            continue
        if field is None or (what := _what(field, part, one, codes)) is None:
            return None
        found.append((field.title, what))
    return found


def _what(field: Field, part: str, one: Asked, codes: Mapping[str, Codes]) -> Text | None:
    so = one.sign == "=="
    if part == "given":
        return Text("已填", " is given") if so is (one.value is True) else Text("没有填", " is not given")
    if field.type == "boolean" and not part and one.sign in ("==", "!="):
        return Text("为“是”", " is yes") if so is (one.value is True) else Text("为“否”", " is no")
    if field.type != "code" or one.sign not in ("==", "!="):
        return None
    values = codes[field.codes or ""].values.values()
    meant = [code.title for code in values if (code.meanings.get(part) if part else code.id) == one.value]
    others = [code.title for code in values if code.title not in meant]
    meant, others = (meant, others) if so else (others, meant)
    if meant and len(meant) <= NAMED:
        return Text("为" + "或".join(_zh(meant)), " is " + " or ".join(_en(meant)))
    return Text("不为" + "或".join(_zh(others)), " is not " + " or ".join(_en(others))) if others else None


def _zh(titles: Sequence[Text]) -> Iterator[str]:
    return (f"“{one.zh}”" for one in titles)


def _en(titles: Sequence[Text]) -> Iterator[str]:
    return (f"“{one.en}”" for one in titles)


def _together(ways: Sequence[Sequence[_Said]]) -> Text:
    """“甲或乙为‘是’时须填”, and not one sentence for each of them."""
    alike: dict[Text, list[Text]] = {}
    apart = []
    for way in ways:
        if len(way) == 1:
            alike.setdefault(way[0][1], []).append(way[0][0])
        else:
            apart.append(way)
    zh = [_listed([one.zh for one in titles], "、", "或") + what.zh for what, titles in alike.items()]
    en = [_listed([one.en for one in titles], ", ", " or ") + what.en for what, titles in alike.items()]
    zh += ["、".join(title.zh + what.zh for title, what in way) for way in apart]
    en += [" and ".join(title.en + what.en for title, what in way) for way in apart]
    return Text(f"{'，或'.join(zh)}时须填", f"needed if {', or '.join(en)}")


def _listed(words: Sequence[str], comma: str, last: str) -> str:
    return last.join((comma.join(words[:-1]), words[-1])) if len(words) > 1 else words[0]
