"""Windows of damaged records of every kind, made from a seed: their files, how a job reads them, and what each line means."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any

from tests.fuzz import reference
from tests.fuzz.damage import JsonText, damaged, damaged_bytes, write_file, write_line

from spark_model_monitor.data.engine.engine_protocol import Engine
from spark_model_monitor.data.reading.captures import list_captures, read_captures
from spark_model_monitor.data.reading.format_readers import read_dataset
from spark_model_monitor.data.reading.formats import CaptureFormat, CsvFormat, ReadOptions
from spark_model_monitor.data.reading.labelled_records import read_labelled
from spark_model_monitor.data.reading.listing import list_dataset
from spark_model_monitor.data.reading.outcome_tables import build_reading, read_line_outcomes
from spark_model_monitor.data.records.decoding import Reading, RecordSelection
from spark_model_monitor.data.records.outcome_records import LineDecoder
from spark_model_monitor.data.records.outcome_values import FeatureReading, OutcomeReading
from spark_model_monitor.data.records.windows import Window as Times
from spark_model_monitor.errors import BadInput
from spark_model_monitor.monitors.data_quality.feature_scan import scan_data_set as profiled
from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from spark_model_monitor.monitors.model_quality.monitor import ModelQualityMonitor
from spark_model_monitor.statistics.states.outcome_plan import OutcomePlan
from spark_model_monitor.statistics.user_choices import ProblemType

NAMES = ("p", "a", "b")
HOUR = "2022/04/18/00"
START = datetime(2022, 4, 18, tzinfo=timezone.utc)
END = datetime(2022, 4, 18, 1, tzinfo=timezone.utc)
TIMES = Times(START, END)

TEXTS = ("basic", "gold", "", "31", "0.5", "-7", "Zürich", "\U0001f600", '"a, b"', '"say ""so"""', "1e3", " x ", "a b")


def cell(rng: random.Random) -> str:
    return rng.choice((*TEXTS, str(rng.randint(-9, 99)), f"{rng.random():.3f}"))


def half(data: Any, mode: str, encoding: str = "CSV") -> dict[str, Any]:
    return {"observedContentType": "text/csv", "mode": mode, "data": data, "encoding": encoding}


def event(rng: random.Random) -> dict[str, Any]:
    minute = rng.randrange(-20, 80)
    if minute < 0:
        hour = 23
        minute = 60 + minute
    else:
        hour, minute = divmod(minute, 60)
    day = 17 if hour == 23 else 18
    time = f"2022-04-{day}T{hour:02d}:{minute:02d}:{rng.randrange(60):02d}" + rng.choice(
        ("Z", "Z", ".25Z", "+00:00", "")
    )
    return {"eventId": f"{rng.randrange(2**64):016x}", "inferenceTime": time}


METADATA = {"latencyMs": 12.5, "status": 200, "samplingPercentage": 100}


def captured(rng: random.Random, encoding: str = "CSV") -> dict[str, Any]:
    """A captured request of two features, with its reply; some have several rows."""
    rows = rng.choice((1, 1, 1, 1, 2, 5))
    if encoding == "CSV":
        request = "\n".join(f"{rng.randint(0, 99)},{cell(rng)}" for _ in range(rows))
        reply = "\n".join(f"{rng.random():.3f}" for _ in range(rows)) + rng.choice(("", "\n", "\r\n"))
    else:
        requests = [{"a": rng.randint(0, 99), "b": rng.choice((cell(rng), 1.5, None, True))} for _ in range(rows)]
        replies = [{"p": rng.random()} for _ in range(rows)]
        request, reply = (_payload(rng, objects) for objects in (requests, replies))
    return {
        "captureData": {
            "endpointInput": half(request, "INPUT", encoding),
            "endpointOutput": half(reply, "OUTPUT", encoding),
        },
        "eventMetadata": event(rng),
        "requestMetadata": dict(METADATA),  # which may be damaged
        "eventVersion": "0",
    }


def _payload(rng: random.Random, objects: list[dict[str, Any]]) -> str:
    texts = [json.dumps(features, ensure_ascii=False) for features in objects]
    if rng.random() < 0.5:
        return "\n".join(texts)
    return f"[{','.join(texts)}]"


def merged(rng: random.Random) -> dict[str, Any]:
    """A merged record: a label, and a reply of a prediction and its probability."""
    rows = rng.choice((1, 1, 1, 1, 2, 5))
    bits = ["".join(rng.choice("01") for _ in range(rows)) for _ in range(2)]
    record = captured(rng)
    record["groundTruthData"] = {"data": "\n".join(bits[0]), "encoding": "CSV"}
    halves = record["captureData"]
    halves["endpointInput"]["data"] = "\n".join(f"{rng.randint(0, 99)},{cell(rng)}" for _ in range(rows))
    halves["endpointOutput"]["data"] = "\n".join(f"{bit},{rng.random():.3f}" for bit in bits[1])
    del record["requestMetadata"]
    if rng.random() < 0.1:
        halves["batchTransformOutput"] = halves.pop("endpointOutput")
    return record


def document(rng: random.Random) -> dict[str, Any]:
    """An object of JSON Lines with a label, a prediction and its probability."""
    return {
        "id": rng.randrange(99),
        "y": rng.choice((0, 1)),
        "a": rng.choice("01"),
        "p": JsonText(f"{rng.random():.3f}"),
    }


def make_document_lines(make: Callable[[random.Random], dict[str, Any]], rng: random.Random, count: int) -> list[bytes]:
    """Lines of documents: the first and most others sound, some that are alike, and damaged ones."""
    lines = [write_line(make(rng), random.Random(0)) if rng.random() else b""]
    harm = rng.choice((0.03, 0.3, 0.7))
    while len(lines) < count:
        harmed = rng.random() < harm
        kind = rng.random()
        record = make(rng)
        line = write_line(
            damaged(record, rng) if harmed and kind < 0.8 else record, rng if harmed else random.Random(0)
        )
        lines.append(damaged_bytes(line, rng) if harmed and kind > 0.7 else line)
    return lines


def make_csv_lines(rng: random.Random, count: int) -> list[bytes]:
    """Lines of CSV with three cells, behind their header."""
    lines = [b"x,y,z"]
    harm = rng.choice((0.03, 0.3, 0.7))
    while len(lines) < count:
        row = ",".join((str(rng.randint(0, 99)), cell(rng), cell(rng)))
        if rng.random() < harm:
            row = rng.choice(
                (row, row, row, f"{row},", row.partition(",")[2], "x,y,z", '"x","y","z"', ",,", f'"{row}"')
            )
            lines.append(damaged_bytes(row.encode(), rng))
        else:
            lines.append(row.encode())
    return lines


QUALITY = DataQualityMonitor()
PLAN = OutcomePlan(ProblemType.MULTICLASS_CLASSIFICATION, with_scores=True)  # a third class ends a binary run
MODEL = ModelQualityMonitor(PLAN)


@dataclass(frozen=True)
class Kind:
    """Records of a kind. lines: made from a generator, so many of them. answer: what a line means, by its file's path and the
    columns. read: an engine and a path as a data set. outcomes: whether its scan counts outcomes."""

    name: str
    lines: Callable[[random.Random, int], list[bytes]]
    answer: Callable[[bytes, str, tuple[str, ...]], Any]
    read: Callable[[Any, str], Any]
    outcomes: bool = False
    header_lines: int = 0

    def list_columns(self, engine: Engine, path: str) -> tuple[str, ...]:
        """The columns of a data set of this kind."""
        if self.outcomes:
            return NAMES
        with self.read(engine, path) as dataset:
            return tuple(dataset.names)

    def scanned(self, dataset: Any) -> Any:
        if self.outcomes:
            return ModelQualityMonitor(PLAN).scan(PLAN, dataset, None)
        return profiled(QUALITY.measures(), dataset, None)

    def documents(self, state: Any) -> list[Any]:
        """Those that a job would write of it, or why there are none: labels that no prediction has, say."""
        monitor = MODEL if self.outcomes else QUALITY
        try:
            return [json.loads(document.to_json()) for document in monitor.documents(state, monitor.metrics(state))]
        except BadInput as fault:
            return [str(fault)]


def _captures(engine: Any, path: str, *, times: Times | None = None, sample: float | None = None) -> Any:
    source = list_captures(engine, path, times)
    return read_captures(engine, source, CaptureFormat(), ReadOptions(tuple(NAMES), times, sample=sample))


def _captures_answer(
    line: bytes, path: str, columns: tuple[str, ...], selection: reference.RecordSelection
) -> list[reference.Row] | str:
    # A name that a tenth of the first records have is a column, too
    return reference.captured(line, path, replace(selection, names=columns))


def _merged_answer(
    line: bytes,
    path: str,
    columns: tuple[str, ...],
    selection: reference.RecordSelection,
    features: int | None = None,
) -> list[reference.Row] | str:
    return reference.merged(line, path, selection, features=features)


OUTPUTS = ("endpointOutput", "batchTransformOutput")


def _outcomes(engine: Any, path: str, *, times: Times | None = None, sample: float | None = None) -> Any:
    decoder = LineDecoder(
        build_reading(PLAN, None, "0", "1", Reading(OUTPUTS, selection=RecordSelection(times, sample)))
    )
    return read_line_outcomes(engine, list_captures(engine, path, times), decoder)


def _documents(engine: Any, path: str) -> Any:
    return read_line_outcomes(
        engine, list_dataset(engine, path), LineDecoder(build_reading(PLAN, "y", "a", "p"), documents=True)
    )


def _labelled(engine: Any, path: str) -> Any:
    records = Reading(("endpointInput", *OUTPUTS))
    reading = OutcomeReading(None, "0", None, allows_missing=True, records=records, features=FeatureReading(columns=2))
    return read_labelled(engine, list_captures(engine, path), reading, None)


def _csv(engine: Any, path: str) -> Any:
    return read_dataset(engine, list_dataset(engine, path), CsvFormat(header=True))


ASKED = reference.RecordSelection()
IN_TIME = reference.RecordSelection(START, END, 0.5)

KINDS = (
    Kind("captures", partial(make_document_lines, captured), partial(_captures_answer, selection=ASKED), _captures),
    Kind(
        "captures-sampled",
        partial(make_document_lines, captured),
        partial(_captures_answer, selection=IN_TIME),
        partial(_captures, times=TIMES, sample=0.5),
    ),
    Kind(
        "captures-json",
        partial(make_document_lines, partial(captured, encoding="JSON")),
        partial(_captures_answer, selection=reference.RecordSelection(encoding="JSON")),
        _captures,
    ),
    Kind("merged", partial(make_document_lines, merged), partial(_merged_answer, selection=ASKED), _outcomes, outcomes=True),
    Kind(
        "merged-sampled",
        partial(make_document_lines, merged),
        partial(_merged_answer, selection=IN_TIME),
        partial(_outcomes, times=TIMES, sample=0.5),
        outcomes=True,
    ),
    Kind("labelled", partial(make_document_lines, merged), partial(_merged_answer, selection=ASKED, features=2), _labelled),
    Kind(
        "json-lines",
        partial(make_document_lines, document),
        lambda line, *_: reference.document(line),
        _documents,
        outcomes=True,
    ),
    Kind("csv", make_csv_lines, lambda line, *_: reference.csv_line(line, ("x", "y", "z")), _csv, header_lines=1),
)  # fmt: skip


@dataclass(frozen=True)
class Window:
    """The files of a window, in a folder."""

    kind: Kind
    seed: int
    folder: Path
    files: dict[str, bytes] = field(repr=False)

    @classmethod
    def of(cls, kind: Kind, seed: int, folder: Path) -> Window:
        rng = random.Random(f"{kind.name} {seed}")
        lines = kind.lines(rng, rng.choice((2, 8, 8, 30, 30, 100)))
        parts = [lines]
        if rng.random() < 0.3:
            cut = rng.randrange(1, len(lines))
            parts = [lines[:cut], [*lines[: kind.header_lines], *lines[cut:]]]
        files = {f"part-{number}.jsonl": write_file(some, rng) for number, some in enumerate(parts)}
        hour_folder = folder / HOUR
        hour_folder.mkdir(parents=True, exist_ok=True)
        for old in hour_folder.iterdir():
            old.unlink()
        for name, content in files.items():
            (hour_folder / name).write_bytes(content)
        return cls(kind, seed, folder, files)

    @property
    def lines(self) -> list[tuple[bytes, str]]:
        """Every record with its file's path, in their order."""
        return [
            (line, f"{self.folder}/{HOUR}/{name}")
            for name, content in self.files.items()
            for line in reference.split_lines(content)
        ]

    @property
    def largest_file(self) -> int:
        return max(map(len, self.files.values()))
