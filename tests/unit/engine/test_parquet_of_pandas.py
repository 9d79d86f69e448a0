"""Pandas' everyday Parquet: files of several types are read as one type that holds both, or refused by a true sentence."""

from uuid import UUID

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spark_model_monitor import run_baseline, run_monitoring
from spark_model_monitor.data.reading.data_reader import read_data
from spark_model_monitor.errors import BadInput, MissingDependency, NeedsSpark
from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor

# Columns of 60 rows, as pandas writes them on one day or another
NUMBERS = pa.array(range(60))
SHORT_NUMBERS = NUMBERS.cast(pa.int16())
UNSIGNED = NUMBERS.cast(pa.uint64())
FRACTIONS = pa.array([0.5, None] * 30)
HALF_FRACTIONS = FRACTIONS.cast(pa.float16())
TEXTS = pa.array(["a"] * 60)
CATEGORIES = TEXTS.dictionary_encode()
BOOLEANS = pa.array([True] * 60)
NOTHING = pa.nulls(60)
SHORT_DECIMALS = FRACTIONS.cast(pa.decimal128(9, 1))
LONG_DECIMALS = FRACTIONS.cast(pa.decimal128(12, 3))
DATES = NUMBERS.cast(pa.int32()).cast(pa.date32())
TIMES = NUMBERS.cast(pa.timestamp("us"))
HOURS = NUMBERS.cast(pa.time64("us"))


def write_file(folder, name, **columns):
    table = pa.table(columns)
    pq.write_table(table, folder / name)


def run_local(folder):
    monitor = DataQualityMonitor()
    return run_baseline(str(folder), monitor, engine="local")


@pytest.mark.parametrize("is_reversed", [False, True])
@pytest.mark.parametrize(
    ("first", "second", "inferred_type"),
    [
        pytest.param(NUMBERS, FRACTIONS, "Fractional", id="a day with a gap"),
        pytest.param(NUMBERS, NOTHING, "Integral", id="a day without values"),
        pytest.param(TEXTS, NOTHING, "String", id="texts, and none"),
        pytest.param(SHORT_NUMBERS, NUMBERS, "Integral", id="widths"),
        pytest.param(UNSIGNED, NUMBERS, "Integral", id="signs"),
        pytest.param(HALF_FRACTIONS, FRACTIONS, "Fractional", id="half precision"),
        pytest.param(SHORT_DECIMALS, LONG_DECIMALS, "Fractional", id="scales"),
        pytest.param(CATEGORIES, TEXTS, "String", id="categories"),
    ],
)
def test_one_type_that_holds_both_is_read(tmp_path, first, second, inferred_type, is_reversed):
    columns = [first, second]
    if is_reversed:
        columns.reverse()
    write_file(tmp_path, "0.parquet", x=columns[0], n=NUMBERS)
    write_file(tmp_path, "1.parquet", x=columns[1], n=NUMBERS)
    run = run_local(tmp_path)
    feature = run.statistics.features[0]
    statistics = feature.numerical_statistics or feature.string_statistics

    assert run.ledger.kept == 120
    assert feature.inferred_type.value == inferred_type
    assert statistics.common.num_missing == first.null_count + second.null_count


def test_the_values_are_those_of_both_files(tmp_path):
    write_file(tmp_path, "0.parquet", x=NUMBERS)
    write_file(tmp_path, "1.parquet", x=FRACTIONS)
    feature = run_local(tmp_path).statistics.features[0]

    assert feature.numerical_statistics.sum == sum(range(60)) + 15


@pytest.mark.parametrize("second", [TEXTS, BOOLEANS, DATES])
@pytest.mark.parametrize("first", [FRACTIONS, TIMES])
def test_types_that_none_holds_are_named(tmp_path, first, second):
    write_file(tmp_path, "0.parquet", x=first)
    write_file(tmp_path, "1.parquet", x=second)
    sentence = r"1\.parquet: column 'x' is .*, and .* in .*0\.parquet; write all files with the same types"

    with pytest.raises(BadInput, match=sentence):
        run_local(tmp_path)


def test_times_of_day_are_read_by_no_engine(tmp_path):
    write_file(tmp_path, "0.parquet", x=HOURS)

    with pytest.raises(BadInput, match="'x' holds time64.*, which neither engine reads; write its text"):
        run_local(tmp_path)


UUIDS = [UUID(int=number) for number in range(60)]


def write_uuids_of_duckdb(path):
    texts = pa.table({"id": list(map(str, UUIDS))})  # noqa: F841 -- DuckDB reads it by its name
    duckdb.sql(f"COPY (SELECT id::uuid AS id FROM texts) TO '{path}' (FORMAT parquet)")


def test_uuids_of_another_writer_are_their_texts(tmp_path):
    """Spark refuses them, so that no sentence may send their reader there."""
    write_uuids_of_duckdb(tmp_path / "uuids.parquet")
    baseline = run_local(tmp_path)
    findings = run_monitoring(
        pd.DataFrame({"id": list(map(str, UUIDS))}), DataQualityMonitor(), baseline, engine="local"
    )

    assert baseline.statistics.features[0].inferred_type.value == "String"
    assert not findings.violations.violations


def test_uuids_in_a_frame_are_their_texts():
    monitor = DataQualityMonitor()
    of_objects = run_baseline(pd.DataFrame({"id": UUIDS}), monitor, engine="local")
    of_texts = run_baseline(pd.DataFrame({"id": list(map(str, UUIDS))}), monitor, engine="local")

    assert of_objects.statistics.to_json() == of_texts.statistics.to_json()


@pytest.mark.parametrize(
    ("cells", "inferred_type"),
    [
        pytest.param(pa.array([b"abcd"] * 60, pa.binary(4)), "Unknown", id="bytes of one length"),
        pytest.param(NUMBERS.cast(pa.duration("ms")), "Integral", id="spans of time"),
    ],
)
def test_types_that_spark_stores_are_read_as_spark_reads_them(tmp_path, cells, inferred_type):
    write_file(tmp_path, "0.parquet", x=cells)

    assert run_local(tmp_path).statistics.features[0].inferred_type.value == inferred_type


def test_a_decimal_that_no_engine_reads_names_what_to_write(tmp_path):
    write_file(tmp_path, "0.parquet", x=FRACTIONS.cast(pa.decimal256(50, 10)))
    sentence = "'x' holds decimal256.*, which neither engine reads; write a decimal of at most 38 digits, or a double, or leave"

    with pytest.raises(BadInput, match=sentence):
        run_local(tmp_path)


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (["x", "x"], "two columns are called 'x'; rename one of them|are both called 'x'; rename one of them"),
        (["x", "X"], "columns 'x' and 'X' differ by case only; rename one of them, or"),
    ],
)
def test_equal_names_are_named(tmp_path, names, sentence):
    table = pa.table([NUMBERS, NUMBERS], names=names)
    pq.write_table(table, tmp_path / "data.parquet")

    with pytest.raises(BadInput, match=sentence):
        run_local(tmp_path)


@pytest.mark.parametrize(
    ("path", "dataset_format", "sentence"),
    [
        ("s3://bucket/a.csv", None, r"needs boto3: pip install 'spark-model-monitor\[s3\]'"),
        ("/data/orders", "delta", r"needs deltalake: pip install 'spark-model-monitor\[delta\]'"),
        ("https://host/a.csv", None, "web addresses are not read; download the file"),
    ],
)
def test_a_path_names_its_own_extra(monkeypatch, path, dataset_format, sentence):
    module = "spark_model_monitor.data.reading.data_reader"
    monkeypatch.setattr(f"{module}.find_spec", lambda name: None)
    monkeypatch.setattr(f"{module}.can_open_without_spark", lambda path: path.startswith("/"))
    monkeypatch.setattr(f"{module}.get_running_session", lambda: None)

    with pytest.raises((BadInput, MissingDependency), match=sentence):
        read_data(path, dataset_format)


@pytest.mark.parametrize(
    ("second", "difference"),
    [
        pytest.param({"x": NUMBERS, "z": TEXTS}, "it lacks 'y' and it has 'z'", id="another one"),
        pytest.param({"x": NUMBERS}, "it lacks 'y'", id="one less"),
        pytest.param({"y": TEXTS, "x": NUMBERS}, "the same ones in another order", id="another order"),
    ],
)
def test_files_of_other_columns_are_named_with_the_columns(tmp_path, second, difference):
    write_file(tmp_path, "0.parquet", x=NUMBERS, y=TEXTS)
    write_file(tmp_path, "1.parquet", **second)

    sentence = rf"1\.parquet: a table of other columns than .*0\.parquet \({difference}\)"
    with pytest.raises(NeedsSpark, match=sentence):
        run_local(tmp_path)


FRAME = pd.DataFrame({"x": range(60), "y": ["a", "b"] * 30})
WITH_GAP = FRAME[FRAME.x != 7]
BY_NAME = FRAME.set_index("y")
BY_TEXTS = FRAME[["x"]].set_index(FRAME.y.to_numpy())
LEVELS = [FRAME.y, FRAME.x + 1]
TWO_LEVELS = FRAME.set_index(LEVELS).rename_axis([None, None])


@pytest.mark.parametrize(
    ("frame", "names"),
    [
        pytest.param(FRAME, ["x", "y"], id="an index that counts"),
        pytest.param(WITH_GAP, ["x", "y"], id="rows were left out"),
        pytest.param(BY_NAME, ["x", "y"], id="an index with a name is a column"),
        pytest.param(TWO_LEVELS, ["x", "y"], id="two levels"),
        pytest.param(BY_TEXTS, ["x"], id="texts without a name"),
    ],
)
def test_the_index_of_pandas_without_a_name_is_left_out(tmp_path, caplog, frame, names):
    path = tmp_path / "data.parquet"
    frame.to_parquet(path)

    run = run_local(tmp_path)

    assert [feature.name for feature in run.statistics.features] == names
    schema = pq.read_schema(path)
    is_written = "__index_level_0__" in schema.names
    messages = [record.getMessage() for record in caplog.records]
    warnings = [message for message in messages if "__index_level_0__" in message]
    assert len(warnings) == int(is_written)


def test_a_baseline_that_has_the_index_keeps_it(tmp_path):
    WITH_GAP.to_parquet(tmp_path / "data.parquet")
    earlier = run_baseline(pq.read_table(tmp_path / "data.parquet"), DataQualityMonitor(), engine="local")
    assert "__index_level_0__" in [feature.name for feature in earlier.statistics.features]

    findings = run_monitoring(str(tmp_path), DataQualityMonitor(), earlier, engine="local")

    assert findings.violations.violations == ()
