"""What becomes of each suggestion: the counts of a scenario dealt out by the seed, before the term begins."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from ..dice import Dice
from .cast import Cast
from .scenario import Scenario, SessionPlan

COSIGNERS = {0: 5, 1: 3, 2: 2, 4: 1}
CO_UNITS = {0: 6, 1: 3, 2: 1}
"""how many, and how often (weights): few suggestions are joint, few need a second unit"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A yearly session: `congress` and `name` as they are spoken of (六届, 三次), its first and last day."""

    congress: str
    name: str
    opens: date
    closes: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What becomes of one suggestion: stated or drawn before the term begins."""

    index: int
    session: Session
    signers: tuple[str, ...]
    lead: str
    co: tuple[str, ...]
    result: str
    """the class of the reply: A, B, C or D"""
    level: str
    """the worst answer of its signers in the first round: satisfied, basically_satisfied, dissatisfied"""
    from_motion: bool = False
    key: bool = False
    area: str | None = None
    """transferred to the procuratorate for this area"""
    title: str = ""
    """else one is made of the index"""
    body: str = "情况、问题和具体建议。"

    @property
    def promises(self) -> bool:
        """Whether the class promises that something will still be done."""
        return self.result in ("B", "C")


def sessions(scenario: Scenario) -> list[Session]:
    """The yearly sessions of the term."""
    return [
        Session(congress=scenario.congress, name=one.name, opens=one.opens, closes=one.closes)
        for one in scenario.sessions
    ]


def plans(scenario: Scenario, cast: Cast) -> Iterator[Plan]:
    """Every suggestion of the term."""
    for session, held in zip(scenario.sessions, sessions(scenario), strict=True):
        yield from _of_session(session, held, scenario.seed, cast)


def _of_session(session: SessionPlan, held: Session, seed: str, cast: Cast) -> Iterator[Plan]:
    dice = Dice(f"{seed}/plans/{session.name}")
    count = session.suggestions
    results, levels = _dealt(dice, session.results), _dealt(dice, session.levels)
    keys = set(dice.some_of(range(count), session.key_supervised))
    areas = dict(
        zip(dice.some_of(range(count), count), _dealt(dice, session.transferred or {}), strict=False)
    )
    deputies = cast.of_level("city")
    for index, first in enumerate(dice.some_of(deputies, count)):
        others = [d for d in dice.some_of(deputies, dice.weighted(COSIGNERS) + 1) if d != first]
        lead, *co = dice.some_of(cast.units, 1 + dice.weighted(CO_UNITS))
        yield Plan(
            index=index + 1, session=held, signers=(first, *others[: max(0, len(others) - 1)]), lead=lead, co=tuple(co),
            result=results[index], level=levels[index], from_motion=index < session.from_motion, key=index in keys,
            area=areas.get(index),
        )  # fmt: skip


def _dealt(dice: Dice, counts: Mapping[str, int]) -> list[str]:
    """Each name as often as its count, in an order the dice choose."""
    return dice.shuffled([name for name, count in counts.items() for _ in range(count)])
