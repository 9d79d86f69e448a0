"""CSV lines as columns of text.

Spark's own parser does the work; around it stands what it would accept in silence: missing and extra cells, header lines in
the middle, and a file whose columns stand in another order (production rule 5).
"""

from __future__ import annotations

import pyspark.sql.functions as F
from pyspark.sql import Column, DataFrame

from model_monitor.reading.refusals import REASON, Refusal
from model_monitor.reading.text_lines import LINE, is_utf_8

MALFORMED = "__malformed"

RFC_4180_ESCAPE = '"'
"""A quote inside quotes is doubled, as pandas and spreadsheets write it."""

SPARK_ESCAPE = "\\"
"""Spark's default, which the service used."""


def parsed_csv(lines: DataFrame, names: tuple[str, ...], *, header: bool, escape: str = RFC_4180_ESCAPE) -> DataFrame:
    """`lines` with the text columns c0, c1, … in front and the reason for refusing the line, 0 if there is none.

    names: the features' names, of which there are as many as cells; with `header` lines that repeat them are refused.
    """
    cells = [f"c{position}" for position in range(len(names))]
    schema = ", ".join(f"{cell} string" for cell in [*cells, MALFORMED])
    options = {
        "columnNameOfCorruptRecord": MALFORMED,
        "mode": "PERMISSIVE",
        "escape": escape,
        "maxCharsPerColumn": "-1",
    }
    options["maxColumns"] = str(len(cells) + 1024)
    # a generator keeps Spark from parsing the line once for every cell that is used
    row = F.inline(F.array(F.from_csv(F.col(LINE), schema, options)))
    parsed = lines.select("*", row)
    reason = _reason(cells, names, header=header, quotes_come_in_pairs=escape == RFC_4180_ESCAPE)
    return parsed.select(*cells, reason.alias(REASON), *lines.columns)


def _reason(cells: list[str], names: tuple[str, ...], *, header: bool, quotes_come_in_pairs: bool) -> Column:
    reason = F.when(~is_utf_8(F.col(LINE)), Refusal.NOT_UTF_8)
    if quotes_come_in_pairs:  # a cell with a line break in it: its first half would be taken for a whole cell
        quotes = F.octet_length(LINE) - F.octet_length(F.replace(F.col(LINE), F.lit('"'), F.lit("")))
        reason = reason.when(F.contains(F.col(LINE), F.lit('"')) & (quotes % 2 == 1), Refusal.UNFINISHED_QUOTE)
    reason = reason.when(F.col(MALFORMED).isNotNull(), Refusal.WRONG_NUMBER_OF_CELLS)
    if header:
        # the first cell is looked at before all of them are: most lines are settled by it
        written = F.array(*[F.coalesce(F.col(cell), F.lit("")) for cell in cells])
        expected = F.array(*[F.lit("" if name == f"_c{position}" else name) for position, name in enumerate(names)])
        reason = reason.when(_is_first(cells[0], names) & (written == expected), Refusal.REPEATED_HEADER)
        reason = reason.when(
            F.coalesce(F.col(cells[0]), F.lit("")).isin(*names) & (F.array_sort(written) == F.array_sort(expected)),
            Refusal.COLUMNS_IN_ANOTHER_ORDER,
        )
    return reason.otherwise(0)


def _is_first(cell: str, names: tuple[str, ...]) -> Column:
    return F.coalesce(F.col(cell), F.lit("")) == F.lit("" if names[0] == "_c0" else names[0])
