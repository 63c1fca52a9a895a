"""The few steps of a lifecycle: every state stands in one, in an order the arrows mostly follow."""

from __future__ import annotations

from pathlib import Path

import pytest

from workflow.loader import load_definitions

LIBRARY = load_definitions(Path(__file__).parents[1] / "definitions")


def test_a_suggestion_has_the_seven_steps_everybody_knows() -> None:
    titles = [stage.title.zh for stage in LIBRARY.stages["suggestion"]]
    assert titles == ["提出", "审核", "交办", "办理", "答复", "征询", "办结"]


@pytest.mark.parametrize("name", sorted(LIBRARY.stages))
def test_a_case_begins_in_the_first_step_and_ends_or_is_dropped(name: str) -> None:
    definition, steps = LIBRARY.definition(name), LIBRARY.stages[name]
    assert definition.initial in steps[0].states
    assert any(definition.states[state].end for state in steps[-1].states)
    assert sorted(state for step in steps for state in step.states) == sorted(definition.states)
