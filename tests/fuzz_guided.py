"""The targets of fuzz.py under atheris, which sees which lines of ours an input reaches and goes on from there.

python -m tests.fuzz_guided TARGET [SECONDS]    a non-zero exit, and the input in .fuzz/, when something breaks
python -m tests.fuzz_guided TARGET FILE         that input again
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["workflow"]):
    from . import fuzz

OUT = Path(".fuzz")
SECONDS = "60"


def main(target: str, wanted: str = SECONDS) -> None:
    """Never returns: libFuzzer ends the process."""
    corpus = OUT / target
    corpus.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(fuzz.seeds(target)):
        (corpus / f"seed-{number}").write_bytes(data)
    what = [wanted] if Path(wanted).is_file() else [str(corpus), f"-max_total_time={wanted}", "-max_len=4096"]
    arguments = [sys.argv[0], *what, "-timeout=10", "-rss_limit_mb=1024", f"-artifact_prefix={OUT}/{target}-"]
    atheris.Setup(arguments, fuzz.TARGETS[target])
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
