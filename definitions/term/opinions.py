"""Voters' opinions: received at a station, sent where they belong, answered, and told to the deputies and the voter."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from ..dice import Dice
from .agenda import Act, Story
from .cast import AFFAIRS, Cast, Station, clerk, fire, start
from .scenario import Opinions

OPINION = "opinion"
UNFINISHED = "township"
"""where those go that are not concluded at the end"""
FIELDS = (
    "clothing",
    "food",
    "housing",
    "travel",
    "employment",
    "education",
    "security",
    "health",
    "environment",
)
INTAKES = {"reception": 7, "visit": 1, "qr": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Voiced:
    """One opinion: where and when it comes in, where it goes, and whether it is concluded by the end."""

    index: int
    station: Station
    month: str
    intake: str
    received_on: date
    outcome: str
    concluded: bool


def voiced(opinions: Opinions, cast: Cast, days: Sequence[tuple[str, date]], seed: str) -> list[Voiced]:
    """Every opinion of the term, in the order in which they come in. `days`: the months with their reception days.

    The last ones are those that are still being handled at the end.
    """
    dice = Dice(f"{seed}/opinions")
    drawn = []
    for _ in range(opinions.total):
        station, (month, on), intake = dice.one_of(cast.stations), dice.one_of(days), dice.weighted(INTAKES)
        received = on if intake == "reception" else on + timedelta(days=dice.below(12))
        drawn.append((received, station, month, intake, dice.weighted(opinions.outcomes)))
    drawn.sort(key=lambda one: one[0])
    return [
        Voiced(
            index=index + 1, station=station, month=month, intake=intake, received_on=received,
            outcome=outcome if index < opinions.concluded else UNFINISHED, concluded=index < opinions.concluded,
        )
        for index, (received, station, month, intake, outcome) in enumerate(drawn)
    ]  # fmt: skip


def heard(found: Sequence[Voiced]) -> Mapping[tuple[str, str], list[Voiced]]:
    """(station, month) -> what is said on its reception day."""
    days: dict[tuple[str, str], list[Voiced]] = defaultdict(list)
    for one in found:
        if one.intake == "reception":
            days[one.station.id, one.month].append(one)
    return days


class Opinion:
    """The story of one opinion."""

    def __init__(self, one: Voiced, seed: str) -> None:
        self._one = one
        self._dice = Dice(f"{seed}/opinion/{one.index}")
        self._day = one.received_on
        self._case = ""
        self.subject = f"民生事项{one.index}"

    def entry(self) -> dict[str, Any]:
        """What the station writes down."""
        one = self._one
        return {
            "station_unit": one.station.id, "received_on": one.received_on.isoformat(), "intake": one.intake,
            "receivers": self._dice.some_of(one.station.deputies, 1), "livelihood_field": self._dice.one_of(FIELDS),
            "subject": self.subject, "opinion_text": "群众反映的情况。",
        }  # fmt: skip

    def registered(self) -> Story:
        """From the station's register to its being struck off."""
        station = self._one.station
        case = yield start(self._day, OPINION, station.keeper, station.township.tenant, **self.entry())
        yield from self.followed(case.id)

    def followed(self, case: str) -> Story:
        """The same, of an opinion that is in the register already."""
        self._case = case
        if self._one.outcome == "not_taken":
            yield self._not_taken()
            return
        yield from self._answered()
        if self._one.concluded:
            yield from self._fed_back()

    def _later(self, least: int, most: int, event: str, who: str, **data: object) -> Act:
        self._day += timedelta(days=self._dice.between(least, most))
        return fire(self._day, self._case, event, who, **data)

    def _not_taken(self) -> Act:
        told = self._day.isoformat()
        return self._later(
            0, 0, "redirect", self._one.station.keeper, not_taken_ground="litigation", channel="向人民法院起诉",
            voter_told_on=told, deputy_told_on=told,
        )  # fmt: skip

    def _answered(self) -> Iterator[Act]:
        one, keeper = self._one, self._one.station.keeper
        if one.outcome == "on_spot":
            yield self._later(0, 0, "answer_on_spot", keeper, explanation="当场说明政策。")
            return
        yield self._later(0, 2, "classify", keeper, route=one.outcome)
        event, who, unit = self._passed_on()
        yield self._later(0, 3, event, who, handling_unit=unit)
        yield self._later(0, 3, "accept", clerk(unit))
        if one.concluded:
            yield self._later(4, 24, "answer", clerk(unit), answer="已办理。")

    def _passed_on(self) -> tuple[str, str, str]:
        """By which event, by whom, to which unit."""
        one, township = self._one, self._one.station.township
        if one.outcome == "township":
            return "transfer_in_township", township.presidium, township.office
        if one.outcome == "county":
            return "transfer_by_congress", AFFAIRS, self._dice.one_of(township.bureaus)
        return "transfer", one.station.keeper, one.station.village

    def _fed_back(self) -> Iterator[Act]:
        keeper = self._one.station.keeper
        yield self._later(0, 3, "tell_deputy", keeper, deputy_told_on=self._day.isoformat(), told_how="电话")
        yield self._later(0, 2, "tell_voter", keeper, voter_told_on=self._day.isoformat(), told_how="电话")
        if self._dice.below(3):
            yield self._later(0, 2, "record_rating", keeper, voter_rating="satisfied")
        yield self._later(0, 3, "close", keeper)
