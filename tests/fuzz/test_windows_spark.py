"""The same law on Spark, for a sample of windows in one session: files as partitions, compressed ones, the quarantine."""

from __future__ import annotations

import base64
import gzip
import json
import random
from collections import Counter
from functools import partial
from pathlib import Path

import pyspark.sql.functions as F
import pytest
from tests.fuzz import reference
from tests.fuzz.law import PARTITIONS, SECONDS, UNFORESEEN_TEXTS, differences, require_account, try_windows
from tests.fuzz.reference import REFUSED, UNCLAIMED
from tests.fuzz.windows import HOUR, KINDS, NAMES, Kind, document, make_document_lines

from spark_model_monitor.data.reading.format_readers import read_dataset
from spark_model_monitor.data.reading.formats import JsonFormat, ReadOptions
from spark_model_monitor.data.reading.ledger import write_quarantine
from spark_model_monitor.data.reading.listing import list_dataset
from spark_model_monitor.data.records.refusals import REASON
from spark_model_monitor.spark.engine.spark import SparkEngine

pytestmark = pytest.mark.timeout(SECONDS + 300)


def _objects(engine, path):
    return read_dataset(engine, list_dataset(engine, path), JsonFormat(), ReadOptions(flatten_json=True))


MEMBERS = tuple(document(random.Random(0)))
OBJECTS = Kind(
    "objects",
    partial(make_document_lines, document),
    lambda line, *_: reference.json_object(line, MEMBERS),
    _objects,
)

ON_SPARK = [kind for kind in KINDS if kind.name in ("captures", "captures-sampled", "merged", "csv")] + [OBJECTS]
SHARE = 0.3 / len(ON_SPARK)


@pytest.fixture
def file_by_file(spark):
    """Every file is a partition of its own, however small."""
    name = "spark.sql.files.openCostInBytes"
    before = spark.conf.get(name)
    spark.conf.set(name, str(2**40))
    yield SparkEngine(spark)
    spark.conf.set(name, before)


def written(lines: list[bytes], header_lines: int, files: int, folder: Path, *, compressed: bool) -> None:
    """The lines in so many files; compressed ones are of two members, one behind the other."""
    hour_folder = folder / HOUR
    hour_folder.mkdir(parents=True, exist_ok=True)
    for old in hour_folder.iterdir():
        old.unlink()
    data_lines = lines[header_lines:]
    header = lines[:header_lines]
    for number in range(files):
        some = [*header, *data_lines[number::files]]
        ends = [b"".join(line + b"\n" for line in part) for part in (some[:1], some[1:])]
        if compressed:
            (hour_folder / f"part-{number}.gz").write_bytes(b"".join(map(gzip.compress, ends)))
        else:
            (hour_folder / f"part-{number}.txt").write_bytes(b"".join(ends))


def hold(seed, tally, kind, engine, folder):
    rng = random.Random(f"{kind.name} {seed}")
    raw = kind.lines(rng, rng.choice((8, 30, 60)))
    lines = [piece for line in raw for piece in reference.split_lines(b"\n" + line)]  # a line end within it makes two
    path = f"{folder}/{HOUR}/part-0.txt"
    answers = [kind.answer(line, path, NAMES) for line in lines]
    claimed = Counter(
        row
        for expected_answer in answers
        if isinstance(expected_answer, list)
        for row in expected_answer
        if kind is not OBJECTS
    )
    first = None
    for files in PARTITIONS:
        written(lines, kind.header_lines, files, folder, compressed=files == 2)
        with kind.read(engine, str(folder)) as dataset:
            scanned = kind.scanned(dataset)
            ledger = dataset.ledger(scanned.rows).to_json_dict()
            records = ledger["records"]
            findings = {"records": records, "documents": kind.documents(scanned.state) if records["kept"] else []}
            if files == PARTITIONS[seed % len(PARTITIONS)]:
                require_values(kind, dataset, claimed, answers)
                require_quarantine(dataset, records["quarantined"], folder.parent / "output", lines)
        first = first or findings
        assert findings["records"] == first["records"], f"in {files} files: {records} instead of {first['records']}"
        difference = next(differences(first["documents"], findings["documents"], ""), None)
        assert difference is None, f"in {files} files other documents: {difference}"
    became = Counter("kept" if isinstance(expected_answer, list) else expected_answer for expected_answer in answers)
    became[REFUSED] -= kind.header_lines
    if not became.pop(UNCLAIMED, 0):
        require_account(first, became, len(lines) - kind.header_lines)
    tally.unclaimed += sum(expected_answer == UNCLAIMED for expected_answer in answers)
    tally.records += records["read"]
    tally.kept += records["kept"]
    tally.refused.update(records["quarantined"])
    if UNFORESEEN_TEXTS & set(records["quarantined"]):
        tally.unforeseen.append(seed)


def require_values(kind, dataset, claimed, answers):
    """What the plain decoder finds is there; rows of which it claims nothing may stand beside it."""
    accepted_frame = dataset.frame.where(F.col(REASON) == 0)
    if kind is OBJECTS:
        columns_by_feature = {name: accepted_frame.select(f"c{index}") for index, name in enumerate(dataset.names)}
        if dict(columns_by_feature["a"].dtypes)["c" + str(dataset.names.index("a"))] != "string":
            return
        texts = [
            row[0].get("a")
            for expected_answer in answers
            if isinstance(expected_answer, list)
            for row in expected_answer
        ]
        expected_values = Counter(text for text in texts if isinstance(text, str) and reference.is_writable(text))
        actual_values = Counter(row[0] for row in columns_by_feature["a"].collect())
    else:
        features = 3 if kind.outcomes else len(dataset.names)
        expected_values = claimed
        actual_values = Counter(
            tuple(row) for row in accepted_frame.select([f"c{index}" for index in range(features)]).collect()
        )
    assert not expected_values - actual_values, f"not found: {next(iter(expected_values - actual_values))!r}"
    if UNCLAIMED not in answers and kind is not OBJECTS:
        assert actual_values == expected_values, f"nobody's: {next(iter(actual_values - expected_values))!r}"


def require_quarantine(dataset, refused, output, lines):
    """Every refused record is in the quarantine as it was, under its reason."""
    if not refused:
        return
    folder = Path(write_quarantine(dataset, str(output)).removeprefix("file:"))
    records = [json.loads(line) for file in sorted(folder.glob("*.jsonl")) for line in file.open(encoding="utf-8")]
    reason_counts = Counter(record["reason"] for record in records)
    assert reason_counts == refused, f"the quarantine has {reason_counts} instead of {refused}"
    texts = [
        record["line"].encode() if "line" in record else base64.b64decode(record["line_base64"]) for record in records
    ]
    assert set(texts) <= set(lines)


@pytest.mark.parametrize("kind", ON_SPARK, ids=lambda kind: f"spark-{kind.name}")
def test_every_record_of_a_window_is_accounted_for_on_spark(kind, file_by_file, tmp_path):
    try_windows(
        f"spark-{kind.name}",
        SECONDS * SHARE,
        lambda seed, tally: hold(seed, tally, kind, file_by_file, tmp_path / "window"),
    )
