"""What does one long line cost, beside a short one? Every decoder of lines gets 50 short records and one long one, of one row
with a long cell first, then of very many short rows, and brackets alone. Then every reader of documents gets few and many
records in one: it fails if a record of many costs more.

python benchmarks/long_lines.py [--quick]

Each measurement is a process of its own, as a job's workers are, since memory that was taken once is not given back.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
from side_by_side import is_quick_run

from spark_model_monitor.data.records.captured_lines import CapturedLines
from spark_model_monitor.data.records.decoding import Reading
from spark_model_monitor.data.records.json_features import choose_features, decode_records, infer_members
from spark_model_monitor.data.records.locations import FILE, LINE
from spark_model_monitor.data.records.outcome_records import LabelledRecords, LineDecoder
from spark_model_monitor.data.records.outcome_values import FeatureReading, OutcomeReading
from spark_model_monitor.data.records.refusals import REASON
from spark_model_monitor.documents.dqdl_parser import parse_rule_set
from spark_model_monitor.running.merging.captured import RequestDecoder as Captures
from spark_model_monitor.running.merging.captured import parse_transform_output
from spark_model_monitor.running.merging.labels import parse_label_file, parse_plain_labels
from spark_model_monitor.spark.engine.application import MALLOC_SETTINGS

MEBIBYTE = 2**20
SHORT_LINES = 50
SIZES = (1, 32)
"""MiB of the long line."""
RATIO_AT_MOST = 40
LINES_OF_MEMORY_AT_MOST = 6
ROUNDS = 5
ROWS = (1_000_000, 4_000_000)
QUICK_ROWS = (100_000,)
"""Of the record of very many rows; a merge looks at no row of it."""

RECORDS_OF_DOCUMENT = (24_000, 96_000)
"""Of one JSON document, or of one JSON payload."""
COST_RATIO_AT_MOST = 2.0
"""How much more a record of the larger document may cost than one of the smaller, in seconds of a core."""

HALVES = ("endpointInput", "endpointOutput")
ALL_HALVES = (*HALVES, "batchTransformOutput")


def _captures() -> Callable[[pa.RecordBatch], object]:
    return CapturedLines(Reading(HALVES, ("p", "a", "b"), 3)).rows


def _labelled() -> Callable[[pa.RecordBatch], object]:
    features = FeatureReading(columns=2)
    return LabelledRecords(OutcomeReading(None, None, "0", records=Reading(ALL_HALVES), features=features)).rows


def _outcomes() -> Callable[[pa.RecordBatch], object]:
    return LineDecoder(OutcomeReading(None, None, "0", records=Reading(HALVES[1:])))


def _captures_of_a_merge() -> Callable[[pa.RecordBatch], object]:
    decoder = Captures()
    return lambda batch: decoder(batch.column(LINE))


def _labels_of_a_merge() -> Callable[[pa.RecordBatch], object]:
    return lambda batch: parse_plain_labels(batch.column(LINE))


DECODERS: dict[str, Callable[[], Callable[[pa.RecordBatch], object]]] = {
    "captures": _captures,
    "labelled": _labelled,
    "outcomes": _outcomes,
    "a merge's captures": _captures_of_a_merge,
    "a merge's labels": _labels_of_a_merge,
}


def record(data: str, output: str = "0.5\n", label: str = "1") -> bytes:
    """A merged record; its request holds one row unless its reply and its label hold more."""
    halves = {
        name: {"observedContentType": "text/csv", "mode": name[8:].upper(), "data": text, "encoding": "CSV"}
        for name, text in zip(HALVES, (data, output), strict=True)
    }
    event = {"eventId": "e", "inferenceTime": "2026-01-31T22:10:00Z"}
    truth = {"data": label, "encoding": "CSV"}
    return json.dumps({"captureData": halves, "eventMetadata": event, "groundTruthData": truth}).encode()


def measured(name: str, mebibytes: int) -> dict[str, float]:
    """Seconds for the lines, and the memory that they took at most, in lengths of the long one."""
    decode = DECODERS[name]()
    size = mebibytes * MEBIBYTE
    lines = [*(record(f"{number},x") for number in range(SHORT_LINES)), record("1," + "x" * size)]
    batch = pa.RecordBatch.from_arrays([pa.array(lines, pa.binary()).view(pa.string())], names=[LINE])
    del lines
    decode(batch.slice(0, SHORT_LINES))
    before = _resident()
    start = time.perf_counter()
    decode(batch)
    seconds = time.perf_counter() - start
    peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"seconds": seconds, "lines": (peak_bytes - before) / size}


def measured_rows(name: str, rows: int) -> dict[str, float]:
    """Seconds for a record of so many rows, and the memory that it took at most, in lengths of its line."""
    decode = DECODERS[name]()
    numbers = np.random.default_rng(3).integers(100_000, 1_000_000, rows).astype("U6").tolist()
    line = record("\n".join(f"0.{number},{number}" for number in numbers), "\n".join(numbers), "\n".join("1" * rows))
    size = len(line)
    batch = pa.RecordBatch.from_arrays([pa.array([line], pa.binary()).view(pa.string())], names=[LINE])
    del line, numbers
    decode(pa.RecordBatch.from_arrays([pa.array([record("1,2").decode()])], names=[LINE]))
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak begins here
    before = _resident()
    start = time.perf_counter()
    decode(batch)
    return {"seconds": time.perf_counter() - start, "bytes": size, "lines": (_peak() - before) / size}


BRACKETS = 10_000_000
BRACKETS_SECONDS_AT_MOST = 1.0
BRACKETS_MEGABYTES_AT_MOST = 200.0
LINES_OF_BRACKETS = {
    "in a cell": record("[" * BRACKETS),
    "in a text": b'{"a":"' + b"[" * BRACKETS + b'"}',
    "nested": b"[" * (BRACKETS // 2) + b"]" * (BRACKETS // 2),
    "left open": b"{" * BRACKETS + b"}",
}


def measured_brackets(name: str, index: int) -> dict[str, float]:
    """Core seconds and the most megabytes that a line of brackets took, of the kind with this index."""
    decode = DECODERS[name]()
    line = [*LINES_OF_BRACKETS.values()][index]
    batch = pa.RecordBatch.from_arrays([pa.array([line], pa.binary()).view(pa.string())], names=[LINE])
    decode(pa.RecordBatch.from_arrays([pa.array([record("1,2").decode()])], names=[LINE]))
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak begins here
    before = _resident()
    start = time.process_time()
    decode(batch)
    return {"seconds": time.process_time() - start, "megabytes": (_peak() - before) / 1e6}


def report_brackets() -> bool:
    """Print what lines of brackets cost each decoder. Whether none costs too much."""
    print(
        f"\nOne line of {BRACKETS / 1e6:.0f} MB of brackets\n\n| {'':20} | {'':10} |  core s | memory, MB |         |"
    )
    print(f"| {'-' * 20} | {'-' * 10} | ------: | ---------: | ------- |")
    is_reached = True
    for name in DECODERS:
        for index, kind in enumerate(LINES_OF_BRACKETS):
            measurement = _in_a_process(name, index, "measured_brackets")
            seconds = measurement["seconds"]
            megabytes = measurement["megabytes"]
            verdict = "reached"
            if seconds > BRACKETS_SECONDS_AT_MOST or megabytes > BRACKETS_MEGABYTES_AT_MOST:
                verdict = "missed"
                is_reached = False
            print(f"| {name:20} | {kind:10} | {seconds:7.2f} | {megabytes:10.0f} | {verdict} |", flush=True)
    return is_reached


Decoding: TypeAlias = Callable[[], object]
Preparation: TypeAlias = Callable[[int], Decoding]  # of a document of so many records


def prepare_features(records: int) -> Decoding:
    content = json.dumps([{"a": number, "b": 1.5, "c": f"text {number}"} for number in range(records)])
    batch = pa.RecordBatch.from_pydict({LINE: [content], FILE: ["records.json"]})

    def decode() -> None:
        features = choose_features(list(infer_members(True, [batch])), "records.json", flatten=False)
        schema = pa.schema([*features.fields, (REASON, pa.int32())])
        list(decode_records(features, schema, True, [batch]))

    return decode


def prepare_labels(records: int) -> Decoding:
    content = b"[" + b",".join(record(f"{number},x") for number in range(records)) + b"]"
    return lambda: parse_label_file(content)


def prepare_outcomes(records: int) -> Decoding:
    document = {"label": [1] * records, "features": [[number, 0.5] for number in range(records)]}
    batch = pa.RecordBatch.from_pydict({LINE: [json.dumps(document)]})
    features = FeatureReading("features", columns=2)
    reading = OutcomeReading("label", None, None, features=features)
    return lambda: LabelledRecords(reading, documents=True).rows(batch)


def prepare_payload(records: int) -> Decoding:
    data = json.dumps([{"a": number, "b": 0.5} for number in range(records)])
    half = {"observedContentType": "application/json", "data": data, "encoding": "JSON"}
    line = json.dumps({"captureData": {HALVES[0]: half}})
    batch = pa.RecordBatch.from_pydict({LINE: [line]})
    reading = Reading(HALVES[:1], columns=2, encoding=None)
    return lambda: CapturedLines(reading).rows(batch)


def prepare_transform_output(records: int) -> Decoding:
    document = json.dumps({"SageMakerInferenceId": "1", "predictions": [{"score": 0.5}] * records})
    return lambda: parse_transform_output(document)


def prepare_rules(records: int) -> Decoding:
    rules = " and ".join(f'(Completeness "c{number}" > 0.9)' for number in range(records))
    return lambda: parse_rule_set(f"Rules = [ {rules} ]", "rules.dqdl")


DOCUMENTS: dict[str, Preparation] = {
    "rules of DQDL": prepare_rules,
    "features": prepare_features,
    "labels of a merge": prepare_labels,
    "labelled": prepare_outcomes,
    "a payload of JSON": prepare_payload,
    "a transform's output": prepare_transform_output,
}


def report_documents(rounds: int) -> bool:
    """Print what a record of few and of many costs each reader of documents. Whether none costs more among many."""
    smaller, larger = RECORDS_OF_DOCUMENT
    print(f"\nOne document, the fastest of {rounds}; microseconds of a core for each record\n")
    print(f"| {'':20} | {smaller:>9,} records | {larger:>9,} records | ratio |         |")
    print(f"| {'-' * 20} | ----------------: | ----------------: | ----: | ------- |")
    is_reached = True
    for name, prepare in DOCUMENTS.items():
        costs = [measure_cost(prepare, records, rounds) for records in RECORDS_OF_DOCUMENT]
        ratio = costs[1] / costs[0]
        if ratio <= COST_RATIO_AT_MOST:
            verdict = "reached"
        else:
            verdict = "missed"
        is_reached &= ratio <= COST_RATIO_AT_MOST
        print(f"| {name:20} | {costs[0] * 1e6:17.2f} | {costs[1] * 1e6:17.2f} | {ratio:5.2f} | {verdict} |", flush=True)
    return is_reached


def measure_cost(prepare: Preparation, records: int, rounds: int) -> float:
    decode = prepare(records)
    repetitions = RECORDS_OF_DOCUMENT[-1] // records  # so that both sizes are timed for as long
    seconds = []
    for _ in range(rounds):
        begin = time.process_time()
        for _ in range(repetitions):
            decode()
        seconds.append(time.process_time() - begin)
    return min(seconds) / (repetitions * records)


def _peak() -> int:
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))


def _resident() -> int:
    with open("/proc/self/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize()


def main() -> int:
    rounds = 1 if is_quick_run(__doc__) else ROUNDS
    print(f"{SHORT_LINES} short lines and one long one, the fastest of {rounds}\n")
    sizes = " | ".join(f"{size} MiB, s" for size in SIZES)
    print(f"| {'':20} | {sizes} | ratio | memory, lines |")
    print(f"| {'-' * 20} | -------: | --------: | ----: | ------------: |")
    worst_ratio = worst_memory = 0.0
    for name in DECODERS:
        measurements = [[_in_a_process(name, size) for _ in range(rounds)] for size in SIZES]
        seconds = [min(measurement["seconds"] for measurement in of_size) for of_size in measurements]
        ratio = seconds[-1] / seconds[0]
        memory = max(measurement["lines"] for measurement in measurements[-1])
        worst_ratio = max(worst_ratio, ratio)
        worst_memory = max(worst_memory, memory)
        print(f"| {name:20} | {seconds[0]:8.3f} | {seconds[1]:9.3f} | {ratio:5.1f} | {memory:13.1f} |", flush=True)
    for title, worst, at_most in (
        ("longer for a line 32 times as long", worst_ratio, RATIO_AT_MOST),
        ("the memory of the line", worst_memory, LINES_OF_MEMORY_AT_MOST),
    ):
        verdict = "reached" if worst <= at_most else "missed"
        print(f"\n{worst:.1f} times {title}: at most {at_most} wanted: {verdict}")
    for rows in QUICK_ROWS if rounds == 1 else ROWS:
        _measure_many_rows(rows)
    are_brackets_cheap = report_brackets()
    return 0 if report_documents(rounds) and are_brackets_cheap else 1


def _measure_many_rows(rows: int) -> None:
    print(f"\nOne record of {rows:,} rows\n\n| {'':20} | line, MB |       s | memory, lines |         |")
    print(f"| {'-' * 20} | -------: | ------: | ------------: | ------- |")
    for name in list(DECODERS)[:3]:
        measurement = _in_a_process(name, rows, "measured_rows")
        if measurement["lines"] <= LINES_OF_MEMORY_AT_MOST:
            verdict = "reached"
        else:
            verdict = "missed"
        megabytes = measurement["bytes"] / 1e6
        print(
            f"| {name:20} | {megabytes:8.1f} | {measurement['seconds']:7.2f} | {measurement['lines']:13.1f} | {verdict} |",
            flush=True,
        )


def _in_a_process(name: str, size: int, function: str = "measured") -> dict[str, float]:
    program = f"import json, long_lines; print(json.dumps(long_lines.{function}({name!r}, {size})))"
    done = subprocess.run(
        [sys.executable, "-c", program],
        check=True,
        capture_output=True,
        cwd=sys.path[0],
        env={**os.environ, **MALLOC_SETTINGS},
        text=True,
    )
    measurement: dict[str, Any] = json.loads(done.stdout)
    return measurement


if __name__ == "__main__":
    sys.exit(main())
