"""What others build on stays: the names of the package and how the engine's verbs are called."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

import workflow
from workflow import Engine

NAMES = {
    "Actor", "Case", "Clock", "Conflict", "DefinitionError", "Engine", "HistoryEntry", "NotFound", "Permission", "Refused",
    "WorkflowError", "load_definitions", "read_plain",
}  # fmt: skip

SIGNATURES = {
    "start": "kind, actor, data, *, tenant, key=, effective_on=, reason=, imported=, id=, receipt=, dry_run=, session=",
    "fire": "case, event, actor, data=, *, revision=, key=, effective_on=, reason=, imported=, number=, receipt=, dry_run=, session=",
    "batch": "requests, *, session=",
    "permitted": "case, actor, *, events=, session=",
    "tick": "limit=",
    "case": "case, *, actor=, session=",
    "children": "case, *, actor=, session=",
    "search": "*, actor=, kind=, state=, tenant=, number=, unit=, closed=, due_before=, after=, limit=, session=",
    "worklist": "actor, *, limit=, after=, session=",
    "history": "case, *, actor=, after=, limit=, session=",
    "case_at": "case, moment, *, actor=, session=",
    "explain": "case, clock, *, actor=, session=",
    "invite": "case, event, subject, *, until, by, session=",
    "revoke": "invitation, *, by, session=",
    "invitations": "case, *, by, session=",
    "sync_grants": "person, grants, *, by, session=",
}


def test_the_twelve_names() -> None:
    assert set(workflow.__all__) == NAMES
    assert all(hasattr(workflow, name) for name in NAMES)


@pytest.mark.parametrize("verb", SIGNATURES)
def test_signature(verb: str) -> None:
    assert written(getattr(Engine, verb)) == SIGNATURES[verb]


def written(function: object) -> str:
    """The signature without annotations; `=` where there is a default, `*` before what must be named."""
    words: list[str] = []
    for name, parameter in inspect.signature(function).parameters.items():  # type: ignore[arg-type]
        if parameter.kind is parameter.KEYWORD_ONLY and "*" not in words:
            words.append("*")
        words.append(name if parameter.default is parameter.empty else f"{name}=")
    return ", ".join(words[1:])


def test_the_import_is_light() -> None:
    """`import workflow` loads no web framework, no scheduler and no form library."""
    heavy = "{'flask', 'apscheduler', 'marshmallow'}"
    script = f"import sys, workflow; sys.exit(bool({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
