"""The four points at which whoever has proposed a suggestion is told outside the house: filed, assigned, replied, closed.

Which they are is data of ours, not the engine's. In the inbox stands everything all the same.
"""

from __future__ import annotations

from workflow.errors import Text

__all__ = ["MILESTONES", "STATES"]

MILESTONES = (
    (Text("受理", "accepted"), ("suggestion/accepted",)),
    (
        Text("交办", "assigned"),
        ("suggestion/assigned", "suggestion/handling_separately", "suggestion/merged"),
    ),
    (Text("答复", "replied"), ("suggestion/replied",)),
    (Text("办结", "concluded"), ("suggestion/concluded",)),
)
"""point → the states (`KIND/STATE`) whose entering it is"""
STATES = tuple(state for _, states in MILESTONES for state in states)
