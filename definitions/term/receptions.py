"""The reception days of a station over the term, each a story of its own."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from workflow import Engine

from ..dice import Dice
from ..receptions import KIND, case_id, reception_on
from .agenda import Act, Agenda, Story
from .cast import Station, fire, start
from .opinions import OPINION, Opinion, Voiced
from .scenario import Receptions

AHEAD = 14
"""days before the reception on which its case is opened"""


def reception_days(engine: Engine, receptions: Receptions) -> list[tuple[str, date]]:
    """Every month with its day under the policy."""
    year, month = map(int, receptions.first.split("-"))
    start = year * 12 + month - 1
    months = [(place // 12, place % 12 + 1) for place in range(start, start + receptions.months)]
    return [
        (f"{year}-{month:02}", reception_on(engine, year, month, receptions.policy)[0])
        for year, month in months
    ]


def reception(
    agenda: Agenda, station: Station, month: str, on: date, said: Sequence[Voiced], seed: str
) -> Story:
    """One day: rostered, the deputies told, the voters told, held, reported. It opens by itself; what is said there goes on as
    a story of its own.
    """
    who, dice = station.keeper, Dice(f"{seed}/reception/{station.id}/{month}")

    def then(before: int, event: str, **data: object) -> Act:
        return fire(on - timedelta(days=before), case, event, who, **data)

    case = yield start(
        on - timedelta(days=AHEAD), KIND, who, station.township.tenant, case_id(station.id, month),
        station_unit=station.id, month=month, reception_on=on.isoformat(),
    )  # fmt: skip
    deputies = dice.some_of(station.deputies, 2)
    yield then(10, "roster", deputies=deputies)
    yield then(6, "notify", hours="9:00—11:00", place="代表联络站")
    yield then(5, "announce", announcement="接待日公告", announced_at="村（社区）公告栏")
    yield then(0, "sign_in", present=deputies)
    for one in said:
        opinion = Opinion(one, seed)
        yield then(0, "register_opinion", **opinion.entry())
        entry = agenda.begotten(OPINION, "registered", station.id, "subject", opinion.subject)
        agenda.tell(opinion.followed(entry.id))
    visitors = len(said) + dice.below(4) if said else 0
    yield then(0, "close", visitors=visitors, opinions=len(said))
    yield then(-dice.between(1, 4), "report", summary="接待正常。")
