"""Requests nobody would think of, made from the description by schemathesis: its examples, the edges of every schema, chance, and
calls that follow from one another; against a real service of the shipped definitions, asked by everybody.

    python -m tests.fuzz_http [--requests N] [--seed S] [--database sqlite|postgresql|both] [--examples E]

One seed after the other, each on a city of its own, until so many requests have arrived; `both`: in turn, the odd ones on SQLite.
It ends at the first fault of the service and says how to repeat it.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import tomllib
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from signal import SIG_IGN, SIGINT, default_int_handler, getsignal, signal
from subprocess import PIPE, STDOUT
from threading import Event
from typing import Any

from .fuzz_service import ANYBODY, DATABASES, START, WAY, Service, databases, service
from .fuzz_walk import Walk, further

CONFIG = Path(__file__).parent / "data" / "schemathesis.toml"
WALK = (
    "--phases",
    "stateful",
    "--mode",
    "positive",
    "--include-operation-id-regex",
    "^(start|fire|case)$",
)
"""one case after the other along the links alone: from its proposal as far as chance takes it"""


STUCK = "InvalidDefinition: No progress can be made"
"""the runner found no call to go on with in a walk; it says nothing of the service, and ends as if it did"""
EDGES = 8000
"""more than the examples of the description and the edges of its schemas make"""
STEPS = 600
"""requests of the walk along the links, from the proposal to the end (fuzz_walk.py)"""
SOME = 3
"""of what is there, no more of each kind stand in the description"""


def described(asked: Service, folder: Path, seed: int, some: int) -> Path:
    """The description as it is served, with links that know what our forms ask for (a walk goes from the proposal to the survey
    with ids and revisions it was told) and with the ids of what is there: half of what is asked for exists, for somebody. `some`:
    so many of each kind, other ones for other seeds.
    """
    with urllib.request.urlopen(f"{asked.address}/v1/openapi.json") as answer:
        found = json.load(answer)
    # The runner is told where the service is, and has a token: neither a browser's session nor another's name. `Prefer` is a free
    # text (tests/test_http_cases.py asks for it): the more a step has to draw, the more walks outgrow what the runner has room for.
    found.pop("servers", None)
    schemes = found["components"]["securitySchemes"]
    found["components"]["securitySchemes"] = {"bearer": schemes["bearer"]}
    dice = Random(seed)
    known = {name: dice.sample(values, min(some, len(values))) for name, values in asked.known().items()}
    for item in found["paths"].values():
        for operation in item.values():
            operation["security"] = operation["security"][:1]
            operation["parameters"] = [
                _known(p, known) for p in operation.get("parameters", ()) if p.get("name") != "Prefer"
            ]
    case, event = found["paths"]["/v1/cases"]["post"], found["paths"]["/v1/cases/{id}/events/{event}"]["post"]
    told = {"id": "$response.body#/id", "If-Match": "$response.header.ETag"}
    for answer, way in ((case["responses"]["201"], WAY[:1]), (event["responses"]["200"], WAY[1:])):
        answer["links"] |= {
            f"{name} the case": {
                "operationId": "fire", "parameters": told | {"event": name, "dry_run": "false"}, "requestBody": {"data": data},
                "x-schemathesis": {"merge_body": False},
            }
            for name, _, data in way
        }  # fmt: skip
    body = case["requestBody"]["content"]["application/json"]
    starts = dice.sample([*START.values()], min(some, len(START)))
    body["schema"] = {"anyOf": [*({"const": start} for start in starts), body["schema"]]}
    file = folder / "openapi.json"
    file.write_text(json.dumps(found), "utf-8")
    return file


def _known(parameter: dict[str, Any], known: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """A parameter of an address that may well be one of something that is there."""
    values = known.get(parameter.get("name", ""))
    if values is None or parameter.get("in") != "path":
        return parameter
    return parameter | {"schema": {"anyOf": [{"enum": list(values)}, parameter["schema"]]}}


@dataclass(frozen=True, slots=True)
class Ran:
    """How the runner ended, and what it said."""

    code: int
    said: str
    cut: bool
    """it had sent as many requests as it may, and was told to end"""

    @property
    def failed(self) -> bool:
        """Whether the service did something it must not, or nothing could be asked of it."""
        if "= FAILURES =" in self.said or re.search(r"\d+ generated", self.said) is None:
            return bool(self.code)
        return (
            bool(self.code) and not self.cut and self.said.count("Runtime Error: 1") != self.said.count(STUCK)
        )


def fuzz(asked: Service, folder: Path, examples: int, seed: int, *more: str) -> Ran:
    """Ask that service; what is said ends with how many requests were made."""
    program, cut = Path(sys.executable).with_name("schemathesis"), Event()
    command = [
        program, "--config-file", CONFIG, "run", described(asked, folder, seed, min(SOME, examples)), "--url", asked.address, "--no-color",
        "-H", f"Authorization: Bearer {ANYBODY}", "--max-examples", str(examples), "--seed", str(seed), *more,
    ]  # fmt: skip
    if getsignal(SIGINT) is SIG_IGN:  # by whoever started us in the background; the runner would inherit that
        signal(SIGINT, default_int_handler)
    with subprocess.Popen(command, cwd=folder, stdout=PIPE, stderr=STDOUT, text=True) as runner:

        def enough() -> None:
            cut.set()
            runner.send_signal(SIGINT)

        asked.anybody.after(most(examples, walk="stateful" in more), enough)
        said, _ = runner.communicate()
    return Ran(runner.returncode, said, cut.is_set())


def most(examples: int, *, walk: bool) -> int:
    """How many requests a run may send. Of a walk that is thrown away (it drew more than the runner has room for, or something
    that its schema does not take) nothing counts but its requests were sent: of those it allows 458 and 100 for each that counts.
    """
    steps = int(tomllib.loads(CONFIG.read_text("utf-8"))["phases"]["stateful"]["max-steps"])
    return 2 * steps * examples if walk else EDGES + 10 * steps * examples


def once(made: Callable[[str], str], database: str, examples: int, seed: int) -> tuple[int, str]:
    """All phases and the walks of one seed on a new city, by chance and along the links: how many requests arrived, and what was wrong."""
    with tempfile.TemporaryDirectory() as name, service(Path(name), made(database)) as asked:
        wrong, cut = "", 0
        for done in (
            fuzz(asked, Path(name), examples, seed),
            fuzz(asked, Path(name), 4 * examples, seed, *WALK),
        ):
            wrong += done.said if done.failed else ""
            cut += done.cut
        walk = Walk(
            asked.world.client, further(json.loads(described(asked, Path(name), seed, SOME).read_text("utf-8"))), Random(seed)
        )  # fmt: skip
        walk.go(STEPS)
        wrong += "\n".join(walk.faults)
        answers = " ".join(f"{status}:{number}" for status, number in sorted(asked.anybody.answers.items()))
        said = f"{asked.anybody.sent} requests by {len(asked.anybody.asked_by)} persons, {cut} run(s) cut, {answers}"
        far = f"a walk of {walk.sent} along the links did {len(walk.reached)} things"
        print(f"seed {seed} on {database}: {said}; {far}", flush=True)
    return asked.anybody.sent, wrong


def main(words: Sequence[str]) -> int:
    """Until so many requests were sent, or something is wrong."""
    parser = argparse.ArgumentParser(prog="tests.fuzz_http")
    parser.add_argument("--requests", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--examples", type=int, default=30)
    parser.add_argument("--database", choices=[*DATABASES, "both"], default="both")
    asked = parser.parse_args(words)
    sent, seed = 0, asked.seed
    with tempfile.TemporaryDirectory() as name, databases(Path(name)) as made:
        while sent < asked.requests:
            database = DATABASES[(seed + 1) % 2] if asked.database == "both" else asked.database
            arrived, wrong = once(made, database, asked.examples, seed)
            sent += arrived
            if wrong:
                print(wrong)
                print(
                    f"again: make fuzz-http REQUESTS=1 SEED={seed} DATABASE={database} EXAMPLES={asked.examples}"
                )
                return 1
            seed += 1
    print(f"{sent} requests, no fault of the service")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
