"""The engine of this machine: no JVM, lines and partitions as Hadoop and Spark cut them, and sentences on what needs Spark."""

import gzip
import json
import os
import re
import subprocess
import sys
from functools import partial
from pathlib import Path
from random import Random

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.at_hand import defer_to_night
from tests.programs import printed_by, run_program

from spark_model_monitor import BadConfiguration, DataQualityMonitor, run_baseline, run_monitoring
from spark_model_monitor.data.engine.engine_protocol import LINE_KEY
from spark_model_monitor.data.engine.local_engine import LocalEngine
from spark_model_monitor.data.engine.local_files import (
    File,
    read_lines_of_piece,
    read_lines_of_pieces,
    split_text_file,
)
from spark_model_monitor.data.engine.partitions import OPEN_COST_BYTES, pack_pieces
from spark_model_monitor.data.records.locations import BLOCK_START, FILE, FILE_KEY, LINE
from spark_model_monitor.documents.statistics import InferredType
from spark_model_monitor.errors import BadInput, NeedsSpark, NoData
from spark_model_monitor.running.configuration.reading import build_config
from spark_model_monitor.running.configuration.sources import read_sources
from spark_model_monitor.running.inputs.features import read_features

ROOT = Path(__file__).parents[3]


def read_lines(folder, piece_bytes=2**20, **how):
    engine = LocalEngine()
    engine.piece_bytes = piece_bytes
    batches = engine.lines([str(folder)], **how).partitions(LINE, FILE, BLOCK_START).add_partition_number().batches()
    return [row for batch in batches for row in batch.to_pylist()]


@pytest.mark.long
def test_jobs_start_no_java(tmp_path):
    """Neither a Java nor a Spark can be found, and both jobs end well."""
    (tmp_path / "data.csv").write_text("age,city\n" + "31,Wien\n42,Graz\n" * 4)
    flags = ["--engine", "local", "--dataset-source", "data.csv", "--dataset-format", "csv", "--output-path"]
    nowhere = {
        "PATH": "/usr/bin:/bin",
        "JAVA_HOME": "/nowhere",
        "SPARK_HOME": "/nowhere",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    submit = [sys.executable, "-m", "spark_model_monitor.spark.launch.submission"]
    of_both = [["baseline", *flags, "baseline"], ["monitor", *flags, "report", "--baseline", "baseline"]]
    for command in of_both:
        ended = run_program(
            [*submit, *command], cwd=tmp_path, env={**os.environ, **nowhere, "PYTHONPATH": str(ROOT / "lib")}
        )
        assert ended.returncode == 0, ended.stderr
    assert "engine: local, as requested" in ended.stderr
    assert json.loads((tmp_path / "baseline" / "statistics.json").read_text())["dataset"]["item_count"] == 8


@pytest.mark.long
def test_a_run_loads_no_pyspark(tmp_path):
    (tmp_path / "data.csv").write_text("age,city\n" + "31,Wien\n42,Graz\n" * 4)
    program = (
        "import sys; from spark_model_monitor import DataQualityMonitor, run_baseline\n"
        f"run_baseline({str(tmp_path / 'data.csv')!r}, DataQualityMonitor()).write({str(tmp_path / 'out')!r})\n"
        "print('pyspark' in sys.modules, 'py4j' in sys.modules)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(ROOT / "lib")},
        capture_output=True,
        text=True,
        check=True,
    )

    assert ended.stdout == "False False\n"


@pytest.mark.long
def test_a_monitoring_command_loads_only_what_its_kind_of_monitoring_needs(tmp_path):
    data, baseline, report = (str(tmp_path / name) for name in ("data.csv", "baseline", "report"))
    Path(data).write_text("age,city\n" + "31,Wien\n42,Graz\n" * 4)
    run_baseline(data, DataQualityMonitor()).write(baseline)
    program = """
        import atexit, sys
        from importlib.util import find_spec
        from spark_model_monitor import cli
        rooms = ("monitors.bias.monitor", "monitors.explainability.monitor", "monitors.model_quality", "documents.model_quality",
            "monitors.predictors", "statistics.states.outcomes", "statistics.states.contingency",
            "data.reading.captures", "data.reading.scripts", "data.records.json_features", "documents.analysis_config",
            "documents.clarify_files", "monitors.data_quality.checks.drift.comparators",
            "reports.mails", "data.profiling.vector_scan", "data.profiling.row_groups",
            "data.reading.parquet_files")
        unread = [f"spark_model_monitor.{name}" for name in rooms]
        heavy = [*unread, "scipy", "numpy.f2py", "jsonschema", "pyarrow.dataset", "smtplib", "tarfile"]
        loaded = lambda: [each for each in heavy if each in sys.modules]
        atexit.register(lambda: print(loaded(), [each for each in unread if find_spec(each) is None]))
        cli.main(sys.argv[1:])
    """

    assert printed_by(program, "monitor", data, "--baseline", baseline, "--output-path", report) == "[] []\n"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a\nb\r\nc\rd", ["a", "b", "c", "d"]),
        ("\ufeffa\n\n  \nb\n", ["a", "b"]),
        ("a\r\n\r\nb", ["a", "b"]),
        ("", []),
    ],
)
@pytest.mark.parametrize("suffix", ["", ".gz", ".zst"])
def test_lines_end_at_feeds_and_returns(tmp_path, content, expected, suffix):
    raw = content.encode()
    compress = {"": bytes, ".gz": gzip.compress, ".zst": partial(pa.compress, codec="zstd", asbytes=True)}[suffix]
    (tmp_path / f"data.txt{suffix}").write_bytes(compress(raw) if raw else raw)

    assert [row[LINE] for row in read_lines(tmp_path)] == expected


@pytest.mark.long
@pytest.mark.parametrize("piece_bytes", [1, 3, 10, *map(defer_to_night, (2, 5, 7, 11, 64))])
def test_every_line_is_in_one_piece(tmp_path, monkeypatch, piece_bytes):
    """The piece in which it begins, or right behind which."""
    monkeypatch.setattr("spark_model_monitor.data.engine.partitions.OPEN_COST_BYTES", 0)
    texts = [f"{number:0{number % 7}}" for number in range(60)]
    (tmp_path / "data.txt").write_bytes("\r\n".join(texts).encode())

    rows = read_lines(tmp_path, piece_bytes)

    assert sorted(row[LINE] for row in rows) == sorted(texts)
    assert [row[LINE] for row in read_lines(tmp_path, piece_bytes, in_order=True)] == texts
    offset = 0
    for text in texts:
        line_row = next(row for row in rows if row[LINE] == text)
        assert line_row[BLOCK_START] == max(0, (offset - 1) // piece_bytes * piece_bytes)
        offset += len(text) + 2


def test_lines_of_any_text_are_those_between_its_breaks(tmp_path, monkeypatch):
    """Cut by a regular expression, as the plainest program would; whatever is read at once, NULs and quotes included."""
    random = Random(47)
    path = tmp_path / "data.txt"
    for _ in range(300):
        content = bytes(random.choices(b'ab,"\x00\r\n', k=random.randint(1, 24)))
        path.write_bytes(content)
        monkeypatch.setattr("spark_model_monitor.data.engine.local_files.READ_BYTES", random.randint(1, 8))
        [piece] = split_text_file(File(f"file:{path}", len(content)), 1_000)

        batches = read_lines_of_piece(piece, names=(LINE,), max_rows=3, with_blank=True)
        lines = [line.encode() for batch in batches for line in batch.column(0).to_pylist()]

        ended = re.sub(rb"(\r\n|\r|\n)\Z", b"", content)  # what ends the last line begins no other
        assert lines == re.split(rb"\r\n|\r|\n", ended), content


def test_small_files_that_are_read_together_have_the_rows_that_each_has_by_itself(tmp_path, monkeypatch):
    """Whatever they begin and end with, and also where one changed after it was listed."""
    random = Random(5)
    names = (LINE, LINE_KEY, FILE, FILE_KEY, BLOCK_START)
    for case in range(40):
        monkeypatch.setattr("spark_model_monitor.data.engine.local_files.READ_BYTES", random.randint(30, 300))
        monkeypatch.setattr("spark_model_monitor.data.engine.local_files.MAX_SMALL_FILE_BYTES", random.randint(5, 25))
        pieces = []
        for number in range(30):
            # One in ten is compressed
            ending = random.choices(["", ".gz"], [0.9, 0.1])[0]
            path = tmp_path / f"{case}-{number}.jsonl{ending}"
            content = bytes(random.choices(b"ab \r\n", k=random.randint(1, 30)))
            if random.random() < 0.3:
                content = "\ufeff".encode() + content
            if ending:
                path.write_bytes(gzip.compress(content))
            else:
                path.write_bytes(content)
            pieces += split_text_file(File(f"file:{path}", path.stat().st_size), 1_000)
            if random.random() < 0.1 and not ending:
                # After it was listed
                path.write_bytes(random.choice([content + b"c\nd\n", content + b"\n", content[:-1]]))
        options = {"names": names, "max_rows": 7, "with_blank": random.random() < 0.5}
        options["max_bytes"] = random.choice([None, 3])

        rows = [row for batch in read_lines_of_pieces(pieces, **options) for row in batch.to_pylist()]

        by_itself = [batch for piece in pieces for batch in read_lines_of_piece(piece, **options)]
        assert rows == [row for batch in by_itself for row in batch.to_pylist()]


def test_files_of_a_few_records_are_read_many_at_a_time(tmp_path):
    for number in range(1_000):
        (tmp_path / f"{number}.jsonl").write_text(f'{{"number": {number}}}\n' * 5)

    batches = list(LocalEngine().lines([str(tmp_path)]).partitions(LINE, FILE).batches())

    assert sum(batch.num_rows for batch in batches) == 5_000
    assert len(batches) <= 4  # at most one a partition


def test_files_are_packed_as_spark_packs_them():
    """By hand: pieces by size, the next partition begins where one does not fit with what files cost beside their bytes."""

    class Piece:
        def __init__(self, size_bytes):
            self.size_bytes = size_bytes

    cost = OPEN_COST_BYTES
    packed = pack_pieces(map(Piece, [10, 3 * cost, 2 * cost, 4 * cost]), 4 * cost)

    assert [[piece.size_bytes for piece in part] for part in packed] == [[4 * cost], [3 * cost], [2 * cost, 10]]


@pytest.mark.long
@pytest.mark.parametrize("processes", [1, 2])
def test_partitions_are_worked_on_side_by_side(tmp_path, processes):
    engine = LocalEngine(processes=processes)
    engine.piece_bytes = 100_000
    for number in range(3):
        (tmp_path / f"{number}.txt").write_text(f"{number}\n" * 50_000)

    numbered = engine.lines([str(tmp_path)]).partitions(LINE).add_partition_number()
    first_rows = [(batch.column(0)[0].as_py(), batch.column(1)[0].as_py()) for batch in numbered.batches()]

    assert [number for number, _ in first_rows] == sorted(number for number, _ in first_rows)
    assert {line for _, line in first_rows} == {"0", "1", "2"}


@pytest.mark.long
def test_what_a_partition_raises_elsewhere_is_raised_here(tmp_path):
    engine = LocalEngine(processes=2)
    engine.piece_bytes = 20_000
    (tmp_path / "data.txt").write_text("1\n" * 50_000)
    failing = engine.lines([str(tmp_path)]).partitions(LINE).map_batches(_failing, pa.schema([]))

    with pytest.raises(BadConfiguration, match="as it was meant"):
        failing.batches()


def test_of_several_partitions_that_raise_the_first_is_heard_whoever_made_it(tmp_path):
    for number in range(6):
        (tmp_path / f"{number}.txt").write_text(f"{number}\n" * (10_000 - number))  # the largest comes first
    engine = LocalEngine(processes=2)
    engine.piece_bytes = 20_000
    failing = engine.lines([str(tmp_path)]).partitions(LINE).map_batches(_failing_but_for_0, pa.schema([]))

    with pytest.raises(BadConfiguration, match="failed at 1"):
        failing.batches()


def _failing_but_for_0(batches):
    for batch in batches:
        if (line := batch.column(0)[0].as_py()) != "0":
            raise BadConfiguration(f"failed at {line}")
        yield batch


def _failing(batches):
    raise BadConfiguration("as it was meant")
    yield from batches


@pytest.mark.parametrize(
    "needs_spark",
    [
        pytest.param(lambda folder: (folder / "at=2026-01-01 08:00:00").mkdir(), id="folders that are times"),
        pytest.param(lambda folder: write(folder, "0.parquet", y=pa.array([1])), id="files of other columns"),
    ],
)
def test_what_only_spark_reads_is_one_sentence(tmp_path, needs_spark):
    needs_spark(tmp_path)
    folder = next(tmp_path.glob("at=*"), tmp_path)
    if not (folder / "data.parquet").exists():
        write(folder, x=pa.array([1]))

    with pytest.raises(NeedsSpark, match="needs Spark; write --engine spark"):
        run_baseline(str(tmp_path), DataQualityMonitor(), engine="local")


@pytest.mark.parametrize("called", ["x", "1"])
@pytest.mark.parametrize(
    "values",
    [pa.array([1] * 60, pa.time64("us")), pa.array([1] * 60, pa.duration("ns")), pa.array([b"ab"] * 60, pa.binary(2))],
    ids=lambda values: str(values.type),
)
def test_a_column_that_is_left_out_need_not_be_readable(tmp_path, values, called):
    write(tmp_path, n=pa.array(range(60)), x=values)
    arguments = [
        "--dataset-source",
        str(tmp_path),
        "--dataset-format",
        "parquet",
        "--output-path",
        str(tmp_path / "_out"),
    ]
    flags = read_sources([*arguments, "--exclude-features-attribute", called], {})
    config = build_config("baseline", flags, in_container=False)

    baseline = run_baseline(read_features(LocalEngine(), config), DataQualityMonitor())

    [feature] = baseline.statistics.features
    assert (feature.name, feature.common.num_present) == ("n", 60)


def test_columns_that_nobody_asks_for_are_not_read(tmp_path):
    """Whatever they are called, and wherever they stand."""
    rows = pa.table({"a": [1, 2], "a.b": ["x", None], "c": [{"d": 1}, None], "e": [0.5, 1.5]})
    pq.write_table(rows, tmp_path / "rows.parquet")
    _, table = LocalEngine().table([str(tmp_path)], "parquet", {})

    [batch] = table.restrict_columns(["c0", "c2"]).batches()
    assert [column.null_count for column in batch.columns] == [0, 2, 1, 2]
    assert batch.column("c0").to_pylist() == [1, 2]
    assert table.select_columns(["c3", "c1"], ["e", "b"]).batches()[0].to_pylist() == [
        {"e": 0.5, "b": "x"},
        {"e": 1.5, "b": None},
    ]


def test_times_in_nanoseconds_as_pandas_writes_them_are_read(tmp_path):
    pd.DataFrame({"at": pd.date_range("2026-03-04", periods=90, freq="h"), "n": range(90)}).to_parquet(
        tmp_path / "x.parquet"
    )

    statistics = run_baseline(str(tmp_path), DataQualityMonitor(), engine="local").statistics

    assert [(feature.name, feature.inferred_type) for feature in statistics.features] == [
        ("at", InferredType.STRING),
        ("n", InferredType.INTEGRAL),
    ]


def test_a_parquet_file_that_is_damaged_in_the_middle_is_named(tmp_path):
    pq.write_table(pa.table({"n": np.arange(5000)}), tmp_path / "x.parquet", compression="snappy")
    content = bytearray((tmp_path / "x.parquet").read_bytes())
    content[200:260] = b"\xff" * 60
    (tmp_path / "x.parquet").write_bytes(content)

    with pytest.raises(BadInput, match=r"x\.parquet: is damaged, it can't be read to its end"):
        run_baseline(str(tmp_path), DataQualityMonitor(), engine="local")


def test_a_parquet_file_without_columns_is_a_sentence(tmp_path):
    write(tmp_path)

    with pytest.raises(BadInput, match=r"data\.parquet: has no columns"):
        run_baseline(str(tmp_path), DataQualityMonitor(), engine="local")


def test_half_a_surrogate_pair_in_a_text_of_json_ends_no_run(tmp_path):
    lines = ['{"plan": "a"}'] * 60 + ['{"plan": "b\\ud800"}', '{"plan": "\\ud83d\\ude00"}']
    (tmp_path / "data.jsonl").write_text("\n".join(lines))

    [feature] = run_baseline(str(tmp_path), DataQualityMonitor(), engine="local").statistics.features

    buckets = feature.string_statistics.distribution.categorical.buckets
    assert {bucket.value: bucket.count for bucket in buckets} == {"a": 60, "b?": 1, "\U0001f600": 1}, (
        "Java writes it so"
    )


def test_a_first_file_without_a_line_has_no_header(tmp_path):
    (tmp_path / "0.csv").write_text("\n\n")
    (tmp_path / "1.csv.gz").write_bytes(gzip.compress(b""))
    (tmp_path / "2.csv").write_text("a,b\n" + "1,2\n" * 60)

    statistics = run_baseline(str(tmp_path), DataQualityMonitor(), engine="local").statistics

    assert [(feature.name, statistics.dataset.item_count) for feature in statistics.features] == [("a", 60), ("b", 60)]


def test_files_without_a_line_are_no_data(tmp_path):
    (tmp_path / "0.csv").write_text("\n\n \n")
    (tmp_path / "1.csv.gz").write_bytes(gzip.compress(b""))

    with pytest.raises(NoData, match=r"0\.csv has no line that isn't blank, nor have the others"):
        run_baseline(str(tmp_path), DataQualityMonitor(), engine="local")


def write(folder, name="data.parquet", **columns):
    pq.write_table(pa.table(columns), folder / name)


def test_checks_of_a_function_need_spark():
    with pytest.raises(NeedsSpark, match="write --engine spark"):
        run_baseline(pd.DataFrame({"a": [1]}), DataQualityMonitor(), engine="local", checks="checks:amounts")


def test_an_unknown_engine_is_named():
    with pytest.raises(BadConfiguration, match="engine is 'duck'; write one of: auto, local, spark"):
        run_baseline(pd.DataFrame({"a": [1]}), DataQualityMonitor(), engine="duck")


def test_a_frame_is_monitored_from_memory(caplog):
    caplog.set_level("INFO")
    frame = pd.DataFrame({"age": [31.0, 42.0, None] * 20, "city": ["Wien", "Graz", None] * 20})

    baseline = run_baseline(frame, DataQualityMonitor(), engine="local")
    findings = run_monitoring(frame.assign(city="Linz"), DataQualityMonitor(), baseline, engine="local")

    assert baseline.statistics.feature("age").numerical_statistics.mean == 36.5
    assert {violation.feature_name for violation in findings.violations.violations} == {"city"}
    assert "engine: local, as requested" in caplog.text


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "with the mark of UTF-8"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"], ids=["feed", "both", "return"])
def test_wherever_a_file_is_cut_every_line_is_in_one_piece(tmp_path, mark, end):
    """A line belongs to the piece in which it begins; the mark's bytes count for where that is."""
    lines = [b"first", b"2", b"third line", b"", b"five"]
    path = tmp_path / "a.txt"
    path.write_bytes(mark + end.join(lines) + end)
    file = File(f"file:{path}", path.stat().st_size)

    for piece_bytes in range(len(mark) + 1, file.size_bytes + 1):
        actual_lines = [
            line
            for piece in split_text_file(file, piece_bytes)
            for batch in read_lines_of_piece(piece, names=(LINE,), max_rows=2, with_blank=True)
            for line in batch.column(0).cast(pa.binary()).to_pylist()
        ]
        assert actual_lines == lines, piece_bytes
