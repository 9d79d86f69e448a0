"""The engine without a JVM and Spark's write the same bytes: documents, states and all."""

import bz2
import gzip
import json
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.orc
import pyarrow.parquet as pq
import pytest
from tests.at_hand import defer_to_night
from tests.both_engines import list_engines, require_same
from tests.entries import read_checks
from tests.many_files import DAYS, FILE_KINDS, break_rows, draw_days, write_files
from tests.spark.merging.records import make_label
from tests.spark_lines import on_a_jvm
from tests.unit.records.captured_lines import format_capture
from tests.unit.records.merged_lines import merged

from spark_model_monitor import (
    AnalysisConfig,
    BiasMeasures,
    BiasMonitor,
    DataQualityMonitor,
    ErrorModel,
    EstimatedQualityMonitor,
    ModelQualityMonitor,
    MonitoringSettings,
    OutcomePlan,
    ProblemType,
    outcomes,
    run_baseline,
    run_monitoring,
)
from spark_model_monitor.data.engine.local_engine import LocalEngine
from spark_model_monitor.errors import BadInput
from spark_model_monitor.reports.history.state_files import PROFILE, decode_state_file
from spark_model_monitor.running.configuration.reading import build_config
from spark_model_monitor.running.configuration.sources import read_sources
from spark_model_monitor.running.inputs.data_sets import read_outcomes
from spark_model_monitor.running.inputs.features import read_features
from spark_model_monitor.running.inputs.job_measures import outcome_plan
from spark_model_monitor.spark.engine.spark import SparkEngine


def write_documents(data, spark, settings=None, pairs=None, **options):
    """What both engines write of a baseline of the data, and of monitoring it."""
    monitor = DataQualityMonitor(pairs=pairs)
    if settings:
        monitor = DataQualityMonitor(settings=settings)
    runs = []
    for where in list_engines(spark):
        baseline = run_baseline(data, monitor, **where, **options)
        findings = run_monitoring(data, DataQualityMonitor(), baseline, **where, **options)
        runs.append({**baseline.files(), **{f"monitor/{name}": content for name, content in findings.files().items()}})
    return runs


def make_frame(rows, seed=7):
    """Columns of many kinds, with missing cells."""
    random = np.random.default_rng(seed)
    numbers = random.normal(size=rows) * 10.0 ** random.integers(-5, 15, rows)
    some = random.random(rows) < 0.1
    frame = pd.DataFrame(
        {
            "number": np.where(some, np.nan, numbers),
            "single": random.normal(size=rows).astype(np.float32),
            "count": random.integers(-(2**40), 2**40, rows),
            "small": random.integers(0, 9, rows).astype(np.int8),
            "unsigned": random.integers(0, 2**63, rows).astype(np.uint64) * 2,
            "word": random.choice(["né", "x y", "", "long " * 80], rows),
            "digits": [str(number) for number in random.integers(0, 50, rows)],
            "flag": random.choice(np.array([True, False, None], object), rows),
            "time": pd.Timestamp("1999-12-31 23:59:59.123456")
            + pd.to_timedelta(random.integers(0, 10**6, rows) * 250, "ms"),
            "zoned": pd.Timestamp("2020-02-29", tz="Europe/Vienna")
            + pd.to_timedelta(random.integers(0, 400, rows), "D"),
        }
    )
    frame["kind"] = pd.Categorical(frame["word"])
    frame["day"] = frame["time"].dt.date
    frame["price"] = [Decimal(int(number)).scaleb(-2) for number in random.integers(-(10**9), 10**9, rows)]
    frame["vector"] = [None if missing else [number, None, 3.0] for missing, number in zip(some, numbers, strict=True)]
    odd_cells = {7: "n/a", 29: ".5", 93: "inf"}
    frame["mixed"] = [odd_cells.get(row % 101, f"{row % 41 / 4}") for row in range(rows)]
    return frame


def test_of_a_frame_of_pandas(spark):
    require_same(*write_documents(make_frame(500), spark))


@pytest.mark.parametrize("kind", ["csv", defer_to_night("frame"), defer_to_night("parquet")])
def test_by_segment(spark, tmp_path, kind):
    frame = make_frame(3_000).drop(columns=["vector"])
    path = tmp_path / f"rows.{kind}"
    data = str(path)
    if kind == "csv":
        # Its cells are texts: a column for each of what they may say
        frame[["number", "single", "small", "word", "digits", "flag", "time", "mixed"]].to_csv(path, index=False)
    elif kind == "parquet":
        frame.drop(columns=["kind"]).to_parquet(path, coerce_timestamps="us", allow_truncated_timestamps=True)
    else:
        data = frame
    settings = MonitoringSettings(segments=("word", "flag", "small:3:6", "digits*flag", "single", "time:hour"))
    require_same(*write_documents(data, spark, settings=settings))


def test_of_where_a_change_is_and_of_its_rows(spark, tmp_path):
    frame = make_frame(6_000)[["word", "small", "flag"]].astype({"small": int}).assign(order=range(6_000))
    frame.to_csv(tmp_path / "before.csv", index=False)
    frame.loc[frame.word == "x y", "small"] += 1_000
    frame.to_csv(tmp_path / "now.csv", index=False)
    runs = []
    for where in list_engines(spark):
        output = tmp_path / where["engine"]
        monitor = DataQualityMonitor(keep_examples=5, id_column="order")
        baseline = run_baseline(str(tmp_path / "before.csv"), monitor, **where)
        findings = run_monitoring(str(tmp_path / "now.csv"), monitor, baseline, output_path=str(output), **where)
        assert "only in word=x y" in findings.summary()
        runs.append({**findings.files(), "examples.parquet": (output / "examples.parquet").read_bytes()})
    require_same(*runs)


def test_between_columns(spark, tmp_path):
    """What columns have to do with each other, of texts, numbers and times, with missing cells; as a frame and as CSV."""
    frame = make_frame(3_000)[["number", "small", "word", "digits", "flag", "day", "price"]]
    frame["half"] = frame["number"] / 2
    frame["both"] = frame["number"] + frame["small"]
    frame["code"] = frame["word"].str.len()
    frame["level"] = frame["small"].astype(str) + "x"
    frame.to_csv(tmp_path / "rows.csv", index=False)
    for data in (frame, str(tmp_path / "rows.csv")):
        local, of_spark = write_documents(data, spark, pairs=True)
        require_same(local, of_spark)
        checks = read_checks(local["monitor/checks.json"])["checks"]
        assert {"relation_check", "association_check"} <= {check["check"] for check in checks}


@on_a_jvm("rows go with the tasks, in slices of 16 MB")
def test_of_a_table_of_many_partitions(spark, tmp_path, monkeypatch):
    """More than a partition of rows: a file of them is cut at its row groups, and sketches depend on where."""
    frame = pd.concat([make_frame(40_000)[["number", "count", "word"]]] * 3)
    monkeypatch.setattr("spark_model_monitor.data.engine.partitions.MIN_PARTITION_BYTES", 2**18)
    require_same(*write_documents(frame, spark))


def make_table(rows):
    table = pa.Table.from_pandas(make_frame(rows).drop(columns=["kind"]))
    return table.append_column("nested", pa.array([{"a": row} if row % 2 else None for row in range(rows)]))


@pytest.mark.parametrize("files", [defer_to_night(1), 3])
def test_of_parquet(spark, tmp_path, files, monkeypatch):
    monkeypatch.setattr("spark_model_monitor.data.engine.partitions.MIN_PARTITION_BYTES", 2**19)
    for number in range(files):
        table = make_table(6_000 + number)
        pq.write_table(table, tmp_path / f"{number}.parquet", row_group_size=1_000, coerce_timestamps="us")
    require_same(*write_documents(str(tmp_path), spark))


def test_of_parquet_as_pandas_writes_it_today(spark, tmp_path):
    """Times in nanoseconds, whose digits below microseconds are cut off, also before 1970; a column of nothing; large texts."""
    nanoseconds = [1, 2 * 10**9 + 1500, None, -1500]
    table = pa.table(
        {
            "time": pa.array(nanoseconds, pa.timestamp("ns")),
            "zoned `time`": pa.array(nanoseconds, pa.timestamp("ns", "UTC")),
            "nothing": pa.nulls(4),
            "text": pa.array(["a", "né", None, ""], pa.large_string()),
            "kind": pa.array(["a", "b", None, "a"]).dictionary_encode(),
        }
    )
    pq.write_table(table, tmp_path / "rows.parquet")
    require_same(*write_documents(str(tmp_path), spark))


def test_parquet_files_of_other_columns_are_a_union_and_of_other_types_a_sentence(spark, tmp_path):
    for number, (name, table) in enumerate({"union": {"b": ["z"], "c": [1.5]}, "types": {"a": ["one"]}}.items()):
        (tmp_path / name).mkdir()
        pq.write_table(pa.table({"a": [1, 2], "b": ["x", "y"]}), tmp_path / name / "0.parquet")
        pq.write_table(pa.table(table), tmp_path / name / f"{number + 1}.parquet")
    union = run_baseline(str(tmp_path / "union"), DataQualityMonitor(), spark=spark)

    assert union.to_pandas()["num_present"].to_dict() == {"a": 2, "b": 3, "c": 1}
    sentence = r"2\.parquet: column 'a' is string, and int64 in .*0\.parquet; write all files with the same types"
    with pytest.raises(BadInput, match=sentence):
        run_baseline(str(tmp_path / "types"), DataQualityMonitor(), spark=spark)


NUMBERS = pa.array([1, 2, None, 4] * 15)
FRACTIONS = pa.array([0.5, None, 2.25, 7.0] * 15)
BYTES = NUMBERS.cast(pa.int8())
SHORT_NUMBERS = NUMBERS.cast(pa.int32())
SINGLE = NUMBERS.cast(pa.float32())
DECIMALS = NUMBERS.cast(pa.decimal128(21, 2))
LONG_DECIMALS = NUMBERS.cast(pa.decimal128(23, 3))
WORDS = pa.array(["a", "b"] * 30)
NOTHING = pa.nulls(60)

SEVERAL_TYPES = {
    "a day with a gap": (NUMBERS, FRACTIONS),
    "narrow ones": defer_to_night(SHORT_NUMBERS, SINGLE),
    "widths": defer_to_night(BYTES, NUMBERS),
    "a day without values": (NOTHING, NUMBERS),
    "texts, and none": defer_to_night(NOTHING, WORDS),
    "scales": defer_to_night(DECIMALS, LONG_DECIMALS),
    "a decimal": defer_to_night(DECIMALS, NUMBERS),
    "a decimal and doubles": (DECIMALS, FRACTIONS),
}


@pytest.mark.parametrize(("first", "second"), SEVERAL_TYPES.values(), ids=SEVERAL_TYPES)
@pytest.mark.parametrize("is_reversed", [False, defer_to_night(True)])
def test_of_parquet_files_of_several_types(spark, tmp_path, first, second, is_reversed):
    columns = [first, second]
    if is_reversed:
        columns.reverse()
    for day, column in enumerate(columns):
        table = pa.table({"a.b": column, "n": range(60)})
        pq.write_table(table, tmp_path / f"{day}.parquet")

    require_same(*write_documents(str(tmp_path), spark))


def test_the_index_of_pandas_is_left_out_alike(spark, tmp_path):
    make_frame(3_000)[["number", "word"]].iloc[5:].to_parquet(tmp_path / "rows.parquet")

    local_files, spark_files = write_documents(str(tmp_path), spark)

    require_same(local_files, spark_files)
    assert b"__index_level_0__" not in spark_files["statistics.json"]


def test_of_orc(spark, tmp_path):
    columns = ["number", "single", "count", "small", "word", "flag", "day", "price", "vector"]
    table = pa.Table.from_pandas(make_frame(3_000)[columns])
    pa.orc.write_table(table, tmp_path / "rows.orc")
    require_same(*write_documents(str(tmp_path), spark))


def write_csv(rows):
    frame = make_frame(rows).drop(columns=["vector", "kind", "unsigned"])
    return frame.to_csv(index=False, lineterminator="\r\n").encode() + b"1,2\r\n\r\n   \r\nno,\xff,utf\r\n"


@pytest.mark.parametrize(
    "kept_as",
    [("", bytes), defer_to_night((".gz", gzip.compress)), defer_to_night((".bz2", bz2.compress))],
    ids=lambda compression: compression[0],
)
def test_of_csv(spark, tmp_path, monkeypatch, kept_as):
    monkeypatch.setattr("spark_model_monitor.data.engine.partitions.MIN_PARTITION_BYTES", 2**20)
    suffix, packed = kept_as
    for number in range(3):
        (tmp_path / f"{number}.csv{suffix}").write_bytes(packed(write_csv(1_500)))
    outputs = [tmp_path / "out-local", tmp_path / "out-spark"]
    require_same(*write_documents(str(tmp_path), spark))
    for where, output in zip(list_engines(spark), outputs, strict=True):
        data = f"{tmp_path}/0.csv{suffix}"
        run_baseline(data, DataQualityMonitor(), output_path=str(output), **where)
    require_same(*({file.name: file.read_bytes() for file in (output / "quarantine").iterdir()} for output in outputs))


# The other kinds are by day in the test below
@pytest.mark.parametrize(
    "kind", [kind if kind in ("csv.gz", "json", "parquet") else defer_to_night(kind) for kind in FILE_KINDS]
)
def test_of_small_files_of_unequal_sizes(spark, tmp_path, kind):
    """In the order of their names, which the engines know in their own ways."""
    require_same_of_files(spark, tmp_path, kind, DAYS)


# Those that no engine can cut are by day in the test above
@pytest.mark.parametrize("kind", [defer_to_night(kind) if kind in ("csv.gz", "json") else kind for kind in FILE_KINDS])
def test_of_cut_files_of_unequal_sizes(spark, tmp_path, monkeypatch, kind):
    monkeypatch.setattr("spark_model_monitor.data.engine.partitions.MIN_PARTITION_BYTES", 2**17)
    require_same_of_files(spark, tmp_path, kind, 3)


def require_same_of_files(spark, folder, kind, files):
    options = {}
    if kind == "json":
        options["dataset_format"] = "json"
    require_same(*write_documents(write_files(draw_days(1)[:-1], files, kind, folder), spark, **options))


def test_a_window_is_judged_by_files_as_by_the_rows_of_one(spark, tmp_path):
    *baseline_days, last_day = draw_days(1)
    data = write_files(baseline_days, DAYS, "csv", tmp_path)
    baseline = run_baseline(data, DataQualityMonitor(), spark=spark, engine="spark")
    for window, expected in ((last_day, False), (break_rows(last_day), True)):
        checks = run_monitoring(window, DataQualityMonitor(), baseline, spark=spark).results
        assert any(check.is_violation for check in checks if check.feature == "campaign") == expected


def write_json_lines(rows):
    """Objects with all kinds of values, faults among them."""
    random = np.random.default_rng(3)
    lines = []
    for number in range(rows):
        record = {
            "count": int(random.integers(-(2**50), 2**50)),
            "price": float(random.normal() * 100) if number % 3 else number,
            "word": str(random.choice(["né", "", "a\\b", "x" * 300])),
            "mixed": [1, -0.5, 1e-5, 123456789.25, True, "text", None][number % 7],
            "flag": bool(number % 2),
            "Flag": None,
            "vector": [1, 2.5, None][: number % 4],
            "words": ["a", None],
            "nobody": None,
        }
        lines.append(json.dumps({name: value for name, value in record.items() if number % 11 or name != "word"}))
    faults = [
        b"",
        b"  ",
        b"5",
        b"null",
        b'{"count": 1',
        b'{"count": 1} {"late": 2}',
        b'{"count": 1}, {"word": "w"}',
        b'{"a": "\xff"}',
    ]
    return b"\n".join([line.encode() for line in lines] + faults + [b'  {"last": NaN, "count": -0, "mixed": 1.50}  '])


def test_of_json_lines(spark, tmp_path):
    for number in range(2):
        (tmp_path / f"{number}.jsonl").write_bytes(write_json_lines(900 + number))
    require_same(*write_documents(str(tmp_path), spark, max_quarantined_share=0.1))


def test_of_json_documents(spark, tmp_path):
    records = [{"a": number, "b": {"c": [number / 7], "d": "x"}, "e": [{"f": 1}]} for number in range(300)]
    for number in range(2):
        (tmp_path / f"{number}.json").write_text(json.dumps(records[number:]), encoding="utf-8")
    config = {"dataset_format": '{"json": {"lines": false}}'}
    require_same(*write_documents(str(tmp_path), spark, **config))
    flags = ["--dataset-source", str(tmp_path), "--dataset-format", config["dataset_format"], "--no-flatten-json"]
    sources = read_sources([*flags, "--output-path", str(tmp_path / "_out")], {})
    job_config = build_config("baseline", sources, in_container=False)
    faults = []
    for engine in (LocalEngine(), SparkEngine(spark)):
        with pytest.raises(BadInput) as fault:
            run_baseline(read_features(engine, job_config), DataQualityMonitor())
        faults.append(str(fault.value))
    assert faults[0] == faults[1]
    for number in range(2):
        flat = [{"a": record["a"], "e": record["e"]} for record in records]
        (tmp_path / f"{number}.json").write_text(json.dumps(flat if number else flat[0]), encoding="utf-8")
    require_same(*write_documents(str(tmp_path), spark, **config))


PEOPLE = 700


def people(kind):
    """Rows with facets, labels, predictions and features, in all the types that a facet may have."""
    random = np.random.default_rng(11)
    age = random.integers(18, 80, PEOPLE)
    score = random.random(PEOPLE)
    columns = {
        "age": age,
        "income": (random.normal(size=PEOPLE) * 1e5).round(2),
        "small": random.random(PEOPLE).astype(np.float32),
        "sex": random.choice(np.array(["F", "M", None, " 1"], object), PEOPLE),
        "member": random.random(PEOPLE) < 0.4,
        "since": pd.to_datetime("2020-01-01") + pd.to_timedelta(age, "D"),
        "price": [Decimal(int(number)).scaleb(-2) for number in age * 7],
        "label": (score + random.random(PEOPLE) > 1).astype(int),
        "predicted": (score > 0.5).astype(int),
        "score": score,
    }
    frame = pd.DataFrame(columns)
    if kind == "frame":
        return frame
    return frame.astype({"member": str}).drop(columns=["since"])


ANALYSES = {
    "values": [
        {"name_or_index": "sex", "value_or_threshold": ["F"]},
        {"name_or_index": "age", "value_or_threshold": [40]},
    ],
    "each value": [{"name_or_index": "sex"}, {"name_or_index": "member"}],
    "numbers": [{"name_or_index": "income", "value_or_threshold": [0.5]}, {"name_or_index": "price"}],
}


BY_AGE = {
    "segment_config": [
        {"name_or_index": "age", "segments": [["(-inf, 30)"], ["[30, 50)"]]},
        {"name_or_index": "member", "segments": []},
    ]
}


@pytest.mark.parametrize("facets", [*ANALYSES, "flips"])
@pytest.mark.parametrize("kind", ["frame", defer_to_night("csv")])
def test_of_bias(spark, tmp_path, facets, kind):
    """flips: all features are numbers, so that neighbours are looked for."""
    data = people(kind)
    if facets == "flips":
        data = data[["age", "income", "small", "label", "predicted", "score"]]
    config = AnalysisConfig.from_json(
        json.dumps(
            {
                "label": "label",
                "label_values_or_threshold": [1],
                "predicted_label": "predicted",
                "facet": ANALYSES.get(facets) or [{"name_or_index": "age", "value_or_threshold": [40]}],
                "group_variable": "age",
                "methods": {"pre_training_bias": {"methods": "all"}, "post_training_bias": {"methods": "all"}},
            }
            | ({} if facets == "flips" else BY_AGE)
        )
    )
    if kind == "csv":
        data.to_csv(tmp_path / "people.csv", index=False)
        data = str(tmp_path / "people.csv")
    monitor = BiasMonitor(replace(BiasMeasures.of(config), untyped_texts=kind == "csv"))
    runs = []
    for where in list_engines(spark):
        baseline = run_baseline(data, monitor, **where)
        files = baseline.files()
        if (facets, kind) == ("numbers", "frame"):  # and verdicts, of segments too
            results = run_monitoring(data, monitor, baseline, **where)
            assert {metric_result.where for metric_result in results.results} == {
                None,
                "in one segment of age",
                "in one segment of member",
            }
            files |= {f"monitor/{name}": content for name, content in results.files().items()}
        runs.append(files)
    require_same(*runs)
    assert (b"FlipTest" in runs[0]["analysis.json"]) == (facets != "flips")


def run_over_outcomes(spark, run, data, plan, **columns):
    """What both engines write of a run over outcomes."""
    runs = []
    for where in list_engines(spark):
        with outcomes(data, plan, **columns, **where) as rows:
            runs.append(run(rows).files())
    return runs


@pytest.mark.parametrize("kind", [defer_to_night("frame"), "csv"])
@pytest.mark.parametrize("problem", ["BINARY_CLASSIFICATION", "REGRESSION", "MULTICLASS_CLASSIFICATION"])
def test_of_model_quality(spark, tmp_path, problem, kind):
    data = people(kind)
    if kind == "csv":
        data.to_csv(tmp_path / "people.csv", index=False)
        data = str(tmp_path / "people.csv")
    cuts = ("sex", "age:30:50", "sex*member", "small")
    plan = OutcomePlan(ProblemType[problem], with_scores=problem == "BINARY_CLASSIFICATION", segments=cuts)
    label = "label"
    predicted = "predicted"
    if problem == "REGRESSION":
        label = "income"
        predicted = "score"
    columns = {"label": label, "prediction": predicted, "probability": "score"}

    def judge(rows):
        return run_baseline(rows, ModelQualityMonitor(plan))

    require_same(*run_over_outcomes(spark, judge, data, plan, **columns))


@pytest.mark.parametrize("decimal_type", [pa.decimal128(9, 0), pa.uint64()], ids=str)
def test_labels_and_facets_of_whole_decimals_are_those_of_integers(spark, decimal_type):
    """As warehouses and Spark store integers that have no type of theirs: without values for it a facet ended the job."""
    random = np.random.default_rng(5)
    integers = pa.table({name: random.integers(0, 3 if name == "facet" else 2, 300) for name in ("y", "p", "facet")})
    data = pa.table(
        {name: integers[name].cast(pa.decimal128(19, 0)).cast(decimal_type) for name in integers.column_names}
    )
    plan = OutcomePlan(ProblemType.BINARY_CLASSIFICATION)
    label = {"label": "y", "label_values_or_threshold": [1], "predicted_label": "p"}
    config = AnalysisConfig.from_json(json.dumps({**label, "facet": [{"name_or_index": "facet"}]}))
    documents = []
    local, on_spark = list_engines(spark)
    for rows, where in ((integers, local), (data, local), (data, on_spark)):
        with outcomes(rows, plan, label="y", prediction="p", **where) as read:
            quality = run_baseline(read, ModelQualityMonitor(plan)).files()["statistics.json"]
        bias = run_baseline(rows, BiasMonitor(BiasMeasures.of(config)), **where).files()
        documents.append({"statistics.json": quality, "analysis.json": bias["analysis.json"]})

    require_same(*documents[:2])
    require_same(*documents[1:])


def test_of_segments_of_merged_records(spark, tmp_path):
    lines = []
    for row in people("csv").itertuples():
        record = merged(str(row.label), str(row.predicted), time="2026-03-04T14:00:00Z")
        request = {"data": json.dumps({"sex": row.sex, "age": row.age}), "encoding": "JSON"}
        record["captureData"]["endpointInput"] |= request
        record["eventMetadata"]["eventId"] = str(row.Index)
        lines.append(json.dumps(record))
    (tmp_path / "merged.jsonl").write_text("\n".join(lines))
    flags = ["--dataset-source", str(tmp_path), "--dataset-format", "merged", "--inference-attribute", "0"]
    flags += ["--problem-type", "BinaryClassification", "--segments", "sex,sex*age:40", "--output-path", "none"]
    flags += ["--analysis-type", "MODEL_QUALITY"]
    config = build_config("baseline", read_sources(flags, {}), in_container=False)
    monitor = ModelQualityMonitor(outcome_plan(config))
    runs = [run_baseline(read_outcomes(engine, config), monitor) for engine in (LocalEngine(), SparkEngine(spark))]

    require_same(*(run_result.files() for run_result in runs))
    assert [*runs[1].state.segments] == ["sex", "sex*age:40"]


@pytest.mark.parametrize("kind", [defer_to_night("frame"), "csv"])
def test_of_estimated_quality(spark, tmp_path, kind):
    data = people(kind)
    plan = OutcomePlan(ProblemType.BINARY_CLASSIFICATION, with_scores=True)
    columns = {"prediction": "predicted", "probability": "score"}
    baseline = run_baseline(outcomes(data, plan, label="label", engine="local", **columns), ModelQualityMonitor(plan))
    if kind == "csv":
        data.to_csv(tmp_path / "people.csv", index=False)
        data = str(tmp_path / "people.csv")

    def estimate(rows):
        return run_monitoring(rows, EstimatedQualityMonitor(plan), baseline)

    require_same(*run_over_outcomes(spark, estimate, data, plan, label=None, **columns))


@pytest.mark.parametrize("problem", ["MULTICLASS_CLASSIFICATION", "REGRESSION"])
def test_of_estimated_classes_and_numbers(spark, tmp_path, problem):
    random = np.random.default_rng(3)
    shares = random.dirichlet([1, 1, 1], 300).round(3)
    probabilities = [json.dumps(dict(zip("abc", row, strict=True))) for row in shares.tolist()]
    data = pd.DataFrame(
        {"prediction": [*"abc"] * 100, "probability": probabilities, "label": random.choice([*"abc"], 300)}
    )
    plan = OutcomePlan(ProblemType[problem], with_scores=True)
    errors = None
    if problem == "REGRESSION":
        data = pd.DataFrame({"place": [*"abc"] * 100, "prediction": random.uniform(size=300), "label": shares[:, 0]})
        plan = OutcomePlan(ProblemType[problem])
        errors = ErrorModel.learnt(data, label="label", prediction="prediction")
    data.to_csv(tmp_path / "rows.csv", index=False)
    baseline = run_baseline(outcomes(data, plan, engine="local"), ModelQualityMonitor(plan))

    def estimate(rows):
        return run_monitoring(rows, EstimatedQualityMonitor(plan), baseline)

    require_same(*run_over_outcomes(spark, estimate, str(tmp_path / "rows.csv"), plan, label=None, errors=errors))


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(200))
def test_of_generated_data(spark, tmp_path, seed):
    """Some columns of some rows, in one format or another, in one file or several."""
    random = np.random.default_rng(seed)
    frame = make_frame(int(random.integers(1, 400)), seed).drop(columns=["vector", "kind", "unsigned"])
    frame = frame[list(random.choice(frame.columns, random.integers(1, len(frame.columns)), replace=False))]
    for number in range(random.integers(1, 4)):
        if seed % 3 == 0:
            frame.to_csv(tmp_path / f"{number}.csv", index=False)
        elif seed % 3 == 1:
            frame.astype({name: str for name in frame.columns if frame[name].dtype.kind not in "iufb"}).to_json(
                tmp_path / f"{number}.jsonl", orient="records", lines=True
            )
        else:
            pq.write_table(pa.Table.from_pandas(frame), tmp_path / f"{number}.parquet", coerce_timestamps="us")
    require_same(*write_documents(str(tmp_path), spark, max_quarantined_share=1))


SCRIPT = """
def preprocess_handler(record):
    values = record.endpoint_input.data.split(",")
    if values[0] == "3":
        return []
    if values[0] == "4":
        raise ValueError(values[0])
    rows = [{"b": values[1], "a": values[0]}, {"a": values[0], "only here": "x"}]
    return rows[: 1 + int(values[0]) % 2]
"""


def captures(folder):
    """Captured records of three hours in files of two folders, some of them at fault, all of CSV."""
    random = np.random.default_rng(5)
    for hour in range(3):
        lines = []
        for number in range(400):
            moment = "soon"
            if number % 50:
                moment = f"2026-01-01T{hour + 8:02}:{number % 60:02}:00Z"
            content = f"{random.integers(1, 9)},{random.normal():.6f}"
            if number == 7:
                content += ",extra"
            lines.append(format_capture(content, f"{number / 7}", f"{hour}-{number}", moment))
        (folder / f"2026/01/01/{hour + 8:02}").mkdir(parents=True)
        (folder / f"2026/01/01/{hour + 8:02}/part-{hour}.jsonl").write_text("".join([*lines, "no capture\n"]))


@pytest.mark.parametrize("how", ["window", defer_to_night("script"), "as service"])
def test_of_captures(jobs_here, tmp_path, monkeypatch, how):
    """By jobs, whose output folders are held against each other, the quarantine among them."""
    monkeypatch.setenv("ENGINES", "both")
    captures(tmp_path / "captures")
    (tmp_path / "script.py").write_text(SCRIPT)
    source = (
        "--dataset-source",
        tmp_path / "captures",
        "--dataset-format",
        "capture",
        "--max-quarantined-share",
        "0.3",
    )
    more = {
        "script": ("--record-preprocessor-script", tmp_path / "script.py"),
        "as service": ("--compat", "service"),
        "window": (),
    }[how]
    ended = jobs_here("baseline", *source, *more, "--output-path", tmp_path / "baseline")
    assert ended.status == 0, ended.said
    of_monitor = {
        "script": (),
        "as service": ("--sample", "0.5"),
        "window": ("--start-time", "2026-01-01T08:30:00Z", "--end-time", "2026-01-01T10:00:00Z"),
    }[how]
    baseline = ("--baseline", tmp_path / "baseline")
    ended = jobs_here("monitor", *source, *more, *of_monitor, *baseline, "--output-path", tmp_path / "report")
    assert ended.status == 0, ended.said
    assert (tmp_path / "report-local" / "statistics.json").is_file()


def labels(folder):
    """Ground truth of those captures: late, twice, contradicted, of nobody, nearly JSON, as an array, and none at all."""
    for hour in range(3):
        lines = []
        for number in range(400):
            record = make_label(f"{hour}-{number}", str(number % 3))
            if number % 17:
                lines.append(str(record) if number == 5 else json.dumps(record))
            if number % 50 == 1:
                lines.append(json.dumps(make_label(f"{hour}-{number}", str(number))))
        (folder / f"2026/01/01/{hour + 9:02}").mkdir(parents=True)
        (folder / f"2026/01/01/{hour + 9:02}/part-{hour}.jsonl").write_text("\n".join([*lines, "no label", "[]"]))
    elements = [
        {"eventMetadata": {"eventId": "nobody's"}},
        {"groundTruthData": {"data": "7"}, "eventMetadata": {"eventId": "0-17"}},
    ]
    (folder / "2026/01/01/09/array.json").write_text(json.dumps(elements, indent=2))


@pytest.mark.parametrize(
    "how", [defer_to_night("everything"), "late", defer_to_night("absent"), defer_to_night("people")]
)
def test_of_a_merge(jobs_here, tmp_path, monkeypatch, how):
    """By jobs whose outputs are held against each other: merged records, ledger, ids that wait, restatement, quarantine."""
    monkeypatch.setenv("ENGINES", "both")
    captures(tmp_path / "captures")
    labels(tmp_path / "labels")
    source = ("--dataset-source", tmp_path / "captures", "--ground-truth-source", tmp_path / "labels")
    flags = (*source, "--max-quarantined-share", "0.3", "--output-path", tmp_path / "merged")
    window = ("--scheduled-time", "2026-01-01T12:00:00Z", "--set=start_time_offset=-PT4H", "--set=end_time_offset=PT0H")
    more = {
        "everything": (),
        "late": ("--late-labels", "P1D"),
        "absent": ("--absent-label", "0", "--after", "PT1H", *window),
        "people": ("--to-label", "20", "--score-attribute", "0"),
    }[how]
    ended = jobs_here("merge", *flags, *more)
    assert ended.status == 0, ended.said
    if how == "late":
        late = json.dumps(make_label("1-17", "9"))
        (tmp_path / "labels/2026/01/01/11/late.jsonl").write_text(f"{late}\n")
        ended = jobs_here("merge", *flags, *more)
        assert ended.status == 0, ended.said
    merged = [path.read_text() for path in (tmp_path / "merged-local").rglob("part-*.jsonl")]
    assert sum(text.count('"groundTruthData":') for text in merged) > 1000
    assert (tmp_path / "merged-local/quarantine/00000.jsonl").is_file()


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_of_expectations(spark, tmp_path, kind):
    """Rules of every kind over texts, cut or whole, and over typed columns."""
    frame = make_frame(600)[["number", "count", "word", "digits", "time"]]
    path = str(tmp_path / f"rows.{kind}")
    if kind == "csv":
        frame.to_csv(path, index=False)
    else:
        pq.write_table(pa.Table.from_pandas(frame), path, coerce_timestamps="us")
    rules = {
        "features": {
            "number": [{"min": 0, "not_null": True, "type": "Fractional"}, {"unique": True}],
            "count": [{"max": 0, "type": "Integral"}, {"unique": True, "level": "warning"}],
            "word": {"matches": "[a-zé ]*", "length": {"max": 300}, "in": ["né", "x y"], "max_share_of": {"né": 0.1}},
            "digits": {"unique": True, "in": [1, 2, "3"]},
            "time": {"newer_than": "1999-12-31T23:59:59Z", "type": "Time"},
        },
        "row_rules": ["number <= count or word == 'né'", "word < digits", "count = count * 1 ± .5"],
        "rows": {"max": 5},
    }
    runs = []
    for where in list_engines(spark):
        findings = run_monitoring(path, DataQualityMonitor(), None, expectations=rules, **where)
        runs.append(findings.files())
    require_same(*runs)


TODAY = {
    "times in nanoseconds": pa.array([10**18 + number for number in range(60)], pa.timestamp("ns")),
    "such with a zone": pa.array([10**18 + number for number in range(60)], pa.timestamp("ns", "UTC")),
    "null everywhere": pa.nulls(60),
    "large_string": pa.array(["a", "b", None] * 20, pa.large_string()),
    "string_view": pa.array(["a", "b", None] * 20, pa.string_view()),
    "a dictionary": pa.array(["a", "b", None] * 20).dictionary_encode(),
    "of numbers": pa.array([1, 2, None] * 20).dictionary_encode(),
    "decimals": pa.array([Decimal("1.25"), None] * 30, pa.decimal128(9, 2)),
    "decimals of 38 digits": pa.array([Decimal(f"{10**35 + number}.5") for number in range(60)], pa.decimal128(38, 2)),
    "lists": pa.array([[1, 2], [], None] * 20),
    "large lists": pa.array([["a"], [], None] * 20, pa.large_list(pa.string())),
    "unsigned": pa.array([2**64 - 1, None] * 30, pa.uint64()),
    "dates": pa.array([0, None] * 30, pa.date32()),
}
"""Columns as pandas and polars write them to Parquet, by what they are."""


def test_every_type_of_parquet_that_is_written_today_gives_the_same_bytes(spark, tmp_path):
    pq.write_table(pa.table(TODAY), tmp_path / "data.parquet")

    require_same(*write_documents(str(tmp_path / "data.parquet"), spark))
    features = run_baseline(str(tmp_path / "data.parquet"), DataQualityMonitor(), engine="local").statistics.features
    assert {feature.name: feature.common.num_missing for feature in features} == {
        name: values.null_count for name, values in TODAY.items()
    }


@pytest.mark.parametrize("of_96_bits", [False, True], ids=["of 64 bits", "of 96 bits"])
def test_times_that_stand_for_none_are_what_they_are_on_both_engines(spark, tmp_path, of_96_bits):
    """Dates and times such as 0001-01-01 and 9999-12-31, in files that no Spark wrote."""
    moments_stated = [datetime(1, 1, 1), datetime(1899, 12, 30), datetime(9999, 12, 31), datetime(2020, 1, 1)] * 15
    moments = pa.array(moments_stated, pa.timestamp("us")).cast(pa.timestamp("us", "UTC"))
    table = pa.table(
        {"time": moments, "day": pa.array([moment.date() for moment in moments_stated]), "count": range(60)}
    )
    pq.write_table(table, tmp_path / "rows.parquet", use_deprecated_int96_timestamps=of_96_bits)

    local_files, spark_files = write_documents(str(tmp_path), spark)

    require_same(local_files, spark_files)
    profile = decode_state_file(local_files[PROFILE], "here")
    assert [*profile.feature("time").frequencies.counts] == [str(moment) for moment in sorted({*moments_stated})]


@pytest.mark.parametrize("called", ["clock", "clock,span", "0,span"])
def test_columns_that_are_left_out_need_not_be_readable(spark, tmp_path, called):
    """Spark has neither type: the other columns are what they are without these."""
    unreadable = {"clock": pa.array([1] * 60, pa.time64("ns"))}
    if "span" in called:
        unreadable["span"] = pa.array([1] * 60, pa.duration("ns"))
    pq.write_table(pa.table({**unreadable, **TODAY}), tmp_path / "data.parquet")
    flags = ["--dataset-source", str(tmp_path), "--dataset-format", "parquet", "--output-path", str(tmp_path / "_out")]
    sources = read_sources([*flags, "--exclude-features-attribute", called], {})
    config = build_config("baseline", sources, in_container=False)
    engines = (LocalEngine(), SparkEngine(spark))

    runs = [run_baseline(read_features(engine, config), DataQualityMonitor()) for engine in engines]

    require_same(*(run.files() for run in runs))
    assert [feature.name for feature in runs[1].statistics.features] == [*TODAY]


def test_files_with_and_without_a_column_that_is_left_out_are_a_union(spark, tmp_path):
    pq.write_table(pa.table({"clock": pa.array([1, 2], pa.time64("ns")), "a": [1, 2]}), tmp_path / "0.parquet")
    pq.write_table(pa.table({"a": [3], "b": ["x"]}), tmp_path / "1.parquet")

    names, rows = SparkEngine(spark).table([str(tmp_path)], "parquet", {}, left_out=["clock"])

    assert names == ("clock", "a", "b")
    assert sorted(map(tuple, rows.frame.collect())) == [(None, 1, None), (None, 2, None), (None, 3, "x")]
    with pytest.raises(
        BadInput, match="clock holds time64.*, which neither .*leave it out by --exclude-features-attribute"
    ):
        SparkEngine(spark).table([str(tmp_path)], "parquet", {}, left_out=["b"])
    pq.write_table(pa.table({"a": ["three"]}), tmp_path / "2.parquet")
    with pytest.raises(BadInput, match="columns of one name and several types"):
        SparkEngine(spark).table([str(tmp_path)], "parquet", {}, left_out=["clock"])
