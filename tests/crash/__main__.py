"""`make crash`: 2,000 kills on each database. Environment: KILLS, SEED, TIBANDU_TEST_POSTGRESQL (another server)."""

from __future__ import annotations

import os
import random
import sys
import tempfile
from pathlib import Path

from sqlalchemy import create_engine, make_url, text
from tqdm import tqdm

from tests.crash.run import running
from tests.postgres import server


def main() -> int:
    """Run on both; 1 if anything was violated."""
    kills = int(os.environ.get("KILLS") or 2000)
    seed = int(os.environ.get("SEED") or random.randrange(10**6))
    violated = 0
    with tempfile.TemporaryDirectory() as folder, server() as postgres:
        violated += one(f"sqlite:///{folder}/crash.db", Path(folder) / "sqlite", kills, seed)
        admin = create_engine(
            make_url(postgres).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT"
        )
        name = f"crash_{os.getpid()}"
        with admin.connect() as connection:
            connection.execute(text(f"create database {name}"))
        url = make_url(postgres).set(database=name).render_as_string(hide_password=False)
        violated += one(url, Path(folder) / "postgresql", kills, seed)
        with admin.connect() as connection:
            connection.execute(text(f"drop database {name} with (force)"))
        admin.dispose()
    return 1 if violated else 0


def one(url: str, folder: Path, kills: int, seed: int) -> int:
    """One run; the number of violations."""
    folder.mkdir()
    with running(url, folder, seed) as run, tqdm(total=kills, unit=" kills", disable=None) as bar:
        report = run.go(kills, bar.update)
    print(report, flush=True)
    return len(report.violations)


if __name__ == "__main__":
    sys.exit(main())
