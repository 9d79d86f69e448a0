"""JSON documents of odd forms, made from a seed, and the law of what reading them costs.

The law: a document with four times as many records takes a reader at most some six times as long, whatever its records look
like and wherever it has blanks and line ends. What grows with the square takes sixteen times as long.
"""

from __future__ import annotations

import json
import random
import time
from pathlib import Path

from pydantic import JsonValue
from tests.engine_in_process import InOrder
from tests.fuzz.damage import ODD_TEXTS

from spark_model_monitor.data.reading.format_readers import read_dataset
from spark_model_monitor.data.reading.formats import JsonFormat
from spark_model_monitor.data.reading.listing import list_dataset
from spark_model_monitor.monitors.data_quality.feature_scan import scan_data_set
from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor

FEW_RECORDS = 600
TIMES_AS_MANY = 4
MAXIMUM_GROWTH = 6.0
MIN_SECONDS = 0.1
"""Below this, times are noise."""
TRIES = 3

SIGNS = ("{", "}", "[", "]", '"', "\\", ",", ":", "}{", "},{", "]}", "\\u007b")
FORMS = ("array", "indented array", "array of lines", "array in an object", "lines")


def _odd_text(rng: random.Random) -> str:
    return "".join(rng.choices((*SIGNS, "a", "é", *ODD_TEXTS[:20]), k=rng.choice((0, 1, 5, 40))))


def _odd_value(rng: random.Random) -> JsonValue:
    kind = rng.randrange(6)
    if kind == 0:
        return {rng.choice("abc"): _odd_text(rng)}
    if kind == 1:
        return [rng.random() for _ in range(rng.randrange(4))]
    if kind == 2:
        return None
    if kind == 3:
        return _odd_text(rng)
    return rng.randrange(1_000)


def make_document(seed: int, count: int) -> tuple[str, JsonFormat]:
    """A document of so many records, and how it is read. The first records of a seed are the same for every count."""
    rng = random.Random(seed)
    form = rng.choice(FORMS)
    names = [f"n{number}" for number in range(rng.choice((1, 3, 10)))]
    records: list[JsonValue] = [{name: _odd_value(rng) for name in names} for _ in range(count)]
    if form == "lines":
        return "\n".join(map(json.dumps, records)), JsonFormat()
    if form == "indented array":
        return json.dumps(records, indent=4), JsonFormat(lines=False)
    if form == "array of lines":
        return "[" + ",\n".join(map(json.dumps, records)) + "]", JsonFormat(lines=False)
    if form == "array in an object":
        records = [{"rows": records[:2], **dict.fromkeys(names, 1)}, *records]
    return json.dumps(records), JsonFormat(lines=False)


def measure_seconds(file: Path, dataset_format: JsonFormat) -> float:
    """Seconds of a core that a scan of a file takes."""
    begin = time.process_time()
    engine = InOrder()
    with read_dataset(engine, list_dataset(engine, str(file)), dataset_format) as dataset:
        scan_data_set(DataQualityMonitor().measures(), dataset, None)
    return time.process_time() - begin


def require_law(folder: Path, seed: int) -> None:
    """Raises AssertionError if a document of a seed breaks the law."""
    files = []
    for count in (FEW_RECORDS, FEW_RECORDS * TIMES_AS_MANY):
        text, dataset_format = make_document(seed, count)
        files.append(folder / f"{count}.json")
        files[-1].write_text(text)

    # A pause of the machine is no fault of the reader
    for _ in range(TRIES):
        few_seconds, many_seconds = (measure_seconds(file, dataset_format) for file in files)
        if many_seconds <= MAXIMUM_GROWTH * max(few_seconds, MIN_SECONDS):
            return
    raise AssertionError(
        f"{FEW_RECORDS} records take {few_seconds:.2f} core s, {TIMES_AS_MANY} times as many {many_seconds:.2f}: "
        f"{files[-1].read_text()[:500]}"
    )
