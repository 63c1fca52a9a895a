"""What a term is told to be: how many, when, with which outcomes; and the figures it is measured by.

A scenario is a YAML file read as safely as a definition. Every number has a source: the article, a published page, or the
word `assumed`. Outcomes are stated as counts (so many of each) and dealt out by the seed; nothing else is left to chance.
"""

from __future__ import annotations

import re
import types
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from workflow import WorkflowError, read_plain
from workflow.errors import Text, no_such, suggest

FOLDER = Path(__file__).parent.parent / "scenarios"


class ScenarioFault(WorkflowError):
    """A scenario file that cannot be run, with every fault."""

    def __init__(self, faults: list[Text]) -> None:
        zh, en = (";".join(getattr(fault, language) for fault in faults) for language in ("zh", "en"))
        super().__init__(Text(zh, en))


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A number somebody printed; `name` is that of a query in figures.py."""

    name: str
    value: int
    zh: str
    en: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Parties:
    """How many of whom."""

    city: int
    county: int
    township: int
    homes: int
    stations: int
    group_size: int
    units: int
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPlan:
    """A yearly session and what becomes of its suggestions; each mapping of counts adds up to `suggestions`."""

    name: str
    opens: date
    closes: date
    suggestions: int
    from_motion: int = 0
    results: Mapping[str, int]
    levels: Mapping[str, int]
    key_supervised: int = 0
    transferred: Mapping[str, int] | None = None
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Receptions:
    """Reception days: the months, and the policy by which the 15th moves or does not."""

    first: str
    months: int
    policy: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinions:
    """Voters' opinions collected at the stations; `outcomes` are weights of the ways they go."""

    total: int
    concluded: int
    outcomes: Mapping[str, int]
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """Meetings and inspections of one kind that deputies join: so many in the term, `places` person-times in all."""

    kind: str
    times: int
    places: int
    subjects: int = 1
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A term. `congress` as it is spoken of (六届); `tenant` of the city; `seed` of everything drawn."""

    scenario: str
    zh: str
    en: str
    source: str
    seed: str
    place: str
    tenant: str
    congress: str
    begins: date
    ends: date
    parties: Parties
    sessions: tuple[SessionPlan, ...]
    receptions: Receptions | None = None
    opinions: Opinions | None = None
    activities: tuple[Activity, ...] = ()
    figures: tuple[Figure, ...] = ()

    def under(self, policy: str) -> Scenario:
        """The same term under another policy of the 15th."""
        return replace(self, receptions=self.receptions and replace(self.receptions, policy=policy))


def named(name: str) -> Path:
    """The file of one of our own scenarios. Raises ScenarioFault with the names there are."""
    path = FOLDER / f"{name}.yaml"
    if not path.is_file():
        known = sorted(file.stem for file in FOLDER.glob("*.yaml"))
        raise ScenarioFault([no_such(Text("情景", "scenario"), name, known)])
    return path


def load(path: Path) -> Scenario:
    """Read one file. Raises DefinitionError for bad YAML, ScenarioFault with every other fault."""
    faults: list[Text] = []
    scenario = _made(Scenario, read_plain(path), path.name, faults)
    if faults:
        raise ScenarioFault(faults)
    faults += _contradictions(scenario)
    if faults:
        raise ScenarioFault(faults)
    found: Scenario = scenario
    return found


def _made(kind: Any, data: Any, where: str, faults: list[Text]) -> Any:
    """A value of that type, built from plain data; what does not fit is noted."""
    if is_dataclass(kind):
        return _record(kind, data, where, faults)
    origin, inner = get_origin(kind), get_args(kind)
    if origin is types.UnionType:
        return None if data is None else _made(inner[0], data, where, faults)
    if origin is tuple and isinstance(data, list):
        return tuple(_made(inner[0], one, f"{where}[{place}]", faults) for place, one in enumerate(data))
    if getattr(origin, "__name__", "") == "Mapping" and isinstance(data, dict):
        return {str(key): _made(inner[1], value, f"{where}.{key}", faults) for key, value in data.items()}
    wanted: type = kind if origin is None else origin
    if kind is date and isinstance(data, str):
        data = _date(data)
    if not isinstance(data, wanted) or isinstance(data, bool):
        name = getattr(kind, "__name__", str(kind))
        faults.append(
            Text(f"{where}：须为 {name}，不能是 {data!r}", f"{where}: must be {name}, not {data!r}")
        )
    return data


def _record(kind: Any, data: Any, where: str, faults: list[Text]) -> Any:
    if not isinstance(data, dict):
        faults.append(Text(f"{where}：须为键值表", f"{where}: must be a mapping"))
        return None
    known: dict[str, Field[Any]] = {field.name: field for field in fields(kind)}
    for key in data:
        if key not in known:
            zh, en = suggest(str(key), known)
            faults.append(Text(f"{where}.{key}：没有此项{zh}", f"{where}.{key}: unknown{en}"))
    missing = [name for name, field in known.items() if field.default is MISSING and name not in data]
    faults += [Text(f"{where}.{name}：缺少", f"{where}.{name}: missing") for name in missing]
    hints = get_type_hints(kind)
    values = {
        name: _made(hints[name], data[name], f"{where}.{name}", faults) for name in known if name in data
    }
    return None if missing else kind(**values)


def _date(text: str) -> Any:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return text


def _contradictions(scenario: Scenario) -> Iterator[Text]:
    """Counts that do not add up, days outside the term."""
    for session in scenario.sessions:
        where = f"{scenario.scenario}: {session.name}"
        for name in ("results", "levels"):
            count = sum(getattr(session, name).values())
            if count != session.suggestions:
                yield Text(
                    f"{where}:{name} 合计 {count}，应为 {session.suggestions}",
                    f"{where}: {name} add up to {count}, not {session.suggestions}",
                )
        if not scenario.begins <= session.opens <= session.closes <= scenario.ends:
            yield Text(
                f"{where}：会期不在任期内或次序颠倒", f"{where}: its days lie outside the term or are swapped"
            )
    if re.fullmatch("[a-z0-9_-]+(/[a-z0-9_-]+)*", scenario.tenant) is None:
        yield Text("tenant 须为小写字母、数字和 / ", "tenant: lower-case letters, digits and / only")
    opinions = scenario.opinions
    if opinions and opinions.concluded > opinions.total:
        yield Text("opinions.concluded 大于 total", "opinions.concluded is more than total")
