"""Columns of a data set that a configuration names, or gives by index; what is not found is told together. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Collection

from model_monitor.errors import BadConfiguration

NEAREST = 3
LISTED = 20


class NamedColumns:
    """The names of a data set, by which columns are found; what is not found is gathered."""

    def __init__(self, names: tuple[str, ...], where: str) -> None:
        self._names = names
        self._where = where
        self._faults: list[str] = []

    def named(self, member: str, name_or_index: str | int) -> str:
        """The column's name; what was given if there is no such column."""
        if isinstance(name_or_index, str):
            if name_or_index not in self._names:
                self._faults.append(
                    f"{self._where}: {member} is {name_or_index!r}, which is no column of the data; {self._near(name_or_index)}"
                )
            return name_or_index
        if not -len(self._names) <= name_or_index < len(self._names):
            self._faults.append(
                f"{self._where}: {member} is {name_or_index}; the data has {len(self._names)} columns, "
                f"so an index is at most {len(self._names) - 1}"
            )
            return str(name_or_index)
        return self._names[name_or_index]

    def require_all_found(self, column_types: Collection[str] = ()) -> None:
        """Raises BadConfiguration with every column that was not found, of `--column-types` too."""
        faults = self._faults + [
            f"--column-types names {name!r}, which is no column of the data; {self._near(name)}"
            for name in column_types
            if name not in self._names
        ]
        if faults:
            raise BadConfiguration.gathered(faults)

    def _near(self, name: str) -> str:
        near = difflib.get_close_matches(name, self._names, n=NEAREST)
        if near:
            return f"did you mean {' or '.join(map(repr, near))}?"
        rest = " …" if len(self._names) > LISTED else ""
        return f"the columns are {', '.join(self._names[:LISTED])}{rest}"
