"""A walk along the links of the description, as far as they lead: each step is what an answer before it said could follow. It goes
where it has not been first, so that a hundred requests get from the proposal to the end; the runner of tests/fuzz_http.py, which
draws each step by chance, gets a few events far with as many.

What is taken on trust is only what each event's form holds and who may send it (`FURTHER`); where an id, a revision, a token or a
job is, the links say. Every answer has to be one that the description knows, in its status and in its shape.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from flask.testing import FlaskClient
from jsonschema import Draft202012Validator

from .fuzz_service import START, WAY
from .lifecycle import SUGGESTION

FURTHER: Sequence[tuple[str, str, Mapping[str, object]]] = (
    ("request_return", "wu", {"return_reason": "不属本单位", "competent_unit": "roads"}),
    ("refuse_return", "li", {"return_decision": "仍由你单位办理"}),
    ("answer", "dep1", {"level": "satisfied", "attitude_level": "satisfied"}),
    ("correct", "dep1", {"level": "satisfied", "attitude_level": None}), ("tally", "sun", {}), ("settle", "sun", {}),
)  # fmt: skip
"""back, and from the survey to the end"""
PEOPLE = ("li", "wang", "wu", "sun", "dep1")
"""who looks at a case, each with a revision of his own"""
STATE = {
    "$response.body#/id": "$response.body#/state", "$response.body#/children/0/id": "$response.body#/children/0/state",
    "$response.body#/case": "$response.body#/revision",
}  # fmt: skip
"""where the state of the case stands whose id stands there"""
STALE = 412
READERS = ("li", "sun", "")
"""who asks for all else that there is"""
EXPRESSION = re.compile(r"\$response\.body#(/[^}]*)|\$response\.header\.([A-Za-z-]+)|\$request\.path\.(\w+)")


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered, to whom, and to what."""

    operation: str
    who: str
    status: int
    path: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any


@dataclass(frozen=True, slots=True)
class Step:
    """A question that a link leads to."""

    operation: str
    who: str
    values: Mapping[str, Any]
    body: Any = None
    seen: Any = None
    """of the case as it was seen: what was refused then is not asked again"""

    @property
    def name(self) -> str:
        """The operation, of an event that event."""
        return str(self.values.get("event", self.operation))

    @property
    def aim(self) -> str:
        """What there would be nothing new in."""
        plain = {name: value for name, value in self.values.items() if name != "If-Match"}
        return json.dumps([self.operation, self.who, plain, self.seen], sort_keys=True)


@dataclass
class Walk:
    """One walk; `reached` counts what was done, by event or operation."""

    client: FlaskClient
    found: Mapping[str, Any]
    dice: Random
    reached: Counter[str] = field(default_factory=Counter)
    sent: int = 0
    faults: list[str] = field(default_factory=list)
    _answers: dict[tuple[str, str, str], Answer] = field(default_factory=dict)
    """the latest of each"""
    _tried: set[str] = field(default_factory=set)
    _moves: int = 0
    """after each a case may be looked at again"""

    def go(self, requests: int) -> None:
        """So many requests, or until nothing new is left."""
        data = {**SUGGESTION, "signers": ["dep1"]}
        for again in range(2):
            self._ask(Step("start", "li", {}, {**START["li"], "data": data}, again))
        while self.sent < requests:
            steps = [step for step in self._steps() if step.aim not in self._tried]
            if not steps:
                return
            least = min(self.reached[step.name] for step in steps)
            self._ask(self.dice.choice([step for step in steps if self.reached[step.name] == least]))

    def _steps(self) -> Iterator[Step]:
        for answer in self._answers.values():
            responses = self._operation(answer.operation)[2]["responses"]
            for link in responses[str(answer.status)].get("links", {}).values():
                yield from self._along(link, answer)

    def _along(self, link: Mapping[str, Any], answer: Answer) -> Iterator[Step]:
        values = {name: _value(said, answer) for name, said in link["parameters"].items()}
        path, _, operation = self._operation(link["operationId"])
        whole = all(f"{{{name}}}" not in path or name in values for name in ("event", "id", "token"))
        if None in values.values() or not whole or ("requestBody" in operation and "requestBody" not in link):
            return
        name, event = link["operationId"], values.get("event")
        sender = next((who for one, who, _ in (*WAY, *FURTHER) if one == event), None)
        if name == "case":
            yield from (Step(name, who, values, None, self._moves) for who in PEOPLE)
        elif sender == answer.who or (event is None and answer.who in READERS):
            who = "" if "token" in values else answer.who
            state = _value(STATE[link["parameters"]["id"]], answer) if event else None
            yield Step(name, who, values, link.get("requestBody"), state)

    def _operation(self, name: str) -> tuple[str, str, Any]:
        for path, item in self.found["paths"].items():
            for method, operation in item.items():
                if operation["operationId"] == name:
                    return path, method, operation
        raise KeyError(name)

    def _ask(self, step: Step) -> None:
        self._tried.add(step.aim)
        self.sent += 1
        path, method, operation = self._operation(step.operation)
        places = {one["name"]: one["in"] for one in operation["parameters"]}
        sent: dict[str, dict[str, str]] = {"path": {}, "query": {}, "header": {}}
        for name, value in step.values.items():
            sent[places[name]][name] = str(value)
        for name, value in sent["path"].items():
            path = path.replace(f"{{{name}}}", value)
        headers = sent["header"] | ({"Authorization": f"Bearer {step.who}"} if step.who else {})
        more = {"json": step.body} if "requestBody" in operation else {}
        answer = self.client.open(
            path, method=method.upper(), query_string=sent["query"], headers=headers, **more
        )
        self._check(step, operation, answer)
        if answer.status_code == STALE:
            self._tried.discard(step.aim)
            self._anew(step.who)
        if answer.status_code >= 300:
            return
        self.reached[step.name] += 1
        self._moves += step.operation in ("fire", "invitation_answer")
        told = {name.lower(): value for name, value in answer.headers.items()}
        body = answer.json if answer.is_json else None
        at = (
            step.operation,
            json.dumps(step.values if step.operation == "case" else sent["path"], sort_keys=True),
            step.who,
        )
        if step.operation == "start":
            at = (step.operation, body["id"], step.who)
        self._answers[at] = Answer(step.operation, step.who, answer.status_code, sent["path"], told, body)

    def _anew(self, who: str) -> None:
        """Somebody was first: what he has seen goes, and he looks again at each case that he knows of."""
        seen = [one for one in self._answers.values() if one.who == who]
        cases = {one.body["id"] for one in seen if one.operation in ("start", "case", "fire")}
        self._answers = {at: one for at, one in self._answers.items() if one.who != who}
        self._moves += 1
        for case in sorted(cases):
            self._ask(Step("case", who, {"id": case}, None, self._moves))

    def _check(self, step: Step, operation: Mapping[str, Any], answer: Any) -> None:
        said = operation["responses"].get(str(answer.status_code))
        if said is None or answer.status_code >= 500:
            self.faults.append(f"{step}: {answer.status_code}")
            return
        shown = said.get("content", {}).get(answer.mimetype)
        if shown is None or "json" not in answer.mimetype:
            return
        schema = {**shown["schema"], "components": self.found["components"]}
        wrong = [
            str(one.message) for one in Draft202012Validator(schema).iter_errors(json.loads(answer.data))
        ]
        self.faults += [f"{step}: {answer.status_code}: {one}" for one in wrong[:3]]


def _value(said: str, answer: Answer) -> Any:
    """What an expression of a link stands for in this answer; None: it is not there."""
    if (found := EXPRESSION.fullmatch(said)) is None:
        if "{" not in said:
            return said
        inner = _value(said[said.index("{") + 1 : said.index("}")], answer)
        return None if inner is None else f"{said[: said.index('{')]}{inner}{said[said.index('}') + 1 :]}"
    place, header, parameter = found.groups()
    if header:
        return answer.headers.get(header.lower())
    if parameter:
        return answer.path.get(parameter)
    value = answer.body
    for part in place.split("/")[1:]:
        try:
            value = value[int(part)] if isinstance(value, list) else value[part]
        except (IndexError, KeyError, TypeError, ValueError):
            return None
    return value


def further(found: dict[str, Any]) -> dict[str, Any]:
    """The description with what the forms of the rest of the way hold, and a link and a job on it."""
    paths = found["paths"]
    case, fire = paths["/v1/cases/{id}"]["get"], paths["/v1/cases/{id}/events/{event}"]["post"]
    invite, batch = paths["/v1/cases/{id}/invitations"]["post"], paths["/v1/batches"]["post"]
    child = {"id": "$response.body#/children/0/id", "If-Match": '"{$response.body#/children/0/revision}"'}
    own = {"id": "$response.body#/id", "If-Match": "$response.header.ETag"}
    for answer in (case["responses"]["200"], fire["responses"]["200"]):
        links = answer.setdefault("links", {})
        links["whole"] = {"operationId": "case", "parameters": {"id": own["id"], "include": "children"}}
        links["its root"] = {"operationId": "case", "parameters": {"id": "$response.body#/root"}}
        for name, _, data in (*WAY, *FURTHER):
            for at in (own, child) if (name, _, data) in FURTHER else (own,):
                links[f"{name} {at['id']}"] = {
                    "operationId": "fire", "parameters": at | {"event": name}, "requestBody": {"data": data},
                }  # fmt: skip
    asked = {"events": ["answer", "correct"], "subject": "dep1", "until": "2026-12-31"}
    case["responses"]["200"]["links"]["a link for the child"] = {
        "operationId": "invite", "parameters": {"id": child["id"]}, "requestBody": asked,
    }  # fmt: skip
    invite["responses"]["201"]["links"]["answer by it"] = {
        "operationId": "invitation_answer", "parameters": {"token": "$response.body#/token"},
        "requestBody": {"data": {"level": "satisfied"}},
    }  # fmt: skip
    paths["/v1/cases"]["post"]["responses"]["201"]["links"]["many"] = {
        "operationId": "batch", "parameters": {"Prefer": "respond-async"}, "requestBody": {"rows": [dict(START["li"])]},
    }  # fmt: skip
    batch["parameters"] = [*batch["parameters"], {"name": "Prefer", "in": "header"}]
    return found
