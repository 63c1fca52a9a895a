"""Definitions as pages for people: a picture, the events with who, form, condition, clock and source, Chinese first.

Everything is read from the definition and the rules of one place; nothing is written by hand, so a page cannot say something
else than what the engine does. The same library gives the same text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .definition import ClockRule, Codes, Definition, Event, Field, Hide, Holder, Slot, State
from .diagram import drawn
from .errors import Text
from .graph import ties
from .library import Library
from .periods import Rule, RuleBook

__all__ = ["index", "page", "written"]

MADE = Text(
    "本页由 `tibandu pages` 生成，请勿手改。", "This page is made by `tibandu pages`; do not edit it."
)
UNITS = {
    "month": Text("个月", "month(s)"),
    "calendar_day": Text("日", "calendar day(s)"),
    "working_day": Text("个工作日", "working day(s)"),
    "times": Text("次", "time(s)"),
    "date": Text("（月-日）", "(month-day)"),
    "switch": Text("", ""),
}
WHEN = {"after": Text("后", "after"), "before": Text("前", "before")}
AUTOMATIC = {
    "notice": Text("自动：到期记录", "by itself: recorded when due"),
    "lapse": Text("自动：到期失效", "by itself: lapses when due"),
    "join": Text("自动：随他案", "by itself: follows another case"),
}


def written(library: Library, place: str | None = None) -> dict[str, str]:
    """Name of a file -> its text: a page and a picture for each definition, and their index."""
    found = {"README.md": index(library)}
    for name, definition in sorted(library.definitions.items()):
        found[f"{name}.md"] = page(library, name, place)
        found[f"{name}.svg"] = drawn(definition)
    return found


def index(library: Library) -> str:
    """The page that lists all lifecycles and shows how they are tied."""
    rows = [
        f"| [{definition.title.zh}]({name}.md) | {definition.title.en} | `{name}` | {len(definition.states)} |"
        f" {len(definition.events)} | {len(definition.clocks)} |"
        for name, definition in sorted(library.definitions.items())
    ]
    return _text(
        "# 生命周期 · Lifecycles", "", _both(MADE), "", *_map(library), "",
        "| 生命周期 | lifecycle | id | 状态 states | 事件 events | 期限 clocks |", "|---|---|---|---|---|---|", *rows,
    )  # fmt: skip


def _map(library: Library) -> Iterator[str]:
    yield "```mermaid"
    yield from ties(library.definitions.values()).splitlines()
    yield "```"
    yield ""
    yield "实线：子案（须等待）；虚线：并行子案（从不等待）；粗线：产生新案。 /"
    yield "Solid: children that are waited for; dashed: beside, never waited for; thick: begets a new case."


def page(library: Library, name: str, place: str | None = None) -> str:
    """The page of one definition; the numbers are those of a place. Raises NotFound."""
    writer = _Page(library, library.definition(name), library.book(place))
    return _text(*writer.lines())


class _Page:
    def __init__(self, library: Library, definition: Definition, book: RuleBook) -> None:
        self.library = library
        self.definition = definition
        self.book = book

    def lines(self) -> Iterator[str]:
        definition = self.definition
        yield f"# {definition.title.zh} · {definition.title.en}"
        yield ""
        yield f"`{definition.name}` · 第 {definition.version} 版 version {definition.version} · 依据 source: {definition.source}"
        yield ""
        yield _both(MADE)
        yield ""
        yield f"![{definition.title.zh}]({definition.name}.svg)"
        yield from self._tied()
        yield from self._states()
        yield from self._events()
        yield from self._clocks()
        yield from self._children()
        yield from self._fields()

    # -- the parts

    def _tied(self) -> Iterator[str]:
        said = [*self._parents(), *self._begetters()]
        if self.definition.barred:
            who = [self._who([holder]) for holder in self.definition.barred]
            said.append(f"**权力分离 separation of powers**: {'；'.join(who)} — 不得参与 may never act here")
        if self.definition.seen_by:
            said.append(f"**可见 seen by**: {'；'.join(map(self._holder, self.definition.seen_by))}")
        said += map(self._hidden, self.definition.hides)
        if said:
            yield ""
            yield from (f"- {line}" for line in said)

    def _hidden(self, hide: Hide) -> str:
        owner = self.definition
        things = [owner.fields[name].title.zh for name in hide.fields]
        things += [owner.relations[name].title.zh for name in hide.relations]
        things += [self._event_title(name).zh for name in hide.events]
        things += [owner.clocks[name].title.zh for name in hide.clocks]
        whom = "对其隐去 from" if hide.from_ else "只对其公开 only for"
        who = "；".join(map(self._holder, hide.from_ or hide.seen_by))
        when = f"（{hide.when.in_words().zh}）" if hide.when else ""
        return f"**隐去 hidden**: {hide.title.zh} {hide.title.en} — {'、'.join(things)}；{whom}: {who}{when}"

    def _parents(self) -> Iterator[str]:
        for other in self._others():
            for slot in other.children.values():
                if slot.definition == self.definition.name:
                    yield f"子案 child of [{other.title.zh}]({other.name}.md): {slot.title.zh} · {slot.title.en}"

    def _begetters(self) -> Iterator[str]:
        for other in self._others():
            for event in other.events.values():
                if event.begets == self.definition.name:
                    yield (
                        f"产生于 begotten by [{other.title.zh}]({other.name}.md): {event.title.zh} · {event.title.en}"
                    )

    def _others(self) -> Iterable[Definition]:
        return [definition for _, definition in sorted(self.library.definitions.items())]

    def _states(self) -> Iterator[str]:
        rows = []
        for state in self.definition.states.values():
            marks = [
                *(["结束 end"] if state.end else []),
                *(["只能由人决定 only by a person's decision"] if state.decided else []),
                *(["计为办结 counted as finished"] if state.finished else []),
            ]
            who = "<br>".join([self._who(state.holder), *self._awaited(state)]).removeprefix("<br>")
            rows.append((f"`{state.name}`", _cell(state.title), who, self._next(state), "<br>".join(marks)))
        heads = ("id", "状态 state", "应办 who is expected to act", "下一步 next", "")
        yield from _table("状态 · States", heads, rows)

    def _awaited(self, state: State) -> Iterator[str]:
        for name in state.awaits:
            title = self.definition.children[name].title
            yield f"等待 awaits: {title.zh} {title.en}"

    def _next(self, state: State) -> str:
        return "、".join(self.definition.events[name].title.zh for name in state.next)

    def _events(self) -> Iterator[str]:
        rows = [self._event(event) for event in (self.definition.start, *self.definition.events.values())]
        heads = (
            "事件 event", "从 → 到 from → to", "由谁 by whom", "表单 form", "条件 condition", "期限 clocks", "随之 what follows",
            "依据 source",
        )  # fmt: skip
        yield from _table("事件 · Events", heads, rows)

    def _event(self, event: Event) -> tuple[str, ...]:
        who = _cell(AUTOMATIC[event.automatic]) if event.automatic else self._who(event.by)
        if event.not_by:
            others = "、".join(self._event_title(name).zh for name in event.not_by)
            who += f"<br>不得为 not who did: {others}"
        return (
            f"`{event.name}`<br>{_cell(event.title)}", self._ways(event), who, self._form(event), self._condition(event),
            self._of_clocks(event.name), self._follows(event), event.source,
        )  # fmt: skip

    def _event_title(self, name: str) -> Text:
        return self.definition.start.title if name == "start" else self.definition.events[name].title

    def _ways(self, event: Event) -> str:
        states = self.definition.states
        if event.name == "start":
            return f"→ {states[self.definition.initial].title.zh}"
        ways = []
        for move in event.moves:
            sources = "、".join(states[source].title.zh for source in move.sources)
            if len(move.sources) > FEW:
                sources = f"{len(move.sources)} 个状态 states"
            target = states[move.to].title.zh if move.to else "不变 stays"
            guard = f"（{move.when.in_words().zh}）" if move.when else ""
            ways.append(f"{sources} → {target}{guard}")
        return "<br>".join(ways)

    def _form(self, event: Event) -> str:
        fields = self.definition.fields
        return "、".join(fields[f.name].title.zh + ("" if f.required else "（可选）") for f in event.form)

    def _condition(self, event: Event) -> str:
        said = [_cell(event.when.in_words())] if event.when else []
        if event.round:
            per = f" / {self.definition.relations[event.round.per].title.zh}" if event.round.per else ""
            said.append(f"次数 at most: {event.round.rule} {self._value(event.round.rule)}{per}")
        if event.unbounded:
            said.append(_cell(event.unbounded))
        if event.backdate:
            rule = event.backdate.rule
            said.append(
                f"可补记 may be backdated: {self._value(rule)} ({rule}), {self._who(event.backdate.by)}"
            )
        return "<br>".join(said)

    def _of_clocks(self, event: str) -> str:
        marks = {"▶": "starts", "■": "stops", "↦": "extends"}
        said = []
        for clock in self.definition.clocks.values():
            said += [
                f"{mark} {clock.title.zh}" for mark, what in marks.items() if event in getattr(clock, what)
            ]
            if clock.missed == event:
                said.append(f"⏱ {clock.title.zh}")
            if event in clock.asks:
                field = self.definition.fields[clock.asks[event]].title
                said.append(f"≤ {clock.title.zh}的最迟之日 outer limit：{field.zh} {field.en}")
        return "<br>".join(said)

    def _follows(self, event: Event) -> str:
        slots = self.definition.children
        said = [f"开启 opens: {slots[slot].title.zh}" for slot in event.opens]
        said += [f"终止 ends: {slots[slot].title.zh}" for slot in event.ends]
        if event.raises:
            said.append(f"引起 raises: `{event.raises}`")
        if event.begets:
            other = self.library.definition(event.begets)
            said.append(f"产生 begets: [{other.title.zh}]({other.name}.md)")
        if event.number:
            said.append(f"编号 number: {self.library.series[event.number].title.zh}")
        if event.tells:
            said.append(f"告知 tells: {self._who(event.tells)}")
        return "<br>".join(said)

    def _clocks(self) -> Iterator[str]:
        rows = [self._clock(clock) for clock in self.definition.clocks.values()]
        heads = ("期限 clock", "规则 rule", "自 starts", "止 stops", "届满 when missed", "依据 source")
        if rows:
            yield from _table(f"期限 · Clocks（{self.book.place}）", heads, rows)

    def _duty(self, clock: ClockRule) -> Iterator[str]:
        if clock.duty:
            yield f"由 for: {self._who(clock.duty)}"

    def _clock(self, clock: ClockRule) -> tuple[str, ...]:
        rules = list(dict.fromkeys([*(one.rule for one in clock.instead), clock.rule]))
        found = [(rule, self._latest(rule)) for rule in rules]
        said = [
            f"{rule} {self._value(rule)}"
            + (f"（{why.zh}）" if clock.instead and (why := clock.why(rule)) else "")
            for rule, _ in found
        ]
        if clock.outer:
            said.append(f"最迟 outer limit: {clock.outer} {self._value(clock.outer)}")
        starts = [self._event_title(name).zh for name in clock.starts]
        anchor = f"<br>起算 from: {self.definition.fields[clock.anchor].title.zh}" if clock.anchor else ""
        anchor += "（可在将来 may lie ahead）" if clock.planned else ""
        return (
            "<br>".join([_cell(clock.title), *self._duty(clock)]), "<br>".join(said), "、".join(starts) + anchor,
            "、".join(self._event_title(name).zh for name in clock.stops),
            self._event_title(clock.missed).zh if clock.missed else "只提醒 reminders only",
            "<br>".join(dict.fromkeys(f"{rule.source}（{rule.confidence}）" for _, rule in found)),
        )  # fmt: skip

    def _children(self) -> Iterator[str]:
        rows = [self._child(slot) for slot in self.definition.children.values()]
        heads = ("子案 children", "生命周期 lifecycle", "每个 one for each", "等待 waited for")
        if rows:
            yield from _table("子案 · Children", heads, rows)

    def _child(self, slot: Slot) -> tuple[str, ...]:
        other = self.library.definition(slot.definition)
        per = self.definition.relations[slot.one_per].title.zh if slot.one_per else ""
        if slot.follows:
            per += (
                f"（接 after {'、'.join(self.definition.children[name].title.zh for name in slot.follows)}）"
            )
        if slot.one_open:
            fields, relations = self.definition.fields, self.definition.relations
            titles = [(fields.get(name) or relations[name]).title for name in slot.one_open]
            same = "、".join(title.zh for title in titles)
            per += f"（同一{same}同时一件 one open at a time）"
        waits = "从不 never (overlay)" if slot.overlay else f"{slot.join}"
        if slot.then:
            waits += f" → {self._event_title(slot.then).zh}"
        return _cell(slot.title), f"[{other.title.zh}]({other.name}.md)", per, waits

    def _fields(self) -> Iterator[str]:
        rows = [
            (
                f"`{field.name}`",
                _cell(field.title),
                field.type
                + (f" `{field.codes}`" if field.codes else "")
                + ("（今后 to come）" if field.to_come else "")
                + (f"（限 of {self._roles(field)}）" if field.roles else ""),
            )
            for field in self.definition.fields.values()
        ]
        if rows:
            yield from _table("数据 · Fields", ("id", "名称 name", "类型 type"), rows)

    # -- words

    def _who(self, holders: Iterable[Holder]) -> str:
        return "<br>".join(self._holder(holder) for holder in holders)

    def _holder(self, holder: Holder) -> str:
        role, relation = self._role(holder.role or holder.office), self._relation(holder)
        if holder.role is None:
            office = f"（须在任 in office: {role.zh}）" if role else ""
            return f"{relation.zh} {relation.en}{office}" if relation else ""
        if relation is None:
            return f"{role.zh} {role.en}" if role else holder.role
        return f"{relation.zh}的{role.zh} {role.en}: {relation.en}" if role else holder.role

    def _roles(self, field: Field) -> str:
        return "、".join(self.library.roles.values[name].title.zh for name in field.roles)

    def _role(self, name: str | None) -> Text | None:
        roles: Codes = self.library.roles
        return roles.values[name].title if name else None

    def _relation(self, holder: Holder) -> Text | None:
        if holder.relation is None:
            return None
        for owner in [self.definition, *self._owners()] if not holder.of_root else self._owners():
            if holder.relation in owner.relations:
                return owner.relations[holder.relation].title
        return Text(holder.relation, holder.relation)

    def _owners(self) -> list[Definition]:
        me = self.definition.name
        return [d for d in self._others() if any(slot.definition == me for slot in d.children.values())]

    def _latest(self, id_: str) -> Rule:
        return max(
            (rule for rule in self.book.rules if rule.id == id_), key=lambda rule: str(rule.valid_from or "")
        )

    def _value(self, id_: str) -> str:
        rule = self._latest(id_)
        unit = UNITS[rule.unit]
        where = f"{rule.anchor}{WHEN[rule.direction].zh}" if rule.anchor and rule.is_period else ""
        return f"{where}{rule.value}{unit.zh} {unit.en}".strip()


FEW = 4
"""more states than these are counted, not listed"""


def _both(text: Text) -> str:
    return f"{text.zh} / {text.en}"


def _cell(text: Text) -> str:
    return f"{text.zh}<br>{text.en}"


def _table(title: str, heads: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    heads = tuple(heads)
    yield ""
    yield f"## {title}"
    yield ""
    yield f"| {' | '.join(heads)} |"
    yield f"|{'---|' * len(heads)}"
    for row in rows:
        yield "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) + " |"


def _text(*lines: str) -> str:
    return "\n".join(lines) + "\n"
