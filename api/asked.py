"""Which cases: one filter, as an address says it and as it is asked; behind every list and every number that opens one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields as parts
from operator import attrgetter
from typing import Any, get_args

from marshmallow import ValidationError, fields, validate, validates_schema

from workflow.overview import Filter, Over, Period, Ran

from .schemas import NAME, PARTY, TENANT, Day, Flag, Listed, Numeral, Strict

RAN = ("done_from", "done_before", "longer_than", "at_most", "late")
"""what says more of `clocks` and `events`"""
OWN = tuple(part.name for part in parts(Filter) if part.name != "ran")
"""what a filter asks for by itself"""
_own = attrgetter(*OWN)
NOT_ASKED = (None, ())
NO_TOO = ("closed", "finished", "late", "recorded")
"""whose `false` asks for something too"""


class Asked(Strict):
    """Which cases. Dates are civil; the first of a pair is included, the last is not."""

    kind = fields.Str(validate=NAME)
    state = fields.Str(validate=NAME)
    states = Listed(fields.Str(validate=NAME), metadata={"description": "one of these"})
    slots = Listed(
        fields.Str(validate=NAME), metadata={"description": "children in one of these places of another case"}
    )
    definition = fields.Str(
        validate=validate.Regexp(r"[0-9a-f]{64}\Z"), metadata={"description": "pinned to the version with that hash"}
    )  # fmt: skip
    tenant = fields.Str(
        validate=[validate.Length(max=200), TENANT],
        metadata={"description": "this congress and all below it"},
    )
    number = fields.Str(validate=validate.Length(min=1, max=80))
    party = fields.Str(
        validate=PARTY, metadata={"description": "a unit or person that stands in a relation to it"}
    )
    relation = fields.Str(validate=NAME, metadata={"description": "in this relation; only with `party`"})
    closed = Flag(metadata={"description": "ended: nothing leads on"})
    finished = Flag(metadata={"description": "counted as done, as in the figures; or not yet"})
    over = fields.Str(
        validate=validate.OneOf(get_args(Over)),
        metadata={"description": "open, and a running deadline (`target`) or its outer limit (`statutory`) is over"},
    )  # fmt: skip
    due_from, due_before, opened_from, opened_before = Day(), Day(), Day(), Day()
    concluded_from = Day(metadata={"description": "came to be done on that day or later"})
    concluded_before = Day()
    clocks = Listed(
        fields.Str(validate=NAME),
        metadata={"description": "one of these deadlines was met or missed by one of `events`; what follows says how"},
    )  # fmt: skip
    events = Listed(fields.Str(validate=NAME), metadata={"description": "only with `clocks`"})
    done_from, done_before = Day(), Day()
    longer_than = Numeral(validate=validate.Range(0, 100_000), metadata={"description": "it took more days"})
    at_most = Numeral(validate=validate.Range(0, 100_000), metadata={"description": "or no more than these"})
    late = Flag(metadata={"description": "after its due day; or by it"})
    recorded = Flag(
        metadata={
            "description": "imported, and nobody has done anything in it here, so that a day that is over says nothing; or not"
        }
    )
    roots = Flag(load_default=False, metadata={"description": "without children"})

    @validates_schema
    def _together(self, data: Mapping[str, Any], **_: Any) -> None:
        """What means nothing alone is refused, never passed over."""
        needed = [
            ("relation", "party"),
            ("clocks", "events"),
            ("events", "clocks"),
            *((one, "clocks") for one in RAN),
        ]
        if wanting := {other for one, other in needed if one in data and other not in data}:
            raise ValidationError({other: ["Missing data"] for other in wanting})


def filter_of(query: Mapping[str, Any]) -> Filter:
    """The filter of an address, as `Asked` has read it; what is no part of a filter is left alone."""
    given: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in query.items()
    }
    own = {part.name: given[part.name] for part in parts(Filter) if part.name in given}
    if "clocks" not in given:
        return Filter(**own)
    period = Period(start=given.get("done_from"), before=given.get("done_before"))
    limits: dict[str, Any] = {name: given.get(name) for name in ("longer_than", "at_most", "late")}
    return Filter(**own, ran=Ran(clocks=given["clocks"], events=given["events"], period=period, **limits))


def parameters_of(asked: Filter) -> dict[str, str]:
    """The same filter as the parameters of an address; what is not asked for is left out."""
    given = {name: value for name, value in zip(OWN, _own(asked), strict=True) if value not in NOT_ASKED}
    return _written({**given, **_ran_given(asked.ran)} if asked.ran else given)


def _ran_given(ran: Ran) -> dict[str, Any]:
    given = {part.name: getattr(ran, part.name) for part in parts(ran) if part.name != "period"}
    return {**given, "done_from": ran.period.start, "done_before": ran.period.before}


def _written(given: Mapping[str, Any]) -> dict[str, str]:
    found = {}
    for name, value in given.items():
        if isinstance(value, bool):
            if value or name in NO_TOO:
                found[name] = str(value).lower()
        elif isinstance(value, tuple):
            if value:
                found[name] = ",".join(value)
        elif value is not None:
            found[name] = str(value)
    return found
