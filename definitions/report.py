"""What the store holds of the published records, counted and put into words. Nothing here reads the files again."""

from __future__ import annotations

import re
import shlex
import shutil
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from workflow import Case, Engine, HistoryEntry
from workflow.errors import Text

from .layout import cut, table, wrapped
from .oddities import Oddity, oddities
from .records import InputFault, Timeline
from .stories import RECORDS, SOURCE, TIMELINES, Story, Timing, is_before, is_inferred, stories, timing


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a run found in its files, and how much of it was new."""

    records: int
    new_records: int
    timelines: int
    new_timelines: int
    cppcc: tuple[Timeline, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything the report says, as plain values."""

    outcome: Outcome = field(compare=False)
    """of this run; everything else is the store's, so two reports on one store are equal"""
    facts: Mapping[str, int]
    states: tuple[tuple[Text, int], ...]
    units: tuple[tuple[str, int], ...]
    classes: tuple[tuple[str, int], ...]
    satisfactions: tuple[tuple[str, int], ...]
    steps: tuple[int, int]
    """(printed, inferred)"""
    timings: tuple[Timing, ...]
    verdicts: Mapping[str, int]
    why_unknown: Mapping[str, int]
    oddities: tuple[Oddity, ...]
    records: tuple[Story, ...]
    timelines: tuple[Story, ...]
    titles: Mapping[str, Text]
    """`kind.event` and `kind.state` in words"""


def count(engine: Engine, outcome: Outcome) -> Report:
    """Count what the store holds under the two tenants of published facts."""
    records, timelines = stories(engine, RECORDS), stories(engine, TIMELINES)
    timings = tuple(t for story in (*records, *timelines) if (t := timing(story)) is not None)
    known = {t.story.case.id: t.verdict for t in timings}
    return Report(
        outcome=outcome, facts=_facts(records), states=_states(engine, records),
        units=_ranked(unit for story in records for unit in story.units),
        classes=_sorted(story.said("printed_class") for story in records),
        satisfactions=_sorted(story.said("printed_satisfaction") for story in records),
        steps=_steps((*records, *timelines)), timings=timings,
        verdicts=Counter(known.get(story.case.id, "unknown") for story in records),
        why_unknown=Counter(_why(story) for story in records if known.get(story.case.id, "unknown") == "unknown"),
        oddities=tuple(oddities(records, timelines, timings)), records=records,
        timelines=tuple(sorted(timelines, key=lambda story: -len(list(story.all_lines())))),
        titles=_titles(engine),
    )  # fmt: skip


def _facts(records: Sequence[Story]) -> dict[str, int]:
    return {
        "records": len(records),
        "both_dates": sum(bool(s.assigned_on and s.replied_on) for s in records),
        "reply_date": sum(bool(s.replied_on) for s in records),
        "class": sum(bool(s.said("printed_class")) for s in records),
        "satisfaction": sum(bool(s.said("printed_satisfaction")) for s in records),
        "key_supervised": sum(s.said("key_supervised") is True for s in records),
        "procuratorate_link": sum(s.said("procuratorate_link") is True for s in records),
        "no_number": sum(not s.said("printed_number") for s in records),
        "no_title": sum(not s.said("title") for s in records),
        "no_unit": sum(not s.units for s in records),
    }


def _states(engine: Engine, records: Sequence[Story]) -> tuple[tuple[Text, int], ...]:
    """In the order of the lifecycle."""
    found = Counter(story.case.state for story in records)
    states = engine.library.definition("suggestion").states
    return tuple((state.title, found[name]) for name, state in states.items() if name in found)


def _ranked(values: Iterator[str]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(Counter(values).items(), key=lambda item: (-item[1], item[0])))


def _sorted(values: Iterator[str | None]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(Counter(value for value in values if value).items()))


def _steps(stories: Sequence[Story]) -> tuple[int, int]:
    lines = [line for story in stories for line in story.all_lines()]
    inferred = sum(is_inferred(line) for line in lines)
    return len(lines) - inferred, inferred


def _why(story: Story) -> str:
    if story.assigned_on and story.replied_on:
        if is_before(story.replied_on, story.assigned_on):
            return "out_of_order"
        coarse = min(len(story.assigned_on), len(story.replied_on)) < len("2024-03-29")
        return "coarse_date" if coarse else "no_rule"
    if story.assigned_on:
        return "no_reply_date"
    return "no_assignment_date" if story.replied_on else "no_date"


def _titles(engine: Engine) -> dict[str, Text]:
    found: dict[str, Text] = {}
    for kind, definition in engine.library.definitions.items():
        found[f"{kind}.start"] = definition.title
        found |= {f"{kind}.{event.name}": event.title for event in definition.events.values()}
        found |= {f"{kind}:{name}": state.title for name, state in definition.states.items()}
    return found


# --- words -------------------------------------------------------------------------------------------

WIDE = 44
"""columns of a terminal that a title may take"""
MOST_UNITS = 12

FACTS = {
    "both_dates": Text("有交办日和答复日", "with the days of assignment and reply"),
    "reply_date": Text("有答复日", "with the day of the reply"),
    "class": Text("有结果类别", "with a result class"),
    "satisfaction": Text("有满意度", "with a satisfaction"),
    "key_supervised": Text("称列为重点督办", "said to be under key supervision"),
    "procuratorate_link": Text("称转化为检察建议", "said to have gone to the procuratorate"),
    "no_number": Text("没有编号", "without a number"),
    "no_title": Text("没有标题", "without a title"),
    "no_unit": Text("没有承办单位", "without a handling unit"),
}
STARTS = {
    "suggestion": Text("提出", "filed"),
    "procuratorate_conversion": Text("转送或对接", "transferred or taken up"),
}
OPENED = Text("开始", "opened")
VERDICTS = {
    "in_time": Text("按期", "in time"),
    "late": Text("逾期", "late"),
    "unknown": Text("无法判断", "unknown"),
}
REASONS = {
    "no_assignment_date": Text("有答复日，未载交办日", "day of the reply printed, day of the assignment not"),
    "no_reply_date": Text("有交办日，未载答复日", "day of the assignment printed, day of the reply not"),
    "out_of_order": Text(
        "答复早于交办，两个日期必有一误", "replied before it was assigned: one of the two dates is wrong"
    ),
    "coarse_date": Text("日期只到年或月", "dates known to the year or month only"),
    "no_rule": Text(
        "交办日之前没有可依据的期限规定", "no rule is known that was in force on the day of assignment"
    ),
    "no_date": Text("交办日、答复日均未载", "neither day printed"),
}


def render(report: Report, language: str, database: str = "") -> str:
    """The whole report in `zh` or `en`; what the pages print stays in their words."""
    return "\n".join(_Page(report, language, database).lines()) + "\n"


def render_faults(faults: Sequence[InputFault], language: str) -> str:
    """A table of every fault; nothing was written."""
    head = Text("文件|行|列|值|原因", "file|row|column|value|reason").in_language(language).split("|")
    rows = [[f.file, str(f.row), f.column, f.value, f.reason.in_language(language)] for f in faults]
    end = Text(f"共 {len(faults)} 处错误，未写入任何内容。", f"{len(faults)} fault(s); nothing was written.")
    return "\n".join([*table([head, *rows]), "", end.in_language(language)]) + "\n"


def label(story: Story) -> str:
    """How a suggestion is called: congress, session, number, title, as far as printed."""
    number = story.said("printed_number")
    called = f"第{number}号" if number and number.isalnum() else number
    place = f"{story.said('printed_congress') or ''}{story.said('printed_session') or ''}"
    title = story.said("title") or story.said("source_title")
    parts = [part for part in (place, called, title or "、".join(story.units)) if part]
    return " ".join(parts) or story.note or story.case.id


class _Page:
    """The report on its way to the terminal."""

    def __init__(self, report: Report, language: str, database: str) -> None:
        self.report = report
        self.language = language
        self.database = database

    def say(self, zh: str, en: str) -> str:
        return zh if self.language.startswith("zh") else en

    def word(self, text: Text) -> str:
        return text.in_language(self.language)

    def lines(self) -> Iterator[str]:
        yield from self.opening()
        for number, (title, section) in enumerate(self.sections(), 1):
            yield ""
            yield f"{number}. {title}"
            yield from (f"   {line}".rstrip() for line in section)
        yield ""
        yield from self.next_step()

    def sections(self) -> Iterator[tuple[str, Iterator[str]]]:
        yield self.say("来源载明了什么", "What the pages print"), self.facts()
        yield self.say("办到哪一步", "How far they came"), self.states()
        yield self.say("由谁承办", "Who handles them"), self.units()
        yield self.say("结果类别和满意度", "Result classes and satisfaction"), self.classes()
        yield self.say("是否按期答复", "Replied in time?"), self.in_time()
        yield self.say("时间线，逐步重放", "Timelines, step by step"), self.timelines()
        yield (
            self.say(
                "政协提案（另有时限，不进入代表建议流程）",
                "政协提案 (CPPCC proposals: another clock, not run through)",
            ),
            self.cppcc(),
        )
        yield self.say("自相矛盾之处", "What contradicts itself"), self.oddities()

    def opening(self) -> Iterator[str]:
        done, (printed, inferred) = self.report.outcome, self.report.steps
        old, told = done.records - done.new_records, done.timelines - done.new_timelines
        yield self.say("真实公开记录的重放", "Published records, run through the lifecycle")
        yield self.say(
            f"  记录    {done.records} 条：新写入 {done.new_records}，库中已有 {old}",
            f"  records    {done.records}: {done.new_records} new, {old} already there",
        )
        yield self.say(
            f"  时间线  {done.timelines} 条：新写入 {done.new_timelines}，库中已有 {told}；政协提案 {len(done.cppcc)} 条另列",
            f"  timelines  {done.timelines}: {done.new_timelines} new, {told} already there;"
            f" {len(done.cppcc)} 政协提案 kept apart",
        )
        yield self.say(
            f"  库中历史 {printed + inferred} 步：来源载明 {printed}，推定 {inferred}（来源未载，不编造日期）",
            f"  history    {printed + inferred} steps in the store: {printed} printed,"
            f" {inferred} inferred (no page prints them; no date is invented)",
        )
        yield self.say("  以下各数均自库中统计。", "  Everything below is counted from the store.")

    def facts(self) -> Iterator[str]:
        facts = self.report.facts
        yield self.say(f"建议 {facts['records']} 件，其中", f"{facts['records']} suggestions, of them")
        yield from table([[str(facts[name]), self.word(text)] for name, text in FACTS.items()], right=0)

    def states(self) -> Iterator[str]:
        yield from table([[str(number), self.word(title)] for title, number in self.report.states], right=0)
        yield self.say(
            "（到来源能证明的最远一步为止；其后如何，不知道）",
            "(as far as a page proves; what came after is not known)",
        )

    def units(self) -> Iterator[str]:
        units = self.report.units
        shown = [(unit, number) for unit, number in units if number > 1][:MOST_UNITS]
        yield from table([[str(number), unit] for unit, number in shown], right=0)
        rest, cases = len(units) - len(shown), sum(number for _, number in units[len(shown) :])
        yield self.say(
            f"其余 {rest} 个单位共 {cases} 件次；单位名照来源所印",
            f"{rest} other units, {cases} between them; names as printed",
        )

    def classes(self) -> Iterator[str]:
        classes = "  ".join(f"{name} {number}" for name, number in self.report.classes)
        yield f"{self.say('类别', 'class')}  {classes or '-'}"
        yield self.say(
            "（照来源所印。同一字母各地含义不同，来源均未附类别表，故不折算、不合并）",
            "(as printed. A letter means different things in different places and no page gives its legend: not translated)",
        )
        satisfied = "  ".join(f"{name} {number}" for name, number in self.report.satisfactions)
        yield f"{self.say('满意度', 'satisfaction')}  {satisfied or '-'}"
        yield self.say(
            "（系来源转述，不是办公室向代表征询所得，故不计入评价）",
            "(told by the page, not asked of the deputy by the office: not counted as an evaluation)",
        )

    def in_time(self) -> Iterator[str]:
        verdicts = self.report.verdicts
        yield "  ".join(f"{self.word(text)} {verdicts.get(name, 0)}" for name, text in VERDICTS.items())
        for name, text in REASONS.items():
            if number := self.report.why_unknown.get(name):
                yield f"  {number}  {self.word(text)}"
        for known in self.report.timings:
            yield ""
            yield from self.timing(known)

    def timing(self, known: Timing) -> Iterator[str]:
        kept = (
            self.say("时间线", "timeline")
            if known.story.case.tenant == TIMELINES
            else self.say("记录", "record")
        )
        yield f"{self.head(kept)}{cut(label(known.story), 2 * WIDE)}"
        days = "" if known.days is None else self.say(f"（第 {known.days} 日）", f" (day {known.days})")
        replied = known.replied_on or self.say("未载", "not printed")
        yield self.say(
            f"  交办 {known.assigned_on}，期满 {known.due_on}，答复 {replied}{days}：{self.word(VERDICTS[known.verdict])}",
            f"  assigned {known.assigned_on}, due {known.due_on}, replied {replied}{days}: {self.word(VERDICTS[known.verdict])}",
        )
        outer = (
            self.say(f"；最迟 {known.outer_on}", f"; outer limit {known.outer_on}") if known.outer_on else ""
        )
        yield self.say(f"  依据 {known.basis}{outer}", f"  basis {known.basis}{outer}")

    def timelines(self) -> Iterator[str]:
        yield self.say(
            "（圆括号内为推定的步骤，【】内为现在的状态；· 为不属流程、仅作记录的事）",
            "(inferred steps in parentheses, the present state in 【】; · is no step of the lifecycle, kept as a note)",
        )
        same = _by_source(self.report.records)
        for story in self.report.timelines:
            yield ""
            yield cut(label(story), 2 * WIDE)
            yield from self.chain(story, same)

    def chain(self, story: Story, same: Mapping[str, list[Story]]) -> Iterator[str]:
        yield from self.way(self.say("建议", "suggestion"), story.case, story.lines)
        for child, lines in story.children:
            if child.kind == "commitment":
                yield cut(
                    f"{self.head(self.say('承诺', 'promise'))}{child.data.get('promise', '-')}",
                    2 * WIDE,
                    "  ",
                )
            else:
                yield from self.way(self.word(self.report.titles[f"{child.kind}.start"]), child, lines)
        for line in story.lines:
            if line.event == SOURCE and line is not story.source:
                yield cut(f"· {line.effective_on or ''} {line.data.get('source_note', '')}", 2 * WIDE, "  ")
        for record in same.get(str(story.said("source_url")), ()):
            yield cut(
                f"{self.head(self.say('= 同一网页上的记录', '= record of the same page'))}{label(record)}",
                2 * WIDE,
                "  ",
            )

    def way(self, name: str, case: Case, lines: Sequence[HistoryEntry]) -> Iterator[str]:
        state = self.word(self.report.titles[f"{case.kind}:{case.state}"])
        yield from wrapped(self.head(name), self.steps(case.kind, lines), f"【{state}】", 2 * WIDE)

    def head(self, name: str) -> str:
        return self.say(f"{name}：", f"{name}: ")

    def steps(self, kind: str, lines: Sequence[HistoryEntry]) -> list[str]:
        found = []
        for line in lines:
            if line.event == SOURCE:
                continue
            name = self.word(
                STARTS.get(kind, OPENED)
                if line.event == "start"
                else self.report.titles[f"{kind}.{line.event}"]
            )
            step = f"{line.effective_on} {name}" if line.effective_on else name
            found.append(f"({step})" if is_inferred(line) else step)
        return found

    def cppcc(self) -> Iterator[str]:
        for timeline in self.report.outcome.cppcc:
            known = [str(event.date) for event in timeline.events if event.date]
            span = f"{known[0]} … {known[-1]}" if known else "-"
            yield f"{span}  {cut(timeline.title, 2 * WIDE)}"

    def oddities(self) -> Iterator[str]:
        kinds = list(dict.fromkeys(oddity.kind for oddity in self.report.oddities))
        for kind in kinds:
            same = [oddity for oddity in self.report.oddities if oddity.kind == kind]
            yield f"{self.word(kind)}  {len(same)}"
            for oddity in same:
                yield f"  - {cut(label(oddity.story), WIDE)}  {cut(oddity.detail, WIDE)}"
        if not kinds:
            yield self.say("没有发现", "none found")

    def next_step(self) -> Iterator[str]:
        timings = [t for t in self.report.timings if t.story.case.tenant == RECORDS] or self.report.timings
        if not timings:
            return
        story = max(timings, key=lambda t: t.days or 0).story
        where = f" --database {shlex.quote(_shown(self.database))}" if self.database else ""
        yield self.say("下一步，看期限是怎样算出来的：", "Next, see how a due day comes about:")
        yield f"  {_program()} explain {story.case.id}{where}"


def _program() -> str:
    """How the reader called us: by its path where the name alone would not be found (a checkout's `.venv/bin/tibandu`)."""
    given = sys.argv[0]
    by_path = Path(given).name == "tibandu" and shutil.which("tibandu") is None
    return shlex.quote(given) if by_path else "tibandu"


def _shown(url: str) -> str:
    """The URL without its passwords."""
    return re.sub(r"(?<=[?&]password=)[^&]*", "***", re.sub(r"(://[^:@/]*):[^/]*@", r"\1:***@", url))


def _by_source(records: Sequence[Story]) -> dict[str, list[Story]]:
    found: dict[str, list[Story]] = {}
    for story in records:
        if url := story.said("source_url"):
            found.setdefault(str(url), []).append(story)
    return found
