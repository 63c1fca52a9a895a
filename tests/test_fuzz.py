"""A sample of what `make fuzz` goes on with; the same inputs every time, no fuzzer needed."""

from __future__ import annotations

import pytest

from .fuzz import TARGETS, sample

NUMBER = {"file": 150, "library": 100, "guard": 1500}


@pytest.mark.parametrize("target", TARGETS)
def test_a_sample(target: str) -> None:
    for data in sample(target, NUMBER[target]):
        try:
            TARGETS[target](data)
        except BaseException:
            print(f"{target}: {data!r}")
            raise


def test_the_sample_is_the_same_every_time() -> None:
    assert list(sample("guard", 20)) == list(sample("guard", 20)) != list(sample("guard", 20, seed=1))
