"""The law of a window, and how many windows were held against it.

Every record that is read is kept, dropped, outside the window, sampled out, captured for its metadata alone or refused for a
reason. What is kept are the values that a plain decoder finds (`reference`). Nothing of it depends on how files are cut into
partitions. Nothing ends a window.

FUZZ_SECONDS in the environment says how long windows are tried, all kinds together (60). FUZZ_SEED names the one window to try
again, FUZZ_FIRST the first of other ones than those from 0 on, FUZZ_WINDOWS how many there are at most.
"""

from __future__ import annotations

import math
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pyarrow as pa
import pytest
from tests.engine_in_process import InOrder
from tests.fuzz.reference import OUTSIDE, REFUSED, SAMPLED_OUT, UNCLAIMED, WITHOUT_DATA, same
from tests.fuzz.windows import Window

from spark_model_monitor.data.records.locations import FILE_KEY, LINE, compute_file_keys
from spark_model_monitor.data.records.outcome_records import decode_blocks
from spark_model_monitor.data.records.refusals import REASON, UNFORESEEN, Refusal
from spark_model_monitor.statistics.states.row_counts import Requests

SECONDS = float(os.environ.get("FUZZ_SECONDS", "60"))
SEED = os.environ.get("FUZZ_SEED")
FIRST = int(os.environ.get("FUZZ_FIRST", "0"))
WINDOWS = int(os.environ.get("FUZZ_WINDOWS", "1000000000"))

PARTITIONS = (1, 2, 7)

LEFT_OUT = {
    Refusal.OUTSIDE_WINDOW: OUTSIDE,
    Refusal.SAMPLED_OUT: SAMPLED_OUT,
    Refusal.WITHOUT_DATA: WITHOUT_DATA,
}

UNFORESEEN_TEXTS = {Refusal.UNREADABLE.text, *(reason.text for reason in UNFORESEEN.values())}
MAX_UNFORESEEN = 0.001
"""Of the refusals; more, and a reason is missing."""

MIN_CLAIMED = 0.8
"""Of the records; with fewer the plain decoder says too little."""
FEW_RECORDS = 1_000


@dataclass
class Tally:
    """What was tried. unforeseen: the seeds of some windows with such a refusal."""

    windows: int = 0
    records: int = 0
    kept: int = 0
    unclaimed: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    unforeseen: list[int] = field(default_factory=list)

    @property
    def unforeseen_share(self) -> float:
        unforeseen_count = sum(self.refused[text] for text in UNFORESEEN_TEXTS)
        return unforeseen_count / max(1, sum(self.refused.values()))

    def __str__(self) -> str:
        reasons = "".join(f"\n  {count:>9,} {reason}" for reason, count in self.refused.most_common())
        return (
            f"{self.windows:,} windows, {self.records:,} records, {self.kept:,} kept, {self.unclaimed:,} unclaimed, "
            f"{sum(self.refused.values()):,} refused, unforeseen {self.unforeseen_share:.4%} {self.unforeseen}{reasons}"
        )

    def require_few_unforeseen(self) -> None:
        assert self.unforeseen_share <= MAX_UNFORESEEN, str(self)
        assert self.unclaimed <= (1 - MIN_CLAIMED) * max(self.records, FEW_RECORDS), str(self)


HELD: Counter[str] = Counter()
"""What held the law in this process, counted by its noun."""

Answer = TypeVar("Answer")


def seeds(seconds: float) -> Iterator[int]:
    """0, 1, 2, … or those from FUZZ_FIRST on, for so long; the one of FUZZ_SEED alone if it names one."""
    if SEED is not None:
        yield int(SEED)
        return
    end = time.monotonic() + seconds
    seed = FIRST
    while seed < FIRST + WINDOWS and time.monotonic() < end:
        yield seed
        seed += 1


def try_seeds(noun: str, seconds: float, hold: Callable[[int], Answer]) -> list[Answer]:
    """What comes of one seed after the other, for so long; one that breaks the law is named with the way to try it again.

    So is one that has not ended when the test's time is over, which pytest.fail says.
    """
    answers = []
    for seed in seeds(seconds):
        try:
            answers.append(hold(seed))
            HELD[noun.partition(" of ")[0]] += 1
        except (Exception, pytest.fail.Exception) as fault:
            test = os.environ["PYTEST_CURRENT_TEST"].rpartition(" ")[0]
            rerun_command = f"FUZZ_SEED={seed} .venv/bin/python -m pytest '{test}'"
            reason = f"{type(fault).__name__}: {fault}"
            raise AssertionError(
                f"{noun} {seed} breaks the law; try it again by\n  {rerun_command}\n{reason}"
            ) from fault
    print(f"{len(answers)} times a {noun}")
    return answers


def try_windows(name: str, seconds: float, hold: Callable[[int, Tally], None]) -> Tally:
    """Windows by their seeds, for so long."""
    tally = Tally()
    tally.windows = len(try_seeds(f"window of {name}", seconds, lambda seed: hold(seed, tally)))
    print(f"{name}: {tally}")
    tally.require_few_unforeseen()
    return tally


@dataclass(frozen=True)
class WindowFindings:
    """What a job makes of a window, cut into pieces. rows: a reason, or the cells of each row."""

    rows: list[Any]
    ledger: dict[str, Any]
    documents: list[Any]
    requests: Any


def scan_window(window: Window, pieces: int, *, with_rows: bool) -> WindowFindings:
    """What a scan makes of a window whose files are cut into so many pieces each. with_rows: ask for them as well."""
    engine = InOrder(-(-window.largest_file // pieces))
    with window.kind.read(engine, str(window.folder)) as dataset:
        scanned = window.kind.scanned(dataset)
        ledger = dataset.ledger(scanned.rows).to_json_dict()
        if window.kind.outcomes:
            rows = dataset.rows
        else:
            rows = dataset.rows.rows
        features = 3 if window.kind.outcomes else len(dataset.names)
        return WindowFindings(
            [row for batch in rows.batches() for row in rows_in(batch, features)] if with_rows else [],
            {"records": ledger["records"], "rows": ledger["rows"]},
            window.kind.documents(scanned.state) if ledger["records"]["kept"] else [],
            None if scanned.requests is None else summarize_requests(scanned.requests),
        )


def summarize_requests(requests: Requests) -> dict[str, Any]:
    """What requests say of themselves, few as they are."""
    return {
        "statuses": dict(requests.statuses),
        "estimated": requests.estimated,
        "moments": {name: getattr(requests.moments, name) for name in ("count", "missing", "sum", "m2")},
        "latencies": [sorted(level.tolist()) for level in requests.latencies.levels],
    }


def rows_in(batch: pa.RecordBatch, features: int) -> list[Any]:
    """The rows of a decoded batch: the reason of a refused one, else its cells."""
    columns = [batch.column(f"c{position}").to_pylist() for position in range(features)]
    reasons = batch.column(REASON).to_pylist()
    rows = zip(*columns, strict=True)
    return [Refusal(reason) if reason else row for reason, row in zip(reasons, rows, strict=True)]


def decode_alone(window: Window, line: bytes, path: str) -> list[Any]:
    """The rows of a line that stands alone."""
    engine = InOrder()
    dataset = window.kind.read(engine, str(window.folder))
    lines = pa.array([line], pa.binary()).view(pa.string())
    keys = pa.array(compute_file_keys([f"file://{path}"]), pa.int64())
    batch = pa.RecordBatch.from_arrays([lines, keys], names=[LINE, FILE_KEY])
    if window.kind.outcomes:
        blocks = decode_blocks(dataset.decoder, (), [batch])
        return [row for block in blocks for row in rows_in(block, 3)]
    decoded = dataset.rows.decoding(batch)
    return rows_in(decoded, len(dataset.names))


def hold(window: Window, tally: Tally) -> None:
    """Raises AssertionError if a window breaks the law."""
    expected = []
    became = Counter()
    lines = window.lines
    columns = window.kind.list_columns(InOrder(), str(window.folder))
    for line, path in lines:
        answer = window.kind.answer(line, path, columns)
        if answer == UNCLAIMED:
            tally.unclaimed += 1
            answer = decode_alone(window, line, path)
            fate = "kept"
            if isinstance(answer[0], Refusal):
                fate = LEFT_OUT.get(answer[0], REFUSED)
            became[fate] += 1
            expected += [(line, row) for row in answer]
        elif isinstance(answer, str):
            became[answer] += 1
            expected.append((line, answer))
        else:
            became["kept"] += 1
            expected += [(line, row) for row in answer]
    header_count = window.kind.header_lines * len(window.files)
    record_count = len(lines) - header_count
    became[REFUSED] -= header_count
    first = None
    for pieces in PARTITIONS:
        with_rows = pieces == PARTITIONS[window.seed % len(PARTITIONS)]
        findings = scan_window(window, pieces, with_rows=with_rows)
        if with_rows:
            require_rows(expected, findings.rows, pieces)
        require_account(findings.ledger, became, record_count)
        if first is None:
            first = findings
        assert findings.ledger == first.ledger, f"in {pieces} pieces: {findings.ledger} instead of {first.ledger}"
        difference = next(differences(first.requests, findings.requests, ""), None)
        assert difference is None, f"in {pieces} pieces other requests: {difference}"
        difference = next(differences(first.documents, findings.documents, ""), None)
        assert difference is None, f"in {pieces} pieces other documents: {difference}"
    assert first is not None
    tally.records += first.ledger["records"]["read"]
    tally.kept += first.ledger["records"]["kept"]
    refused = first.ledger["records"]["quarantined"]
    tally.refused.update(refused)
    if UNFORESEEN_TEXTS & set(refused):
        tally.unforeseen.append(window.seed)


def require_rows(expected: list[tuple[bytes, Any]], actual_rows: list[Any], pieces: int) -> None:
    for (line, expected_row), row in zip(expected, actual_rows, strict=False):
        assert is_answer(expected_row, row), (
            f"in {pieces} pieces\n{line[:3000]!r}\nis {row!r}\ninstead of {expected_row!r}"
        )
    assert len(actual_rows) == len(expected), f"{len(actual_rows)} rows instead of {len(expected)}"


def is_answer(expected_row: Any, row: Any) -> bool:
    """Whether a row is what was expected of it."""
    if isinstance(row, Refusal):
        return expected_row in (row, LEFT_OUT.get(row, REFUSED))
    return isinstance(expected_row, tuple) and len(expected_row) == len(row) and all(map(same, expected_row, row))


def require_account(ledger: dict[str, Any], became: Counter[str], read: int) -> None:
    """Every record is accounted for, and as what it is."""
    records = ledger["records"]
    refused = sum(records["quarantined"].values())
    counts = {"kept": records["kept"], OUTSIDE: records["outside_window"], SAMPLED_OUT: records["sampled_out"]}
    counts |= {WITHOUT_DATA: records["without_data"], REFUSED: refused}
    total = sum(counts.values()) + records["dropped_by_script"]
    assert records["read"] == read == total, (read, records)
    nonzero_counts = {name: count for name, count in counts.items() if count}
    expected_counts = {name: count for name, count in became.items() if count}
    assert nonzero_counts == expected_counts, records


def differences(first_value: Any, second_value: Any, json_path: str) -> Iterator[str]:
    """Where two documents differ by more than the last digits of a sum."""
    if isinstance(first_value, dict) and isinstance(second_value, dict) and first_value.keys() == second_value.keys():
        for key in first_value:
            yield from differences(first_value[key], second_value[key], f"{json_path}.{key}")
    elif isinstance(first_value, list) and isinstance(second_value, list) and len(first_value) == len(second_value):
        if ".sketch.data[" in json_path:  # the values that a sketch holds, in the order in which they came
            first_value = sorted(first_value)
            second_value = sorted(second_value)
        for number, pair in enumerate(zip(first_value, second_value, strict=True)):
            yield from differences(*pair, f"{json_path}[{number}]")
    elif not (
        first_value == second_value
        or (
            isinstance(first_value, float)
            and isinstance(second_value, float)
            and math.isclose(first_value, second_value, rel_tol=1e-9)
        )
    ):
        yield f"{json_path}: {second_value!r} instead of {first_value!r}"
