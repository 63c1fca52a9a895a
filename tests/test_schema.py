"""The JSON Schema for editors and the loader know the same keys, and refuse the same slips."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workflow import grammar, yaml_reader
from workflow.calendars import KEYS, YEAR_KEYS
from workflow.errors import Fault
from workflow.shapes import Either, Many, OneOf, OneOrMany, Record, Source, Table
from workflow.yaml_reader import Faults

from .broken import GOOD, TIMES

ROOT = Path(__file__).parent.parent
SCHEMA = json.loads((ROOT / "workflow" / "definition.schema.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def _plain(text: str) -> object:
    """As an editor reads it: by YAML 1.2, where a date is a text."""

    def plain(node: yaml_reader.Node) -> object:
        if isinstance(node, yaml_reader.Pairs):
            return {key: plain(value) for key, (_, value) in node.pairs.items()}
        return [plain(item) for item in node.items] if isinstance(node, yaml_reader.Items) else node.value

    tree = yaml_reader.read(text.encode(), Faults("x"))
    assert tree is not None
    return plain(tree)


def test_the_schema_file_is_the_one_of_the_loader() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert grammar.json_schema() == SCHEMA, (
        "write json.dumps(json_schema(), ensure_ascii=False, indent=2) into it"
    )


def test_the_calendar_knows_the_same_keys() -> None:
    assert set(grammar.CALENDAR.keys) == KEYS
    assert set(grammar.YEAR.keys) == YEAR_KEYS


OURS = [*sorted(GOOD.glob("*.yaml")), *sorted((ROOT / "definitions").rglob("*.yaml"))]


@pytest.mark.parametrize("path", OURS, ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_every_good_file_fits_the_schema(path: Path) -> None:
    VALIDATOR.validate(_plain(path.read_text(encoding="utf-8")))


def _documents(shape: object) -> st.SearchStrategy[object]:
    """Documents of a shape, as far as structure goes."""
    if isinstance(shape, Record):
        required = {name: _documents(s) for name, s in shape.required.items()}
        optional = {name: _documents(s) for name, s in shape.optional.items()}
        return st.fixed_dictionaries(required, optional=optional).flatmap(lambda d: _choose(shape, d))
    if isinstance(shape, Table):
        return st.dictionaries(_keys(shape.name), _documents(shape.item), min_size=shape.least, max_size=2)
    if isinstance(shape, Many):
        return st.lists(_documents(shape.item), min_size=shape.least, max_size=2, unique_by=json.dumps)
    if isinstance(shape, OneOrMany):
        return _documents(shape.item)
    if isinstance(shape, Either):
        return st.one_of(_documents(shape.pairs), _documents(shape.other))
    if isinstance(shape, OneOf):
        return st.one_of(*map(_documents, shape.shapes))
    return _scalars(shape)


def _choose(shape: Record, document: dict[str, object]) -> st.SearchStrategy[object]:
    """Exactly one key of each group."""
    chosen = st.tuples(*(st.sampled_from(group) for group in shape.one_of))

    def keep(names: tuple[str, ...]) -> st.SearchStrategy[object]:
        others = {name for group in shape.one_of for name in group} - set(names)
        rest = {key: value for key, value in document.items() if key not in others}
        return st.fixed_dictionaries({name: _documents(shape.keys[name]) for name in names}).map(
            lambda d: {**rest, **d}
        )

    return chosen.flatmap(keep)


def _keys(shape: object) -> st.SearchStrategy[str]:
    return _scalars(shape).map(str)


def _scalars(shape: object) -> st.SearchStrategy[object]:
    schema = shape.schema()  # type: ignore[attr-defined]
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if schema.get("type") == "boolean":
        return st.booleans()
    if schema.get("type") == "integer":
        return st.integers(schema["minimum"], min(schema["maximum"], 99))
    if schema.get("format") == "date":
        return st.dates().map(lambda day: day.isoformat())
    if schema.get("maxLength"):
        return st.text("甲乙ab :#-'{}[]&*!", min_size=1, max_size=8).filter(lambda text: text.strip())
    pattern = schema["pattern"]
    banned = schema.get("not", {}).get("enum", ())
    if "\\d" in pattern:
        return st.dates().map(lambda day: f"{day.isoformat()}")
    fitting = st.from_regex(pattern.removesuffix("$") + r"\Z", fullmatch=True)
    return fitting.filter(lambda text: text not in banned and len(text) < 60 and text.isprintable())


STRUCTURAL = {
    "unknown_key", "missing_key", "too_many_keys", "not_a_mapping", "not_a_list", "not_text", "not_boolean", "not_integer",
    "bad_form", "bad_choice", "quote_it", "out_of_range", "empty", "number_in_definition", "reserved_name", "not_a_date",
    "callable",
}  # fmt: skip
"""What the schema promises to have looked at; `missing_key` also has causes the schema cannot see."""


@pytest.mark.parametrize("kind", grammar.KINDS)
@settings(max_examples=12 * TIMES, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_what_the_schema_allows_has_the_right_structure(kind: str, data: st.DataObject) -> None:
    document = data.draw(_documents(grammar.KINDS[kind]))
    VALIDATOR.validate(document)
    faults = _faults(kind, _first(kind, document))
    assert not {fault.code for fault in faults} & {*STRUCTURAL, "yaml_syntax"}, faults


def _faults(kind: str, content: bytes) -> list[Fault]:
    """What reader and shape say of one file."""
    faults = Faults("x")
    tree = yaml_reader.read(content, faults)
    if tree is not None:
        grammar.KINDS[kind].check(tree, (), Source(faults, kind))
    return faults.found


def _first(kind: str, document: object) -> bytes:
    assert isinstance(document, dict)
    ordered = {kind: document[kind], **document}
    return json.dumps(ordered, ensure_ascii=False).encode()


def _renamed(document: object, shape: object, path: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    """The paths of all keys of a document that are the language's and not the author's."""
    if isinstance(shape, Record) and isinstance(document, dict):
        own = [(*path, key) for key in document if key in shape.keys]
        return own + [
            p
            for key in document
            if key in shape.keys
            for p in _renamed(document[key], shape.keys[key], (*path, key))
        ]
    if isinstance(shape, Table) and isinstance(document, dict):
        return [p for key, value in document.items() for p in _renamed(value, shape.item, (*path, key))]
    if isinstance(shape, (Many, OneOrMany)):
        items = document if isinstance(document, list) else [document]
        steps = [(index,) for index in range(len(items))] if isinstance(document, list) else [()]
        return [
            p
            for item, step in zip(items, steps, strict=True)
            for p in _renamed(item, shape.item, (*path, *step))
        ]
    if isinstance(shape, Either):
        inner = shape.pairs if isinstance(document, dict) else shape.other
        return _renamed(document, inner, path)
    return []


def _rename(document: object, path: tuple[object, ...]) -> object:
    if len(path) == 1 and isinstance(document, dict):
        return {f"{key}x" if key == path[0] else key: value for key, value in document.items()}
    if isinstance(document, dict):
        return {key: _rename(value, path[1:]) if key == path[0] else value for key, value in document.items()}
    assert isinstance(document, list)
    return [_rename(value, path[1:]) if index == path[0] else value for index, value in enumerate(document)]


@pytest.mark.parametrize("path", sorted(GOOD.glob("*.yaml")), ids=lambda p: p.stem)
def test_every_renamed_key_is_refused_by_both(path: Path) -> None:
    document = _plain(path.read_text(encoding="utf-8"))
    assert isinstance(document, dict)
    kind = next(iter(document))
    paths = _renamed(document, grammar.KINDS[kind])
    assert len(paths) >= len(grammar.KINDS[kind].required)
    for where in paths:
        changed = _rename(document, where)
        if kind == "codes" and where[-1] in ("source", "confidence") and "values" in where[:-1]:
            continue  # a code may carry what its list declares, and the schema cannot know the list
        assert not VALIDATOR.is_valid(changed), where
        assert _faults(kind, json.dumps(changed, ensure_ascii=False).encode()), where
