"""A sample of `make fuzz-http` over every route and in every phase: no request made from the description breaks the service, or is
answered as it does not say.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .fuzz_http import fuzz

LEAST = 1500


@pytest.mark.timeout(400)
def test_a_few_hundred_requests(tmp_path: Path) -> None:
    done = fuzz(1, 7, tmp_path)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    made = re.search(r"([0-9,]+) generated", done.stdout)
    assert made and int(made[1].replace(",", "")) >= LEAST, done.stdout[-1500:]
