"""With whom a case is, from the engine to the words of a page."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from workflow import Case
from workflow.definition import Holder
from workflow.errors import Text

from ..cells import With, holders
from .screens import Look

NOBODY = Text("", "")


def with_whom(look: Look, case: Case, root: Case, only: Collection[Holder] | None = None) -> list[With]:
    """Who is expected to act, as far as the reader may know; `root` is the case itself where he may not know of its root;
    `only`: of these holders.
    """
    laws, roles = look.engine.laws, look.engine.library.roles.values
    own, above = laws.pinned(case.definition).definition, laws.pinned(root.definition).definition
    return holders(
        own, above, case, root, {name: code.title for name, code in roles.items()}, look.names.of, only
    )


def whose(look: Look, case: Case, root: Case) -> Text:
    """The same in one cell."""
    return _listed(with_whom(look, case, root)) if not case.closed else NOBODY


def _listed(found: Sequence[With]) -> Text:
    named = [one for one in found if one.names] or found
    zh = "、".join("、".join(one.names) or one.as_.zh for one in named)
    return Text(zh, ", ".join(", ".join(one.names) or one.as_.en for one in named))
