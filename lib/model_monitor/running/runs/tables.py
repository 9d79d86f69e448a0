"""Results as tables of other libraries, each made of the one for pandas."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from model_monitor.errors import MissingDependency

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


class AsTables(ABC):
    """What `to_pandas` gives, for who doesn't use pandas."""

    @abstractmethod
    def to_pandas(self) -> pd.DataFrame: ...

    def to_arrow(self) -> pa.Table:
        """The table of `to_pandas` as pyarrow's; the names of its rows are the first column.

        Returns
        -------
        pyarrow.Table
        """
        import pyarrow as pa

        table = self.to_pandas()
        named = table if table.index.name is None else table.reset_index()
        return pa.Table.from_pylist(_plain(named))

    def to_polars(self) -> Any:
        """The table of `to_pandas` as a frame of polars.

        Returns
        -------
        polars.DataFrame

        Raises
        ------
        MissingDependency
            If polars is not installed.
        """
        try:
            import polars
        except ImportError as fault:
            raise MissingDependency("to_polars() needs polars; `pip install polars`, or take to_arrow()") from fault
        return polars.from_arrow(self.to_arrow())


def _plain(table: Any) -> list[dict[str, Any]]:
    """The rows, in which what is missing is None; of a column that holds texts and numbers all are texts."""
    values = table.astype(object).where(table.notna(), None)
    for name in values.columns:
        kinds = {type(value) for value in values[name] if value is not None}
        if len(kinds) > 1 and not kinds <= {int, float}:
            values[name] = [None if value is None else str(value) for value in values[name]]
    return [{str(name): value for name, value in row.items()} for row in values.to_dict("records")]
