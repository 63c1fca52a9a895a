"""What a case is called where it is listed."""

from __future__ import annotations

from typing import Any

from api.cells import caption
from workflow import Case
from workflow.errors import Text

from .lifecycle import shipped


def called(kind: str, **data: Any) -> Text:
    values: dict[str, Any] = dict.fromkeys(Case._fields)
    library = shipped()
    return caption(Case(**{**values, "kind": kind, "data": data}), library.definition(kind), library.console)


def test_a_reception_day_is_called_by_its_day_whoever_was_heard() -> None:
    """The subject of a visitor's opinion is the opinion's, not the day's."""
    assert called("reception_day", reception_on="2026-12-15").zh == "代表接待选民日 2026-12-15"
    assert (
        called("reception_day", reception_on="2026-12-15", subject="楼道堆物").zh
        == "代表接待选民日 2026-12-15"
    )
    assert called("opinion", subject="楼道堆物").zh == "楼道堆物"
