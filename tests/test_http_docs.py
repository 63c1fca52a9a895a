"""docs/http.md by hand: its commands are run with curl against `tibandu serve`, and answer what stands behind them."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from flask import Flask

from api.problems import TITLES
from api.table import ROUTES
from workflow import Engine

from . import http_walk as city

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "http.md").read_text("utf-8")
SECTION = PAGE[PAGE.index("## One suggestion, with curl") :].partition("\n## ")[0]
BLOCKS = re.findall(r"```(python|bash)\n(.*?)```", SECTION, re.DOTALL)


@pytest.mark.timeout(240)
def test_one_suggestion_with_curl(tmp_path: Path) -> None:
    (_, grants), (_, start), (_, walk) = BLOCKS
    (tmp_path / "definitions").symlink_to(ROOT / "definitions")
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
    }
    subprocess.run([sys.executable, "-c", grants], cwd=tmp_path, env=environment, check=True, timeout=100)
    lines = start.strip().splitlines()
    subprocess.run(["bash", "-ec", "\n".join(lines[:-1])], cwd=tmp_path, check=True, timeout=60)
    command = lines[-1].removesuffix(" &").split()
    with subprocess.Popen(
        [*command, "--port", "0"], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True
    ) as serving:
        assert serving.stdout is not None
        try:
            address = serving.stdout.readline().split()[-1]
            script = walk.replace("http://127.0.0.1:8015", address)
            assert address in script
            done = subprocess.run(
                ["bash", "-eu", "-o", "pipefail", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=150,
                check=False,
            )  # fmt: skip
            told = too_much(address)
        finally:
            serving.send_signal(signal.SIGTERM)
    promised = re.findall(r"  # (\S+)$", walk, re.MULTILINE)
    assert (done.stdout.split(), done.returncode) == (promised, 0), done.stderr + done.stdout
    assert promised[-2] == "concluded"
    (most,) = re.findall(r"at most (\d+) KiB under `tibandu serve`", PAGE)
    assert told.startswith("431 ") and f"{int(most) << 10}" in told


def too_much(address: str) -> str:
    """What a running service says to more headers than it takes."""
    asked = urllib.request.Request(f"{address}/healthz/live", headers={"X-Much": "x" * (300 << 10)})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(asked, timeout=60)
    with refused.value as answer:
        return f"{answer.status} {answer.read().decode()}"


def test_the_page_names_every_route_and_every_code() -> None:
    told = set(re.findall(r"`([a-z_]+)`", PAGE))
    assert set(TITLES) <= told
    paths = {re.sub(r"<(\w+)>", r"{\1}", route.path) for route in ROUTES}
    for path in paths:
        short = "…" + path.removeprefix("/v1/definitions") if path.startswith("/v1/definitions/") else path
        assert path in PAGE or short in PAGE or path.removeprefix("/v1/definitions/{kind}") in PAGE, path


def test_every_test_that_the_security_page_names_is_there() -> None:
    page = (ROOT / "docs" / "security.md").read_text("utf-8")
    file = ""
    for name, test in re.findall(r"`(test_\w+\.py|…)(?:::(\w+))?`", page):
        file = file if name == "…" else name
        assert not test or f"def {test}(" in (ROOT / "tests" / file).read_text("utf-8"), f"{file}::{test}"


def test_the_lines_for_a_host(tmp_path: Path, sqlite_url: str) -> None:
    (block,) = [
        text for text in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if "register_blueprint" in text
    ]
    engine = Engine(sqlite_url, city.city())
    engine.create_schema()
    app = Flask("host")
    exec(block, {"engine": engine, "app": app, "identify": city.bearer, "path": tmp_path / "documents"})
    assert app.test_client().get("/congress/v1/health").status_code == 200
    engine.database.dispose()


SERVICE = """
from flask import Request
from api import create_app, nobody
from workflow import Engine, load_definitions

engine = Engine("sqlite:///served.db", load_definitions("definitions"))
engine.create_schema()
app = create_app(engine, nobody)
"""


def test_gunicorn_serves_it(tmp_path: Path) -> None:
    (tmp_path / "service.py").write_text(SERVICE, "utf-8")
    (tmp_path / "definitions").symlink_to(city.FOLDER)
    command = re.search(r"`gunicorn (.*?) service:app`", PAGE)
    assert command
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    address = f"127.0.0.1:{port}"
    program = Path(sys.executable).with_name("gunicorn")
    with subprocess.Popen(
        [program, *command[1].split(), "--bind", address, "service:app"], cwd=tmp_path, stderr=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    ) as serving:  # fmt: skip
        assert serving.stderr is not None
        try:
            for line in serving.stderr:
                if "Booting worker" in line:
                    break
            with urllib.request.urlopen(f"http://{address}/v1/health", timeout=60) as answer:
                assert answer.status == 200
        finally:
            serving.send_signal(signal.SIGTERM)
            serving.stderr.read()
