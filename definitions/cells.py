"""What stands in one cell of a table."""

from __future__ import annotations

from datetime import date

__all__ = ["MAX_COLUMNS", "MAX_ROWS", "Cell", "shown"]

Cell = str | int | float | bool | date | None
MAX_ROWS = 50_000
MAX_COLUMNS = 200


def shown(cell: Cell) -> str:
    """A cell as text: dates as ISO, yes and no as 是 and 否."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "是" if cell else "否"
    return cell.isoformat() if isinstance(cell, date) else str(cell)
