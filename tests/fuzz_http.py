"""Requests nobody would think of, made from the description by schemathesis: its examples, the edges of every schema, chance, and
calls that follow from one another; against a real service of a small city.

    python -m tests.fuzz_http [EXAMPLES] [SEED]      per operation and phase; about 60 requests for each
"""

from __future__ import annotations

import json
import logging
import re
import subprocess
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from werkzeug.serving import make_server

from workflow import Engine
from workflow.testing import FrozenClock

from . import http_walk as city

ROADS = {"lead_unit": "roads"}
WAY: Sequence[tuple[str, Mapping[str, object]]] = (
    ("accept", {"session": "五次"}), ("assign", ROADS), ("send_back", {"return_reason": "不属本单位"}),
    ("reply", {"reply_letter": city.LETTER, "promised": False}), ("ask", {}), ("conclude", {}),
)  # fmt: skip
"""the events of this city with forms that are complete: a walk takes whichever its case is ready for"""
CONFIG = Path(__file__).parent / "data" / "schemathesis.toml"


@contextmanager
def service(folder: Path, *, cases: bool = True) -> Iterator[str]:
    """The address of a service on a database of its own; `cases`: with some in it, for the searches to find."""
    engine = Engine(
        f"sqlite:///{Path(tempfile.mkdtemp(dir=folder)) / 'fuzz.db'}",
        city.city(),
        clock=FrozenClock(city.TODAY),
    )
    engine.create_schema()
    city.staff(engine)
    for role in ("unit_clerk", "unit_head"):
        engine.grant(
            city.OPERATOR, role, city.TENANT, unit="roads"
        )  # the walks go to roads, what is seeded does not
    city.register(engine)
    engine.tick()  # so that it is ready: somebody ticks
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    app = city.served(engine)
    if cases:
        _seed(city.Client(app))
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()
        engine.database.dispose()


def _seed(client: city.Client) -> None:
    """A case filed, one handled, one evaluated, and a calendar."""
    client.evaluating()
    client.handling()
    client.started()
    client("li.wei", "POST", "/v1/feeds", {"of": "unit", "unit": "housing"})


def described(address: str, folder: Path) -> Path:
    """The description as it is served, with links that know what the forms of this city ask for: a walk goes from the proposal to
    the survey with ids and revisions it was told.
    """
    with urllib.request.urlopen(f"{address}/v1/openapi.json") as answer:
        found = json.load(answer)
    # The runner is told where the service is, and has a token: neither a browser's session nor another's name. With `servers` or a
    # free text for `Prefer` (tests/test_http_cases.py asks for it) its walks of a dozen examples made 29,000 requests, not 300.
    found.pop("servers", None)
    schemes = found["components"]["securitySchemes"]
    found["components"]["securitySchemes"] = {"bearer": schemes["bearer"]}
    for item in found["paths"].values():
        for operation in item.values():
            operation["security"] = operation["security"][:1]
            operation["parameters"] = [
                p for p in operation.get("parameters", ()) if p.get("name") != "Prefer"
            ]
    case, event = found["paths"]["/v1/cases"]["post"], found["paths"]["/v1/cases/{id}/events/{event}"]["post"]
    told = {"id": "$response.body#/id", "If-Match": "$response.header.ETag"}
    for answer, way in ((case["responses"]["201"], WAY[:1]), (event["responses"]["200"], WAY[1:])):
        answer["links"] |= {
            f"{name} the case": {
                "operationId": "fire", "parameters": told | {"event": name, "dry_run": "false"}, "requestBody": {"data": data},
                "x-schemathesis": {"merge_body": False},
            }
            for name, data in way
        }  # fmt: skip
    body = case["requestBody"]["content"]["application/json"]
    body["schema"] = {"anyOf": [{"const": city.START}, body["schema"]]}
    file = folder / "openapi.json"
    file.write_text(json.dumps(found), "utf-8")
    return file


def fuzz(examples: int, seed: int, folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """Run it; the output ends with how many requests were made."""
    program = Path(sys.executable).with_name("schemathesis")
    with service(folder) as address:
        return subprocess.run(
            [program, "--config-file", CONFIG, "run", described(address, folder), "--url", address, "--no-color",
             "-H", f"Authorization: Bearer {city.OPERATOR}", "--max-examples", str(examples), "--seed", str(seed), *more],
            cwd=folder, capture_output=True, text=True, check=False,
        )  # fmt: skip


WALK = (
    "--phases",
    "stateful",
    "--mode",
    "positive",
    "--include-operation-id-regex",
    "^(start|fire|case|clock|search)$",
)
"""one case after the other along the links alone: from its proposal as far as chance takes it"""


STUCK = "InvalidDefinition: No progress can be made"
"""the runner found no call to go on with in a walk; it says nothing of the service, and ends as if it did"""


def failed(done: subprocess.CompletedProcess[str]) -> bool:
    """Whether the service did something it must not, or nothing could be asked of it."""
    found = "= FAILURES =" in done.stdout or re.search(r"\d+ generated", done.stdout) is None
    return bool(done.returncode) and (
        found or done.stdout.count("Runtime Error: 1") != done.stdout.count(STUCK)
    )


if __name__ == "__main__":
    wanted = [int(word) for word in sys.argv[1:]]
    with tempfile.TemporaryDirectory() as name:
        examples, seed = wanted + [30, 1][len(wanted) :]
        done = [fuzz(examples, seed, Path(name)), fuzz(4 * examples, seed, Path(name), *WALK)]
    for one in done:
        print(one.stdout, one.stderr)
    sys.exit(any(failed(one) for one in done))
