"""`make mutants`: break each invariant once and count who notices."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

from . import Mutant, Tree, Verdict, mutants, run

WORKERS = 2


def main(arguments: Sequence[str]) -> int:
    """0 if all were caught, else 1."""
    begun = time.monotonic()
    wanted = [
        m for m in mutants() if not arguments or f"{m.invariant:02}" in arguments or m.name in arguments
    ]
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        trees = [Tree(Path(folder) / str(number)) for number in range(WORKERS)]
        free: SimpleQueue[Tree] = SimpleQueue()
        for tree in trees:
            free.put(tree)

        def one(mutant: Mutant) -> Verdict:
            tree = free.get()
            try:
                return run(mutant, tree)
            finally:
                free.put(tree)

        with ThreadPoolExecutor(WORKERS) as pool:
            verdicts = [tell(verdict) for verdict in pool.map(one, wanted)]
        for tree in trees:
            tree.close()
    caught = sum(bool(verdict.caught_by) for verdict in verdicts)
    print(f"{caught}/{len(verdicts)} caught, {time.monotonic() - begun:.0f} s")
    return 0 if verdicts and caught == len(verdicts) else 1


def tell(verdict: Verdict) -> Verdict:
    """One line; of a mutant nobody saw, what its test said."""
    by = f"caught by the {verdict.caught_by}" if verdict.caught_by else "NOT CAUGHT"
    print(f"{verdict.mutant.invariant:2}  {by:18}  {verdict.mutant.breaks}", flush=True)
    if not verdict.caught_by:
        print(verdict.output[-2000:], flush=True)
    return verdict


sys.exit(main(sys.argv[1:]))
