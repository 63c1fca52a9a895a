"""A sample of `make fuzz-http` over every route and in every phase: no request made from the description breaks the service, or is
answered as it does not say.
"""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from .fuzz_http import WALK, failed, fuzz

LEAST = 2000
SEEDED = 4
"""steps of that kind that were there before the walk"""


@pytest.mark.timeout(400)
def test_a_few_hundred_requests(tmp_path: Path) -> None:
    done = fuzz(1, 7, tmp_path)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    made = re.search(r"([0-9,]+) generated", done.stdout)
    assert made and int(made[1].replace(",", "")) >= LEAST, done.stdout[-1500:]


@pytest.mark.timeout(400)
def test_a_walk_goes_on_with_the_ids_and_revisions_it_was_told(tmp_path: Path) -> None:
    """Along the links of the description: proposed, accepted, assigned, read again; no step answered as it does not say."""
    done = fuzz(4, 7, tmp_path, *WALK)
    assert not failed(done), done.stdout[-6000:] + done.stderr[-2000:]
    covered = re.search(r"API Links: +([0-9]+) covered / ([0-9]+) selected", done.stdout)
    assert covered and int(covered[1]) > int(covered[2]) // 2, done.stdout[-3000:]
    (file,) = tmp_path.glob("*/fuzz.db")
    with closing(sqlite3.connect(file)) as database:
        query = "select count(*) from tibandu_history where event in ('accept', 'assign')"
        assert database.execute(query).fetchone()[0] > SEEDED
