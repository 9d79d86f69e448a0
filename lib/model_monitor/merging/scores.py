"""Where in a model's reply its score is. A path into CSV is the index of a cell, into JSON the names of members. Pure."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from model_monitor.data.records.decoding import CSV

STEP = re.compile(r"\.?([^.\[\]]+)|\[(\d+)\]")


@dataclass(frozen=True, slots=True)
class Score:
    """The cell `0`, or the member `predictions[0].score`, of a reply's first row."""

    attribute: str = "0"

    def of_reply(self, data: str | None, encoding: str | None) -> str | None:
        """The score as text; None if the reply has none there."""
        row = re.split("[\r\n]", (data or "").strip(" "), maxsplit=1)[0]
        if (encoding or "").upper() == CSV:
            return self._cell_of(row.split(","))
        return self._member_of(row)

    def _cell_of(self, cells: list[str]) -> str | None:
        place = int(self.attribute) if self.attribute.isdecimal() else len(cells)
        return cells[place].strip(" ") if place < len(cells) else None

    def _member_of(self, row: str) -> str | None:
        try:
            found = json.loads(row, parse_float=str, parse_int=str)
        except (ValueError, RecursionError):
            return None
        path = f"[{self.attribute}]" if self.attribute.isdecimal() else self.attribute
        for name, index in STEP.findall(path):
            found = _inside(found, int(index) if index else name)
        return found if found is None or isinstance(found, str) else json.dumps(found)


def _inside(value: Any, step: int | str) -> Any:
    if isinstance(step, str):
        return value.get(step) if isinstance(value, dict) else None
    return value[step] if isinstance(value, list) and step < len(value) else None
