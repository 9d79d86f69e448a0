"""Windows of damaged captures, transform outputs and labels, as a merge takes them: its tasks, one partition after the other."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
from tests.engine_in_process import InOrder
from tests.fuzz import reference
from tests.fuzz.damage import write_file
from tests.fuzz.law import PARTITIONS, UNFORESEEN_TEXTS, Tally
from tests.fuzz.reference import REFUSED, UNCLAIMED
from tests.fuzz.windows import captured, half, make_document_lines
from tests.unit.merging.lines import counts_in, joined

from spark_model_monitor.data.records.refusals import NOT_QUARANTINED, Refusal
from spark_model_monitor.running.merging.captured import REFUSED_CAPTURES, Captures, RequestDecoder, TransformDecoder
from spark_model_monitor.running.merging.hourly_sources import FileLocations, FileNumbers, LineKind, list_hours
from spark_model_monitor.running.merging.labels import GroundTruth, LabelAccount
from spark_model_monitor.running.merging.merge_rows import SCHEMA, Counts

HOUR = "2022/04/18/00"
IDS = 40
TRUTH = ',"groundTruthData":'
"""Where a merged record's label begins: within a text the quotes would be escaped."""


def request(rng: random.Random) -> dict[str, Any]:
    """A captured request with one of a few ids."""
    record = captured(rng)
    record["eventMetadata"] |= {"eventId": f"id-{rng.randrange(IDS)}"}
    if rng.random() < 0.3:
        record["eventMetadata"]["inferenceId"] = f"id-{rng.randrange(IDS)}"
    return record


def label(rng: random.Random) -> dict[str, Any]:
    """The label of one of these ids."""
    truth = half(rng.choice(("0", "1", "1.50", " 1 ")), "OUTPUT", rng.choice(("CSV", "CSV", "JSON", "csv")))
    return {"groundTruthData": truth, "eventMetadata": {"eventId": f"id-{rng.randrange(IDS)}"}, "eventVersion": "0"}


def output(rng: random.Random) -> dict[str, Any]:
    """An output of a batch transform, with what was appended to it."""
    times = ("2022-04-18T00:10:00Z", "2022-04-18T00:10:00Z", "now", None)
    return {
        "p": rng.random(),
        "SageMakerInferenceId": f"id-{rng.randrange(IDS)}",
        "SageMakerInferenceTime": rng.choice(times),
    }


def output_cells(rng: random.Random, count: int) -> list[bytes]:
    """The same as CSV."""
    lines = make_document_lines(output, rng, count)
    rows = [line for line in lines if rng.random() < 0.1]
    while len(rows) < count:
        text = f"{rng.random():.3f},a b,id-{rng.randrange(IDS)},2022-04-18T00:10:00Z"
        position = rng.randrange(len(text))
        rows.append(
            (text[:position] + rng.choice('",. 0Zé') + text[position + 1 :] if rng.random() < 0.3 else text).encode()
        )
    return rows


@dataclass(frozen=True)
class Source:
    """A folder with one hour's files of a side of the merge."""

    folder: Path

    @classmethod
    def of(cls, folder: Path, parts: Iterable[list[bytes]], rng: random.Random) -> Source:
        hour_folder = folder / HOUR
        hour_folder.mkdir(parents=True, exist_ok=True)
        for old in hour_folder.iterdir():
            old.unlink()
        for number, lines in enumerate(parts):
            (hour_folder / f"part-{number}.jsonl").write_bytes(write_file(lines, rng))
        return cls(folder)

    @property
    def lines(self) -> list[bytes]:
        files = sorted((self.folder / HOUR).iterdir())
        return [line for file in files for line in reference.split_lines(file.read_bytes())]

    @property
    def places(self) -> FileLocations:
        listed = list_hours(InOrder(), str(self.folder), None)
        return FileLocations.of(listed.files, listed.branches)

    def rows(self, task: Any, pieces: int) -> list[pa.RecordBatch]:
        """What a task makes of the files, each cut into so many pieces."""
        largest = max(file.stat().st_size for file in (self.folder / HOUR).iterdir())
        engine = InOrder(-(-largest // pieces))
        lines = engine.lines([str(self.folder)])
        return lines.partitions(*task.inputs).map_batches(task, SCHEMA).batches()


def make_source(name: str, seed: int, make: Any, folder: Path) -> Source:
    rng = random.Random(f"{name} {seed}")
    lines = make(rng, rng.choice((2, 8, 8, 30, 30, 100)))
    cut = rng.randrange(1, len(lines) + 1)
    return Source.of(folder / name, [part for part in (lines[:cut], lines[cut:]) if part], rng)


def make_column(lines: list[bytes]) -> pa.StringArray:
    return pa.array(lines, pa.binary()).view(pa.string())


@dataclass(frozen=True)
class Expected:
    """What a merge has to make of its two sides. merged: how often each pair of a capture and its label is there."""

    captures: list[tuple[str, str]]
    refused: int
    truths: dict[str, tuple[str, str]]
    labels: int
    refused_labels: int

    @property
    def merged(self) -> Counter[tuple[str, tuple[str, str]]]:
        return Counter((text, self.truths[key]) for key, text in self.captures if key in self.truths)


def expected_captures(source: Source, decoder: Any, answer: Any, tally: Tally) -> tuple[list[tuple[str, str]], int]:
    """Key and text of every capture that is kept, and how many are refused or left out."""
    accepted = []
    refused = 0
    for line in source.lines:
        expected_answer = answer(line)
        tally.unclaimed += expected_answer == UNCLAIMED
        if expected_answer == UNCLAIMED:
            records = decoder(make_column([line]))
            if records.reasons[0]:
                expected_answer = REFUSED
            else:
                expected_answer = [(records.keys[0].as_py(), None, None)]
        if isinstance(expected_answer, str):
            refused += 1
            continue
        [(key, *_)] = expected_answer
        accepted.append((key, line.decode().rstrip(" \t\r")[:-1]))
    return accepted, refused


def expected_labels(source: Source, tally: Tally, *, repairing: bool) -> tuple[dict[str, tuple[str, str]], int, int]:
    """The last label of every id, how many records there are, and how many of them are refused."""
    truths = {}
    read = 0
    refused = 0
    for line in source.lines:
        expected_truths = reference.ground_truth(line, repairing=repairing)
        tally.unclaimed += expected_truths == UNCLAIMED
        if expected_truths == UNCLAIMED:
            alone = GroundTruth(source.places, repairing=repairing)._decode(make_column([line]))
            texts = zip(alone.reasons.tolist(), alone.event_ids.to_pylist(), alone.truths.to_pylist(), strict=True)
            expected_truths = [
                (key, *json.loads(truth).values()) for reason, key, truth in texts if not reason
            ] or REFUSED
        read += 1 if isinstance(expected_truths, str) else len(expected_truths)
        refused += isinstance(expected_truths, str)
        truths |= (
            {}
            if isinstance(expected_truths, str)
            else {key: (data, encoding) for key, data, encoding in expected_truths}
        )
    return truths, read, refused


def hold_merge(seed: int, tally: Tally, folder: Path) -> None:
    """Raises AssertionError unless every capture and every label of a window is accounted for, and captures meet their labels."""
    repairing = seed % 2 == 0
    captures = make_source("captures", seed, lambda rng, count: make_document_lines(request, rng, count), folder)
    labels = make_source("labels", seed, lambda rng, count: make_document_lines(label, rng, count), folder)
    accepted_captures, refused = expected_captures(captures, RequestDecoder(), reference.joinable, tally)
    expected = Expected(accepted_captures, refused, *expected_labels(labels, tally, repairing=repairing))
    if any(
        file.read_bytes().lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"[") for file in (labels.folder / HOUR).iterdir()
    ):
        return  # perhaps one array over several lines
    for pieces in PARTITIONS:
        rows = captures.rows(Captures(RequestDecoder(), captures.places), pieces)
        rows += labels.rows(GroundTruth(labels.places, repairing=repairing), pieces)
        counts = require_merged(rows, captures, expected, f"in {pieces} pieces")
    account = LabelAccount.of(counts)
    assert account.read == expected.labels, (account, expected.labels)
    assert sum(account.refused.values()) == expected.refused_labels, (account, expected.refused_labels)
    assert account.ids == len(expected.truths), (account, expected.truths)
    tally.kept += account.read - expected.refused_labels
    note_counts(tally, seed, counts, len(captures.lines) + account.read, len(expected.captures), account.refused)


def require_merged(rows: list[pa.RecordBatch], source: Source, expected: Expected, where: str) -> Counts:
    """The counts of a merge, whose merged lines are what they should be."""
    branches = list_hours(InOrder(), str(source.folder), None).branches
    lines, counts = joined(rows, FileNumbers(branches, 1))
    merged_counts: Counter[Any] = Counter()
    for text in (text for (kind, _), texts in lines.items() if kind is LineKind.MERGED for text in texts):
        record, _, truth = text.rpartition(TRUTH)
        members = json.loads(truth.removesuffix("}"))
        merged_counts[record, (members["data"], members["encoding"])] += 1
    differing = next(iter((merged_counts - expected.merged) + (expected.merged - merged_counts)), None)
    assert differing is None, (
        f"{where}: {differing} is merged {merged_counts[differing]} times, not {expected.merged[differing]}"
    )
    refused = sum(counts.select(REFUSED_CAPTURES).values())
    waiting, labelled = (sum(counts.select(name).values()) for name in ("waiting", "labelled"))
    assert refused == expected.refused, f"{where}: {refused} captures refused, not {expected.refused}"
    assert waiting + labelled == len(expected.captures), (
        f"{where}: {waiting + labelled} kept, not {len(expected.captures)}"
    )
    return counts


def note_counts(tally: Tally, seed: int, counts: Counts, records: int, accepted_count: int, more: Any) -> None:
    refused = {Refusal(reason): count for (reason,), count in counts.select(REFUSED_CAPTURES).items()}
    refusal_counts = Counter({reason.text: count for reason, count in refused.items() if reason not in NOT_QUARANTINED})
    refusal_counts.update({reason.text: count for reason, count in more.items()})
    tally.records += records
    tally.kept += accepted_count
    tally.refused.update(refusal_counts)
    if UNFORESEEN_TEXTS & set(refusal_counts):
        tally.unforeseen.append(seed)


def hold_outputs(seed: int, tally: Tally, folder: Path, encoding: str) -> None:
    """Raises AssertionError unless every output of a transform is accounted for, and kept as the model wrote it."""
    if encoding == "CSV":
        make = output_cells
    else:
        make = partial(make_document_lines, output)
    source = make_source(f"outputs-{encoding}", seed, make, folder)
    decoder = TransformDecoder(encoding)
    expected_outputs = []
    refused = 0
    for line in source.lines:
        answer = reference.transform_output(line, encoding)
        tally.unclaimed += answer == UNCLAIMED
        if answer == UNCLAIMED:
            records = decoder(make_column([line]))
            if records.reasons[0]:
                answer = REFUSED
            else:
                answer = [(records.keys[0].as_py(), read_output_data(records.texts[0].as_py()))]
        if isinstance(answer, str):
            refused += 1
        else:
            expected_outputs += answer
    for pieces in PARTITIONS:
        rows = source.rows(Captures(decoder, source.places), pieces)
        accepted_rows = [row for batch in rows for row in batch.to_pylist() if row["key"] is not None]
        actual_outputs = [(row["key"], read_output_data(row["text"])) for row in accepted_rows]
        for (key, data), (expected_key, written) in zip(actual_outputs, expected_outputs, strict=True):
            if isinstance(written, str):
                is_same = data == written
            else:
                is_same = json.dumps(json.loads(data)) == json.dumps(written)
            assert key == expected_key, f"in {pieces} pieces: {key!r} instead of {expected_key!r}"
            assert is_same, f"in {pieces} pieces: {data!r} instead of {written!r}"
        assert sum(counts_in(rows).select(REFUSED_CAPTURES).values()) == refused
    note_counts(tally, seed, counts_in(rows), len(source.lines), len(expected_outputs), {})


def read_output_data(text: str) -> str:
    """The output in a captured record without its last brace."""
    data: str = json.loads(text + "}")["captureData"]["batchTransformOutput"]["data"]
    return data
