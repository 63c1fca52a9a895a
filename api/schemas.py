"""What goes in and out, as marshmallow schemas; an event's own form is the engine's to check."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from functools import cache, cached_property, lru_cache, partial
from operator import attrgetter
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validate
from webargs.fields import DelimitedList

from workflow.clock import day_of

from .faults import DAY, DIGITS, NUMBER, UNSEEN, written

NAME = written(r"[a-z][a-z0-9_]{0,39}\Z", "sign_in")
TENANT = written(r"[^\s/]+(/[^\s/]+)*\Z", "hb/xianning")
CASE = written(r"[0-9A-Za-z_-]{1,40}\Z", "1m8c1500mmak9hhxxgkn")
PARTY = validate.Length(min=1, max=80)
LIMIT, MOST = 50, 200
"""entries of a page: unless asked otherwise, at most"""
KEPT = 10_000
"""clocks whose shown form is kept"""
_NUMERAL = re.compile("0|[1-9][0-9]{0,19}")
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")


def one_line(text: str) -> None:
    """For a name that is listed among others: a sign that turns the line about would show another one. Raises ValidationError."""
    if _UNSEEN.search(text):
        raise ValidationError(UNSEEN)


class Day(fields.Field[date]):
    """A civil date, `2026-03-15` and no other way."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> date:
        try:
            if isinstance(value, str):
                return day_of(value)
        except ValueError:
            pass
        raise ValidationError(DAY)

    def _serialize(self, value: date | None, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else value.isoformat()


class Instant(fields.AwareDateTime):
    """RFC 3339, in UTC."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(format="iso", **kwargs)


class Flag(fields.Boolean):
    """`true` or `false`; in a query also `1` or `0`."""

    truthy = {True, "true", "1"}  # noqa: RUF012 - marshmallow's own
    falsy = {False, "false", "0"}  # noqa: RUF012


class Truth(fields.Boolean):
    """`true` or `false` as JSON has them: in a body neither 1 nor "yes" is a truth."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


class Whole(fields.Int):
    """A whole number as JSON has them: in a body neither "7" nor 7.0 is one."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if type(value) is not int:
            raise ValidationError(NUMBER)
        return value


class Numeral(fields.Int):
    """A whole number of a query, written in one way: an address that says the same is the same address."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if not isinstance(value, str) or not _NUMERAL.fullmatch(value):
            raise ValidationError(DIGITS)
        return int(value)


class Listed(DelimitedList):
    """Values between commas, at least one."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[Any]:
        if value == "":
            raise ValidationError("invalid")
        found: list[Any] = super()._deserialize(value, attr, data, **kwargs)  # type: ignore[no-untyped-call]
        return found


class Kept(fields.Nested):
    """A frozen value: how it is shown is made once. Most clocks of a case stand still while it moves."""

    def __init__(self, nested: type[Schema], **kwargs: Any) -> None:
        super().__init__(nested, **kwargs)
        self.shown = lru_cache(KEPT)(partial(super()._serialize, attr=None, obj=None))

    def _serialize(self, nested_obj: Any, attr: Any, obj: Any, **kwargs: Any) -> Any:  # type: ignore[override]
        return self.shown(nested_obj)


class Each(fields.List[Any]):
    """Some of them, of an object or a mapping."""

    def __init__(self, nested: type[Schema], **kwargs: Any) -> None:
        kept = Kept(nested)
        super().__init__(kept, **kwargs)
        self._shown = kept.shown

    def serialize(self, attr: str, obj: Any, accessor: Any = None, **_: Any) -> list[Any]:
        """Each as it is shown."""
        return [*map(self._shown, obj[attr] if _maps(obj.__class__) else getattr(obj, attr))]


@cache
def _maps(kind: type) -> bool:
    """Whether it is a mapping; asked of each value it would take three calls."""
    return issubclass(kind, Mapping)


class _AsItIs:
    """A value that is JSON already, of an object or a mapping; marshmallow takes longer to get at it than all else to answer."""

    def serialize(self, attr: str, obj: Any, accessor: Any = None, **_: Any) -> Any:
        """The value."""
        return obj[attr] if _maps(obj.__class__) else getattr(obj, attr)


class Said(_AsItIs, fields.Str):
    """A text as it is."""


class Counted(_AsItIs, fields.Int):
    """A number as it is."""


class Whether(_AsItIs, fields.Bool):
    """True or false as it is."""


class Data(_AsItIs, fields.Dict):
    """An object that is JSON already, as what a form has made of what was given."""


class Named(fields.Dict):
    """A JSON object, whose names are texts whatever it holds."""

    def deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        """An object as it is; of anything else marshmallow says what it is not."""
        plain = type(value) is dict and not self.validators
        return value if plain else super().deserialize(value, *args, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        return value if isinstance(value, dict) else super()._deserialize(value, attr, data, **kwargs)  # type: ignore[no-untyped-call]


class Straight(Schema):
    """What is shown of an object with just these attributes: got at in one go; what is no JSON yet is asked of its field."""

    def dump(self, obj: Any, *, many: bool | None = None) -> Any:
        """As the schema would, in the order of its fields."""
        if self.many if many is None else many:
            return [self.dump(one, many=False) for one in obj]
        if isinstance(obj, dict):
            return super().dump(obj, many=False)
        found = dict(zip(self.dump_fields, self._got(obj), strict=True))
        for name, field in self._asked:
            found[name] = field.serialize(name, obj, _attribute)
        return found

    @cached_property
    def _got(self) -> Callable[[Any], tuple[Any, ...]]:
        return attrgetter(*self.dump_fields)

    @cached_property
    def _asked(self) -> list[tuple[str, fields.Field[Any]]]:
        return [(name, field) for name, field in self.dump_fields.items() if not isinstance(field, _AsItIs)]


def _attribute(obj: Any, name: str, _default: Any) -> Any:
    return getattr(obj, name)


class Strict(Schema):
    """The base of what comes in: unknown names are refused."""

    class Meta:
        """Unknown keys are refused."""

        unknown = RAISE


class Fieldwise(Strict):
    """A body of fields that stand each for itself, which are asked one by one: to ask the schema costs three times as much."""

    @cached_property
    def fields_only(self) -> bool:
        """Whether nothing is said of the body as a whole, before or after its fields."""
        return not any(self._hooks.values())


class Paged(Strict):
    """A page of something."""

    cursor = fields.Str(
        validate=validate.Length(min=1, max=1000),
        metadata={"description": "from the `next` link of the page before; opaque"},
    )
    limit = Numeral(
        load_default=LIMIT, validate=validate.Range(1, MOST), metadata={"description": "entries of a page"}
    )


class Words(Schema):
    """A sentence in both languages."""

    zh = fields.Str(required=True)
    en = fields.Str(required=True)


# --- in


class Fire(Fieldwise):
    """The body of an event."""

    data = Named(
        keys=fields.Str(), load_default=dict, metadata={"description": "the event's form; see its schema"}
    )
    effective_on = Day(
        metadata={"description": "when it happened, if not today; a civil date of Asia/Shanghai"}
    )
    reason = fields.Str(validate=validate.Length(min=1, max=2000))
    role = fields.Str(validate=NAME, metadata={"description": "which of several grants of this person"})
    unit = fields.Str(validate=PARTY)


class Start(Fire):
    """The body of a new case."""

    kind = fields.Str(required=True, validate=NAME)
    tenant = fields.Str(required=True, validate=[validate.Length(max=200), TENANT])


class Trial(Strict):
    """Whether it is in earnest."""

    dry_run = Flag(
        load_default=False,
        metadata={"description": "decide as in earnest, write nothing; the answer is what would be"},
    )


# --- out


class Clock(Schema):
    """A deadline: civil dates in the zone given."""

    name = fields.Str(required=True)
    title = fields.Nested(Words, required=True)
    rule = fields.Str(required=True)
    anchor_on = Day(required=True)
    due_on = Day(required=True, metadata={"description": "the last day in time, that day included"})
    outer_on = Day(required=True, allow_none=True, metadata={"description": "the day no extension can pass"})
    zone = fields.Constant("Asia/Shanghai", required=True)
    running = fields.Bool(required=True)
    provisional = fields.Bool(
        required=True, metadata={"description": "rests on a year whose holidays are not published yet"}
    )
    source = fields.Str(required=True)


class ReasonOut(Schema):
    """One reason of a no."""

    code = fields.Str(required=True)
    texts = fields.Nested(Words, attribute="text", required=True)
    field = fields.Str(required=True, allow_none=True)


class PermissionOut(Schema):
    """Whether an event may be fired, with every reason why not."""

    event = fields.Str(required=True)
    title = fields.Nested(Words, required=True)
    allowed = fields.Bool(required=True)
    reasons = fields.List(fields.Nested(ReasonOut), required=True)
    form = fields.List(fields.Str(), required=True, metadata={"description": "fields it requires"})
    optional = fields.List(fields.Str(), required=True)


class EntryOut(Schema):
    """One line of a history."""

    seq = fields.Int(required=True)
    recorded_at = Instant(required=True)
    effective_on = fields.Str(
        required=True,
        allow_none=True,
        metadata={"description": "a civil date; in old records perhaps only `2025-04`"},
    )
    event = fields.Str(required=True)
    from_state = fields.Str(required=True)
    to_state = fields.Str(required=True)
    actor = fields.Str(required=True)
    on_behalf_of = fields.Str(required=True, allow_none=True)
    role = fields.Str(required=True, allow_none=True)
    unit = fields.Str(required=True, allow_none=True)
    automatic = fields.Str(required=True, allow_none=True)
    by_link = fields.Bool(
        required=True, metadata={"description": "done by an invitation, without an account"}
    )
    definition = fields.Str(required=True)
    data = fields.Dict(keys=fields.Str(), required=True)
    erased = fields.List(fields.Str(), required=True)
    hash = fields.Str(
        required=True, metadata={"description": "of the chain; empty where lines may be kept from who asks"}
    )


class DocumentOut(Schema):
    """A document that a case names."""

    field = fields.Str(required=True)
    title = fields.Nested(Words, required=True)
    sha256 = fields.Str(required=True)
    size = fields.Int(required=True)
    media_type = fields.Str(required=True)
    name = fields.Str(required=True)


class CaseOut(Straight):
    """A case as it stands."""

    id = Said(required=True)
    kind = Said(required=True)
    definition = Said(required=True, metadata={"description": "the content hash it is pinned to"})
    tenant = Said(required=True)
    state = Said(required=True)
    revision = Counted(required=True, metadata={"description": "also its ETag"})
    seq = Counted(required=True, metadata={"description": "lines of its history"})
    number = Said(required=True, allow_none=True)
    data = Data(keys=fields.Str(), required=True)
    relations = Data(keys=fields.Str(), values=fields.List(fields.Str()), required=True)
    clocks = Each(Clock, required=True)
    opened_on = Said(required=True, allow_none=True)
    closed = Whether(required=True)
    root = Said(required=True)
    slot = Said(required=True, allow_none=True)
    party = Said(required=True, allow_none=True)


class ToBeOut(CaseOut):
    """A case that was only tried: it has no id."""

    class Meta:
        """What only a case that is there has."""

        exclude = ("id", "root")


class EntriesOut(Schema):
    """A page of a history."""

    case = fields.Str(required=True)
    entries = fields.List(fields.Nested(EntryOut), required=True)
    next = fields.Str(
        required=True, allow_none=True, metadata={"description": "the address of the next page"}
    )


class WholeOut(CaseOut):
    """A case with what was asked for besides."""

    permitted = fields.List(fields.Nested(PermissionOut))
    children = fields.List(fields.Nested(CaseOut))
    overlays = fields.List(fields.Nested(CaseOut))
    documents = fields.List(fields.Nested(DocumentOut))
    history = fields.Nested(EntriesOut)


class CasesOut(Schema):
    """A page of cases."""

    cases = fields.List(fields.Nested(CaseOut), required=True)
    next = fields.Str(
        required=True, allow_none=True, metadata={"description": "the address of the next page"}
    )
    count = fields.Int(metadata={"description": "of all pages; with `Prefer: count=exact`"})


class SimilarOut(Schema):
    """A case that is like another."""

    score = fields.Float(required=True, metadata={"description": "0: nothing in common; 1: the same"})
    case = fields.Nested(CaseOut, required=True)


class SimilarAllOut(Schema):
    """Those that are likely about the same matter."""

    similar = fields.List(fields.Nested(SimilarOut), required=True)


class PermittedOut(Schema):
    """Every event of a case's definition."""

    case = fields.Str(required=True)
    revision = fields.Int(required=True)
    events = fields.List(fields.Nested(PermissionOut), required=True)


class ExplanationOut(Schema):
    """How a due day comes about."""

    case = fields.Str(required=True)
    clock = fields.Nested(Clock, required=True)
    sentence = fields.Nested(Words, required=True)
    lines = fields.List(fields.Nested(Words), required=True)
    source = fields.Str(required=True)


# --- a no


class FaultOut(Schema):
    """One reason of a problem."""

    code = fields.Str(required=True)
    texts = fields.Nested(Words, required=True)
    detail = fields.Str(required=True)
    pointer = fields.Str(metadata={"description": "JSON pointer (RFC 6901) into the body"})
    parameter = fields.Str(metadata={"description": "the name of a parameter of the query"})


class ProblemOut(Schema):
    """RFC 9457."""

    type = fields.Str(required=True)
    title = fields.Str(required=True)
    status = fields.Int(required=True)
    detail = fields.Str(required=True)
    code = fields.Str(required=True, metadata={"description": "stable; what a client may rely on"})
    texts = fields.Nested(Words, required=True)
    errors = fields.List(fields.Nested(FaultOut))
    revision = fields.Int(metadata={"description": "with `stale`: the current one"})
