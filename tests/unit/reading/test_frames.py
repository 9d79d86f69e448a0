"""Rows of any library that speaks Arrow give the files that the same rows of pandas give."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset
import pytest

from spark_model_monitor import DataQualityMonitor, run_baseline, run_monitoring
from spark_model_monitor.data.reading import parquet_files
from spark_model_monitor.data.reading.data_reader import read_data
from spark_model_monitor.data.reading.frames import _cast_columns, convert_to_spark_types, stream_rows
from spark_model_monitor.data.reading.parquet_files import (
    _estimate_min_file_bytes,
    _has_distinct_values,
    choose_column_groups,
    estimate_max_file_bytes,
    write,
)
from spark_model_monitor.errors import BadConfiguration, BadInput, MissingDependency

ORDERS = pd.DataFrame({"country": ["DE", "FR", None, "PL"] * 5, "items": [1, 3, 2, 2] * 5})
TABLE = pa.Table.from_pandas(ORDERS, preserve_index=False)


class Foreign:
    """A library that has nothing but the protocol, with the types that polars gives."""

    def __arrow_c_stream__(self, requested_schema=None):
        views = TABLE.set_column(0, "country", TABLE["country"].cast(pa.string_view()))
        return views.__arrow_c_stream__(requested_schema)


class Lazy:
    """A data set of Hugging Face, as far as it is asked."""

    __module__ = "datasets.arrow_dataset"

    def with_format(self, kind):
        assert kind == "arrow"
        return self

    def iter(self, batch_size):
        return (TABLE.slice(start, 7) for start in range(0, TABLE.num_rows, 7))


def relation():
    return duckdb.from_arrow(TABLE)


FRAMES = {
    "a table": lambda: TABLE,
    "a batch": lambda: TABLE.to_batches()[0],
    "a reader": TABLE.to_reader,
    "the protocol alone": Foreign,
    "a relation of DuckDB": relation,
    "a data set of pyarrow": lambda: pa.dataset.dataset(TABLE),
    "a data set of Hugging Face": Lazy,
    "pandas on Arrow": lambda: ORDERS.convert_dtypes(dtype_backend="pyarrow"),
}


@pytest.mark.parametrize("make_frame", FRAMES.values(), ids=FRAMES)
def test_a_frame_gives_the_bytes_of_the_same_rows_of_pandas(make_frame):
    assert (
        run_baseline(make_frame(), DataQualityMonitor()).files() == run_baseline(ORDERS, DataQualityMonitor()).files()
    )


def test_sparse_columns_as_one_hot_encoders_give_them_are_their_values():
    kinds = pd.Series([*"aabac"] * 8)
    plain, sparse = (pd.get_dummies(kinds, sparse=is_sparse, dtype=float) for is_sparse in (False, True))

    assert run_baseline(sparse, DataQualityMonitor()).files() == run_baseline(plain, DataQualityMonitor()).files()


def test_numbers_of_38_digits_differ_by_their_last_one():
    ids = pa.array([Decimal(10**37 + number) for number in range(1000)], pa.decimal128(38, 0))
    [feature] = run_baseline(pa.table({"id": ids}), DataQualityMonitor()).statistics.features

    assert feature.numerical_statistics.approximate_num_distinct_values == pytest.approx(1000, rel=0.15)


@pytest.mark.parametrize("values", [np.ones(4, np.longdouble), [2**70, 1, 2, 3], [True, 2, 3, 4]])
def test_what_to_write_for_numbers_of_no_one_type_helps(values):
    frame = pd.DataFrame({"x": pd.Series(values)})
    with pytest.raises(BadInput, match=r"or \.astype\(float\) for numbers"):
        run_baseline(frame, DataQualityMonitor())

    run_baseline(frame.astype({"x": float}), DataQualityMonitor())


def test_a_stream_is_held_up_to_a_bound_and_goes_on_as_a_stream_above_it():
    taken = []

    def batches():
        for number in range(10):
            taken.append(number)
            yield pa.record_batch({"x": pa.array(range(1000), pa.int64())})

    schema = pa.schema([("x", pa.int64())])
    remaining = convert_to_spark_types(pa.RecordBatchReader.from_batches(schema, batches()), most_bytes=20_000)

    assert isinstance(remaining, pa.RecordBatchReader)
    assert len(taken) == 3  # 8,000 bytes each
    assert remaining.read_all().num_rows == 10_000


def test_a_stream_of_more_than_a_partition_is_read_by_a_file(monkeypatch):
    monkeypatch.setattr("spark_model_monitor.data.reading.frames.MIN_FILE_BYTES_PER_GROUP", 100)
    with read_data(TABLE.to_reader()) as data:
        assert data.folder.path.exists()
        assert run_baseline(data, DataQualityMonitor()).ledger.kept_rows == len(ORDERS)
    assert not data.folder.path.exists()


def test_types_that_views_and_lists_of_them_are_kept_in():
    table = pa.table(
        {
            "list": pa.array([["a"], None], pa.large_list(pa.string_view())),
            "kind": pa.array(["x", None]).dictionary_encode(),
            "struct": pa.array([{"s": "x"}, None], pa.struct([("s", pa.string_view())])),
            "time": pa.array([datetime(2026, 1, 1), None], pa.timestamp("ns")),
        }
    )

    assert [str(field.type) for field in convert_to_spark_types(table, 0).schema] == [
        "large_list<item: large_string>",
        "string",
        "struct<s: large_string>",
        "timestamp[us]",
    ]


def test_dates_with_a_time_of_day_are_refused_without_showing_one():
    days = pa.array([0, 86_400_000, None]).view(pa.date64())
    assert convert_to_spark_types(pa.table({"day": days}), 0)["c0"].to_pylist() == [
        date(1970, 1, 1),
        date(1970, 1, 2),
        None,
    ]

    with pytest.raises(
        BadInput, match=r"^column 'seen' holds date64\[ms\] with times of day, .* cast it to timestamp"
    ) as raised:
        convert_to_spark_types(pa.table({"day": days, "seen": pa.array([0, 3_600_000, None]).view(pa.date64())}), 0)
    assert "3600000" not in str(raised.value)


def test_what_arrow_can_t_cast_for_another_reason_is_not_reported_as_a_date():
    with pytest.raises(pa.ArrowInvalid):
        _cast_columns(pa.table({"a": pa.array([300])}), pa.schema([("c0", pa.int8())]))


VIEW = pa.list_view(pa.float64())


@pytest.mark.parametrize("kind", [pa.list_view, pa.large_list_view])
def test_views_of_lists_are_their_lists(kind):
    cells = [[1.0, 2.0], None, [], [3.0, None]]
    views = pa.chunked_array([pa.array(cells, kind(pa.float64())), pa.array([[9.0], *cells], kind(pa.float64()))[1:]])

    lists = convert_to_spark_types(pa.table({"x": views}), 0).column(0)
    lists.validate(full=True)
    assert lists.to_pylist() == cells * 2
    assert len(convert_to_spark_types(pa.table({"x": views[:0]}), 0)) == 0


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(pa.list_view(VIEW), id="in a view"),
        pytest.param(pa.list_(VIEW), id="in a list"),
        pytest.param(pa.list_(VIEW, 2), id="in a list of a size"),
        pytest.param(pa.struct([("v", VIEW), ("w", VIEW)]), id="in a struct"),
    ],
)
def test_views_of_lists_within_others_are_their_lists(kind):
    rows = [[[1.0], [2.0, 3.0]], [None, []], None, [[4.0], [5.0]]]
    if pa.types.is_struct(kind):
        rows = [row and {"v": row[0], "w": row[1]} for row in rows]
    views = pa.chunked_array([pa.array(rows, kind), pa.array(rows, kind)[1:]])

    lists = convert_to_spark_types(pa.table({"x": views}), 0).column(0)
    lists.validate(full=True)
    assert lists.to_pylist() == [*rows, *rows[1:]]


def test_one_column_is_no_frame():
    with pytest.raises(BadInput, match=r"one column, a ChunkedArray; pass a frame"):
        stream_rows(TABLE["items"])


def test_paths_may_be_a_glob_or_several(tmp_path):
    for name in ("a", "b"):
        ORDERS.to_csv(tmp_path / f"{name}.csv", index=False)
    (tmp_path / "c.txt").write_text("no data")
    two_files = run_baseline([tmp_path / "a.csv", str(tmp_path / "b.csv")], DataQualityMonitor())

    assert two_files.ledger.kept_rows == 2 * len(ORDERS)
    assert run_baseline(str(tmp_path / "*.csv"), DataQualityMonitor()).files() == two_files.files()
    with pytest.raises(BadConfiguration, match="a list of paths is for CSV, JSON, Parquet and captures"):
        read_data([str(tmp_path / "a.csv"), str(tmp_path / "b.csv")], "kserve")


def test_results_are_tables_of_arrow():
    orders = pd.concat([ORDERS] * 10)
    baseline = run_baseline(orders, DataQualityMonitor())
    findings = run_monitoring(orders.assign(items=-1), DataQualityMonitor(), baseline)

    assert baseline.to_arrow()["num_missing"].to_pylist() == [50, 0]
    assert findings.to_arrow()["feature"].to_pylist() == findings.to_pandas()["feature"].tolist()
    assert {"violated", "passed"} <= set(findings.to_arrow()["status"].to_pylist())


def test_polars_is_asked_for_by_name_where_it_is_not_installed(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "polars", None)

    with pytest.raises(MissingDependency, match="needs polars; `pip install polars`"):
        run_baseline(ORDERS, DataQualityMonitor()).to_polars()


def test_of_rows_in_one_partition_states_are_the_same_with_a_file_and_without(monkeypatch):
    random = np.random.default_rng(1)
    texts = random.choice(["a", "b", None], 9000)
    frame = pd.DataFrame({"x": random.normal(size=9000), "n": random.integers(0, 9, 9000), "t": texts})
    monkeypatch.setattr(
        "spark_model_monitor.data.reading.frames.MIN_FILE_BYTES_PER_GROUP", 100
    )  # so that its bytes are looked at
    monkeypatch.setattr(
        "spark_model_monitor.data.reading.parquet_files.ROW_GROUP_BYTES", 2**14
    )  # so that the file has several groups
    in_memory = run_baseline(frame, DataQualityMonitor(), engine="local")
    monkeypatch.setattr("spark_model_monitor.data.reading.parquet_files.choose_column_groups", lambda _: None)

    assert run_baseline(frame, DataQualityMonitor(), engine="local").state.to_bytes() == in_memory.state.to_bytes()


@pytest.mark.parametrize(
    ("rows", "least_rows", "possible"),
    [
        pytest.param(3_000, 4_096, 1, id="one block whatever the groups"),
        pytest.param(3_000, 1_024, 3, id="a file that is large for certain"),
        pytest.param(3_000, 512, None, id="a file that nobody knows the groups of"),
    ],
)
def test_of_a_wide_table_states_are_the_same_with_a_file_and_without(monkeypatch, rows, least_rows, possible):
    random = np.random.default_rng(1)
    frame = pd.DataFrame({f"c{number}": random.normal(size=rows).round(number % 3 + 1) for number in range(12)})
    for room in ("reading.frames", "reading.parquet_files", "engine.partitions"):
        monkeypatch.setattr(f"spark_model_monitor.data.{room}.MIN_FILE_BYTES_PER_GROUP", 2**13)
    monkeypatch.setattr("spark_model_monitor.data.reading.parquet_files.ROW_GROUP_BYTES", 2**14)
    for room in ("engine.partitions", "profiling.scan_plan"):
        monkeypatch.setattr(f"spark_model_monitor.data.{room}.MAX_COLUMNS_PER_PASS", 4)
    monkeypatch.setattr("spark_model_monitor.data.profiling.partition.MIN_BLOCK_ROWS", least_rows)
    monkeypatch.setattr(
        "spark_model_monitor.data.profiling.partition.BLOCK_BYTES", 96 * least_rows
    )  # of 12 numbers a row
    group_choices = []
    original = parquet_files.choose_column_groups
    monkeypatch.setattr(
        parquet_files, "choose_column_groups", lambda table: group_choices.append(original(table)) or group_choices[-1]
    )
    in_memory = run_baseline(frame, DataQualityMonitor(), engine="local")
    monkeypatch.setattr(parquet_files, "choose_column_groups", lambda _: None)

    assert group_choices == [possible]
    assert run_baseline(frame, DataQualityMonitor(), engine="local").state.to_bytes() == in_memory.state.to_bytes()


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(np.random.default_rng(1).normal(size=100_000).astype(np.float32), id="different numbers"),
        pytest.param(np.random.default_rng(1).integers(-(2**15), 2**15, 60_000, np.int16), id="of 16 bits"),
        pytest.param([f"{number:>4000}" for number in range(50)], id="long texts"),
        pytest.param([None, True, False] * 9000, id="flags"),
    ],
)
def test_a_file_is_no_larger_than_what_is_taken_for_it(tmp_path, values):
    table = pa.table({f"c{number}": pa.array(values) for number in range(4)})
    write(table, tmp_path / "rows.parquet")

    assert (tmp_path / "rows.parquet").stat().st_size <= estimate_max_file_bytes(table)
    assert choose_column_groups(pa.table([pa.repeat(pa.scalar(1.5), 2**22)], ["x"])) is None


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(np.random.default_rng(1).normal(size=40_000), id="random"),
        pytest.param(np.arange(40_000), id="one after the other"),
        pytest.param(np.arange(3), id="few"),
        pytest.param([None, *range(20_000, 0, -1), None], id="of which some are missing"),
    ],
)
@pytest.mark.parametrize("group_bytes", [2**12, 2**23])
def test_a_file_of_different_numbers_is_no_smaller_than_one_without_dictionaries(
    tmp_path, monkeypatch, values, group_bytes
):
    monkeypatch.setattr(parquet_files, "ROW_GROUP_BYTES", group_bytes)
    table = pa.table({"x": pa.array(values), "same": pa.array([7.0] * len(values))})
    write(table, tmp_path / "rows.parquet")
    size = (tmp_path / "rows.parquet").stat().st_size
    rows = parquet_files._choose_group_rows(table)
    small = parquet_files._measure_written_bytes(
        table.select(["x"]), 2**40, rows, use_dictionary=False, write_statistics=False
    )

    assert [_has_distinct_values(column) for column in table.columns] == [True, False]
    assert small <= size == _estimate_min_file_bytes(table, size + 1)  # too small for certain: made as it is
    assert small // 2 <= _estimate_min_file_bytes(table, small // 2) <= size
    minimum_bytes = min(small, table["x"].nbytes) // 4
    assert minimum_bytes <= _estimate_min_file_bytes(table, minimum_bytes) <= small  # of the column that differs alone


def test_numbers_that_are_none_or_several_times_do_not_all_differ():
    for values in ([1.0, float("nan"), float("nan")], [0.0, -0.0], ["a", "b"], [1, 2, 1]):
        assert not _has_distinct_values(pa.chunked_array([pa.array(values)]))
