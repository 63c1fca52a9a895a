"""What contradicts itself in the published records: found by comparing what the store holds, and said, never mended."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from workflow.errors import Text

from .stories import Story, Timing, is_before


@dataclass(frozen=True, slots=True, kw_only=True)
class Oddity:
    """Something that contradicts itself: what kind, where, and the words that show it."""

    kind: Text
    story: Story
    detail: str


@dataclass(frozen=True, slots=True)
class _Words:
    """Words of a note that contradict what is said elsewhere; `class_` restricts it to result classes."""

    kind: Text
    words: re.Pattern[str]
    class_: re.Pattern[str] | None = None


_NOTES = (
    _Words(
        Text("类别标A，正文却不是已解决", "class A, yet the text does not say solved"),
        re.compile("不能解决|不适合|不予|不宜|不再|暂不符合"),
        re.compile("A"),
    ),
    _Words(Text("来源自身的日期矛盾", "dates on the page contradict each other"), re.compile("另印时间")),
    _Words(
        Text("承办单位自称不属其职责", "the unit that answers says it is not competent"),
        re.compile("不属本|属.{1,12}管理|交办单位不当"),
    ),
    _Words(
        Text("满意度由承办单位自报", "satisfaction is told by the unit that was to be judged"),
        re.compile("满意由承办单位"),
    ),
    _Words(
        Text("答复与建议的标题不同", "the reply calls the suggestion by another title"),
        re.compile("标题.*(不同|答复作)"),
    ),
)
_DATED = re.compile(r"(?:发布|发表|公开|页面更新|页面发布)=(\d{4}-\d{2}-\d{2})")
_CLAUSE = re.compile("[;；]")


def oddities(
    records: Sequence[Story], timelines: Sequence[Story], timings: Sequence[Timing]
) -> Iterator[Oddity]:
    """Every contradiction, kind by kind."""
    for words in _NOTES:
        yield from _in_notes(words, records)
    yield from _bills(records)
    yield from _order(records)
    for story in timelines:
        yield from _falling(story)
    yield from _twice(records)
    for timing in timings:
        if timing.verdict == "late":
            kind = Text("答复迟于期满日", "replied after the due day")
            yield Oddity(kind=kind, story=timing.story, detail=f"{timing.replied_on} > {timing.due_on}")


def _in_notes(words: _Words, records: Sequence[Story]) -> Iterator[Oddity]:
    for story in records:
        if words.class_ is not None and not words.class_.match(story.said("printed_class") or ""):
            continue
        for clause in _CLAUSE.split(story.note):
            if words.words.search(clause):
                yield Oddity(kind=words.kind, story=story, detail=clause)


def _bills(records: Sequence[Story]) -> Iterator[Oddity]:
    kind = Text("标题自称议案，却列在建议中", "calls itself a bill (议案), yet stands among the suggestions")
    for story in records:
        title = story.said("title") or ""
        if title.endswith(("议案", "建议案")):
            yield Oddity(kind=kind, story=story, detail=title)


def _order(records: Sequence[Story]) -> Iterator[Oddity]:
    kind = Text("日期先后颠倒", "dates out of order")
    for story in records:
        replied = story.replied_on
        if replied is None:
            continue
        if story.assigned_on and is_before(replied, story.assigned_on):
            yield Oddity(kind=kind, story=story, detail=f"答复 {replied} < 交办 {story.assigned_on}")
        for day in _DATED.findall(story.note):
            if is_before(day, replied):
                yield Oddity(kind=kind, story=story, detail=f"公开 {day} < 答复 {replied}")


def _falling(story: Story) -> Iterator[Oddity]:
    """A story whose steps, in their order, go back in time. Notes may tell of anything, so they are left out."""
    kind = Text("日期先后颠倒", "dates out of order")
    for lines in (story.lines, *(lines for _, lines in story.children)):
        dated = [line for line in lines if line.effective_on and line.event != "record_source"]
        for first, then in pairwise(dated):
            if is_before(then.effective_on or "", first.effective_on or ""):
                yield Oddity(kind=kind, story=story, detail=f"{first.effective_on} → {then.effective_on}")


def _twice(records: Sequence[Story]) -> Iterator[Oddity]:
    number = Text("同届同次会议编号重复", "the same number twice in one session")
    title = Text("同一标题重复", "the same title twice")
    yield from _repeated(number, records, ("printed_congress", "printed_session", "printed_number"))
    yield from _repeated(title, records, ("printed_congress", "title"))


def _repeated(kind: Text, records: Sequence[Story], names: Sequence[str]) -> Iterator[Oddity]:
    """Those that agree in all these names; what lacks one of them agrees with nothing."""
    found: dict[tuple[str, ...], list[Story]] = defaultdict(list)
    for story in records:
        values = tuple(str(story.said(name) or "") for name in names)
        if all(values):
            found[values].append(story)
    for values, same in found.items():
        for story in same[1:]:
            yield Oddity(kind=kind, story=story, detail=" ".join(values))
