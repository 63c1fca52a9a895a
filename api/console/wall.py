"""One screen for a wall: how the whole congress is doing. Counts only: no person, no unit, no title, nobody ranked. It can ask
again by itself, without a script.
"""

from __future__ import annotations

from datetime import date

from markupsafe import Markup

from workflow.errors import Text
from workflow.overview import Period, Sitting, today

from ..domain import charts
from ..year import FLOW, IN, OUT, counted_in, verdicts_of
from .screens import Look, Page, Screen
from .statistics import cards, share

AGAIN = 60
"""seconds after which it asks again, if that was asked for: what changes under its reader must be stoppable (WCAG 2.2.1)"""
MONTHS = 12
STAGES = Text("在办件各阶段件数", "Open cases by stage")
LATELY = Text("近十二个月收到和办结", "What came in and went out in twelve months")


def wall(look: Look) -> Page:
    """As large as the wall; `?again` for one that nobody reads from close by."""
    with Sitting.of(look.engine, look.actor) as sitting:
        return Page("wall.html", {
            "day": today(look.engine), "again": AGAIN if "again" in look.request.args else None,
            "cards": cards(look, sitting), "said": _said(look, sitting),
            "charts": [Markup(_stages(look, sitting)), Markup(_lately(look, sitting))],  # noqa: S704 - escaped by charts
        })  # fmt: skip


def _stages(look: Look, sitting: Sitting) -> str:
    """Open cases by the steps everybody knows."""
    asked = counted_in(look.engine)
    counted = {
        one.group[0]: one.open for one in sitting.figures(asked, ["state"], Period(), counting=["open"])
    }
    stages = look.engine.library.stages.get(asked.kind or "", ())
    values = [sum(counted.get(state, 0) for state in stage.states) for stage in stages]
    return charts.columns(
        look.words(STAGES),
        [look.words(stage.title) for stage in stages],
        {look.words(Text("在办", "open")): values},
    )


def _lately(look: Look, sitting: Sitting) -> str:
    day = today(look.engine)
    months = [_month(day, back) for back in range(MONTHS - 1, -1, -1)]
    period = Period(start=date.fromisoformat(f"{months[0]}-01"))
    counted = {
        one.group[0]: one
        for one in sitting.figures(counted_in(look.engine), ["month"], period, counting=FLOW)
    }
    came = [counted[month].opened if month in counted else 0 for month in months]
    went = [counted[month].concluded if month in counted else 0 for month in months]
    return charts.columns(look.words(LATELY), months, {look.words(IN): came, look.words(OUT): went})


def _month(day: date, back: int) -> str:
    year, month = divmod(day.year * 12 + day.month - 1 - back, 12)
    return f"{year}-{month + 1:02}"


def _said(look: Look, sitting: Sitting) -> list[tuple[Text, str, str]]:
    """How satisfied the deputies were this year, round by round, with what the share is of."""
    told = look.engine.library.console.verdicts
    if told is None:
        return []
    year = today(look.engine).year
    period = Period(start=date(year, 1, 1), before=date(year + 1, 1, 1))
    found = []
    for (name, _), sums in zip(told.rounds, verdicts_of(told, sitting, period), strict=True):
        part, of = sum(sums[level] for level in told.well), sum(sums[level] for level in told.counted)
        found.append((name, share(part, of), f"{part}/{of}"))
    return found


WALL = (
    Screen(path="/wall", name="wall", view=wall, menu=Text("大屏", "Big screen"), of_roles=True),
)  # fmt: skip
