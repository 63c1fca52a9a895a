"""docs/http.md by hand: its commands are run with curl against `tibandu serve`, and answer what stands behind them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from api.problems import TITLES
from api.table import ROUTES

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
        finally:
            serving.send_signal(signal.SIGTERM)
    promised = re.findall(r"  # (\S+)$", walk, re.MULTILINE)
    assert (done.stdout.split(), done.returncode) == (promised, 0), done.stderr + done.stdout
    assert promised[-2] == "concluded"


def test_the_page_names_every_route_and_every_code() -> None:
    told = set(re.findall(r"`([a-z_]+)`", PAGE))
    assert set(TITLES) <= told
    paths = {re.sub(r"<(\w+)>", r"{\1}", route.path) for route in ROUTES}
    for path in paths:
        short = "…" + path.removeprefix("/v1/definitions") if path.startswith("/v1/definitions/") else path
        assert path in PAGE or short in PAGE or path.removeprefix("/v1/definitions/{kind}") in PAGE, path
