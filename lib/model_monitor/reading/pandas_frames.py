"""A frame of pandas as an Arrow table in which what is missing is null: NaN, None, NaT and NA alike. Pure."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pyarrow as pa

from model_monitor.errors import BadInput

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)


def table_of_pandas(frame: pd.DataFrame) -> pa.Table:
    """The columns of a frame; its index is none of them.

    Raises BadInput for names that are no texts, and for a column whose values are of several types.
    """
    _require_names(frame)
    if frame.index.names != [None]:
        named = ", ".join(repr(name) for name in frame.index.names if name is not None)
        log.warning("the index %s is no feature; write frame.reset_index() to make it one", named)
    columns = [_column(frame.iloc[:, place], name) for place, name in enumerate(frame.columns)]
    return pa.table(columns, list(frame.columns))


def _require_names(frame: pd.DataFrame) -> None:
    if frame.columns.nlevels > 1:
        raise BadInput(
            f"the frame's columns have names of {frame.columns.nlevels} levels; write "
            "frame.columns = ['_'.join(map(str, name)) for name in frame.columns]"
        )
    for place, name in enumerate(frame.columns, start=1):
        if not isinstance(name, str):
            raise BadInput(
                f"column {place} of the frame is called {name!r}, which is no text; write "
                "frame.columns = frame.columns.astype(str)"
            )


def _column(values: pd.Series, name: str) -> pa.Array | pa.ChunkedArray:
    """One column. The fault of Arrow, which shows values, is kept from the error."""
    try:
        return pa.Array.from_pandas(values)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        types = sorted({type(value).__name__ for value in values.dropna()})
    raise BadInput(
        f"column {name!r} of the frame ({values.dtype}) can't be stored as one type: its values are {' and '.join(types)}; "
        f"write frame[{name!r}] = frame[{name!r}].astype('string'), or pandas.to_numeric(…) for numbers"
    )
