"""Rules in DQDL over ten rows: those in which Deequ follows the guide, and those in which it doesn't."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone

import pyarrow as pa

COUNTRIES = ["a", "b", "c", None, "a", "b", "", "  ", "a", "x1"]
ZIPS = ["12345", "1234", None, "12345"]


def make_table() -> pa.Table:
    """Ten rows, with a missing value in most columns; the newest is of this second."""
    now = datetime.now(timezone.utc).replace(microsecond=0)
    rows = range(10)
    start = date(2026, 1, 1)
    days = [start + timedelta(days=row) for row in rows]
    times = [now - timedelta(hours=row) for row in rows]
    # A row of most columns is missing
    days[4] = None
    amounts = [1.5 * row for row in rows]
    amounts[3] = None
    codes = [str(row) for row in range(8)]
    codes += ["z", None]
    # Numbers as texts: the first five with a fraction
    numbers = [str(row) for row in rows]
    numbers[:5] = [f"{row}.5" for row in range(5)]
    columns = {"id": pa.array(rows, pa.int32())}
    columns["amount"] = pa.array(amounts)
    columns["country"] = pa.array(COUNTRIES)
    columns["code"] = pa.array(codes)
    columns["day"] = pa.array(days)
    columns["ts"] = pa.array(times, pa.timestamp("us", "UTC"))
    columns["other"] = pa.array(range(10, -10, -2), pa.int32())
    columns["zip"] = pa.array([*ZIPS, *ZIPS, *ZIPS[:2]])
    columns["flag"] = pa.array([True, False] * 5)
    columns["num"] = pa.array(numbers)
    return pa.table(columns)


SAME_AS_DEEQU = r"""
RowCount > 5
RowCount between 10 and 20
RowCount not between 10 and 20
RowCount in [10, 20]
RowCount not in [10, 20]
RowCount != 10
RowCount >= 100/10
RowCount = 20 - 5 - 5
RowCount > 2 where "id > 5"
RowCount = 0 where "id > 100"
ColumnCount between 5 and 10
ColumnCount = 10
Completeness "amount" > 0.8
Completeness of "amount" = 0.9
Completeness "amount" > 0.8 where "id < 4"
IsComplete "id"
IsComplete "amount"
IsComplete "amount" where "id > 5"
IsUnique "id"
IsUnique "country"
IsUnique "code"
IsUnique "country" where "id < 3"
IsPrimaryKey "id"
IsPrimaryKey "country"
IsPrimaryKey "id" where "id > 5"
Uniqueness "country" > 0.3
Uniqueness "country" < 0.3 where "id > 5"
UniqueValueRatio "country" > 0.3
UniqueValueRatio "country" > 0.3 where "id > 3"
DistinctValuesCount "country" = 7
DistinctValuesCount "country" = 3 where "id < 4"
DistinctValuesCount "flag" between 1 and 3
Entropy "country" > 1
Entropy "country" > 1.1 where "id < 3"
Mean "amount" between 6 and 8
Mean "amount" > 10 where "id > 3"
Mean "id" in [4.5]
Sum "amount" > 60
Sum "id" not between 1 and 45
StandardDeviation "amount" > 4
StandardDeviation "amount" > 4 where "id > 3"
ColumnCorrelation "id" "other" < -0.99
ColumnCorrelation of id and amount > 0.99 where "id > 3"
ColumnExists "id"
ColumnExists "nope"
ColumnNamesMatchPattern "[a-z]+"
ColumnDataType "code" = "INTEGER"
ColumnDataType "num" = "Integer"
ColumnDataType "day" = "Date"
ColumnDataType "ts" = "Timestamp"
ColumnDataType "flag" = "Boolean"
ColumnDataType "code" = "INTEGER" with threshold > 0.7
ColumnDataType "code" = "INTEGER" with threshold > 0.95
ColumnLength "zip" in [4, 5]
ColumnLength "country" not in [7, 8]
ColumnValues "id" in [1, 2]
ColumnValues "id" not in [11, 12]
ColumnValues "id" between 0 and 9
ColumnValues "id" != 11
ColumnValues "amount" not in [1.5, 3]
ColumnValues "amount" != NULL
ColumnValues "country" in ["a", "b", "c", "x1"]
ColumnValues "country" in ["a", "b", "c", "x1", NULL, EMPTY, WHITESPACES_ONLY]
ColumnValues "country" in ["a", "b", "c", "x1", NULL, EMPTY]
ColumnValues "country" not in ["q", NULL]
ColumnValues "country" = NULL
ColumnValues "country" = EMPTY
ColumnValues "code" matches "[0-9]"
ColumnValues "zip" matches "[0-9]{4}" where "zip is not null"
ColumnValues "day" > "2025-12-31"
ColumnValues "day" between "2026-01-01" and "2026-02-01" where "day is not null"
ColumnValues "day" in ["2026-01-01", "2026-01-02"] where "id < 2"
ColumnValues "ts" > (now() - 3 days)
DataFreshness "ts" <= 24 hours
DataFreshness "ts" < 2 hours
DataFreshness "day" <= 1000 days
AggregateMatch "sum(id)" "sum(id)" = 1.0
AggregateMatch "avg(id)" "avg(other)" < 1
""".strip().splitlines()
"""Rules that Deequ evaluates as the guide says: outcome and metric are equal."""

SAME_OUTCOME = r"""
ColumnValues "id" > 0
ColumnValues "id" = 1
ColumnValues "amount" >= 0
ColumnValues "amount" > 3 where "id > 3"
ColumnLength "zip" = 5
ColumnLength "zip" < 6
ColumnLength "zip" != 7
(IsComplete "amount") and (IsUnique "id")
(IsComplete "amount") or (IsUnique "id")
((RowCount > 100) or (IsComplete "id")) and (Mean "amount" > 1)
(IsComplete "amount") and (IsUnique "id") or (RowCount > 1)
""".strip().splitlines()
"""Rules of which Deequ shows another number, such as the smallest value, where we show the fraction of rows that meet it."""


def read_difference(line: str) -> tuple[str, str, float | None, str]:
    """A rule, its status and metric, and the outcome that Deequ gives it."""
    status, metric, outcome_of_deequ, rule = line.split(" | ")
    if metric == "None":
        return rule, status, None, outcome_of_deequ
    return rule, status, float(metric), outcome_of_deequ


_DIFFERENCES = r"""
passed | 0.2 | Failed | ColumnValues "id" in [1, 2] with threshold > 0.1
passed | 0.9 | Failed | ColumnValues "amount" >= 0 with threshold > 0.8
violated | 0.8 | Passed | ColumnLength "zip" >= 4
violated | 0.8 | Passed | ColumnLength "zip" between 3 and 6
passed | 1.0 | Passed | ColumnValues "day" != "2026-01-05"
violated | 0.9 | Failed | ColumnValues "country" != EMPTY
passed | 1.0 | Failed | ColumnValues "country" matches "[a-z]*" where "id < 7 and country is not null"
violated | 0.9 | Failed | ColumnValues "country" not matches "[0-9]+"
passed | 1.0 | Failed | ColumnValues "ts" < now()
passed | 1.0 | Failed | ColumnValues "ts" between (now() - 3 days) and now()
violated | 0.0 | Passed | ColumnDataType "zip" = "Date" where "zip is not null"
violated | 1.0 | Passed | IsPrimaryKey "id" "country"
passed | 1.0 | Failed | ColumnLength "id" = 1
passed | 10.0 | Failed | RowCount = 2 + 16 * 0.5
not judged | None | Passed | IsComplete "amount" where "id > 100"
""".strip().splitlines()
DIFFERENCES = [read_difference(line) for line in _DIFFERENCES]
"""Rules that Deequ 2.1.0 evaluates otherwise than the guide, as docs/reference/dqdl.md says: ours by hand, and its outcome."""
