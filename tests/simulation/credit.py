"""The second schedule of a month: a model whose labels come in time, late, twice or never, merged and judged hour by hour.

A label that comes an hour late changes the hour before: its merged records, and the judgement that a person asks for again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random

from tests.simulation.steps import HOUR, JOBS, MARK, Step, make_flags, put, run_due_schedule, write_entry
from tests.simulation.world import World
from tests.spark.merging.records import make_label
from tests.unit.records.captured_lines import format_capture

from jobs import baseline, monitor

ROWS = 20
CAPTURES = "captures/credit/AllTraffic"
LABELS = "labels"
MERGED = "merged"
ENDPOINT = {"sagemaker_endpoint_name": "credit", "sagemaker_monitoring_schedule_name": "credit", "engine": "local"}
MODEL = {
    "analysis_type": "MODEL_QUALITY",
    "problem_type": "BinaryClassification",
    "inference_attribute": "0",
    "probability_attribute": "1",
}

MERGE = {
    **ENDPOINT,
    "dataset_source": f"{CAPTURES}",
    "dataset_format": "capture",
    "ground_truth_source": LABELS,
    "late_labels": "PT3H",
    "max_quarantined_share": "0.5",
}
MONITOR = {
    **ENDPOINT,
    **MODEL,
    "dataset_source": f"{MERGED}",
    "dataset_format": "merged",
    "baseline": "credit-base",
    "sink": "simulated:all",
    "sink_required": "true",
}


def prepare_credit(folder: Path, random: Random, began: datetime) -> None:
    """Its validation set, and its schedule's entry."""
    rows = [(score := random.random(), int(random.random() < score)) for _ in range(200)]
    put(
        folder / "validation.csv",
        "answer,score,label\n"
        + "".join(f"{int(predicted > 0.5)},{predicted:.4f},{label}\n" for predicted, label in rows),
        began,
    )
    write_entry(
        folder,
        "credit",
        "ModelQuality",
        began,
        {"merge": {**MERGE, "output_path": MERGED}, "monitor": {**MONITOR, "output_path": "quality"}},
    )


def credit_steps(random: Random, began: datetime, hours: int, *, is_scheduled: bool) -> Iterator[Step]:
    """What is done for it, a quarter of an hour after the first schedule's."""
    yield Step("baseline", began - 2 * HOUR, _baseline)
    late: list[str] = []
    for number in range(hours):
        hour = began + number * HOUR
        time = hour + HOUR + timedelta(minutes=20)
        is_wrong = random.random() < 0.4
        records = [(f"{random.getrandbits(64):x}", random.random()) for _ in range(ROWS)]
        captured = [
            format_capture(
                f"{MARK},1", f"{int(score > 0.5)},{score:.4f}", event_id, hour + timedelta(minutes=random.randrange(60))
            ).rstrip()
            for event_id, score in records
        ]
        label_lines = list[str]()
        later = list[str]()
        for record_number, (event_id, score) in enumerate(records):
            label = json.dumps(make_label(event_id, str(int((random.random() < score) != is_wrong))))
            if record_number:
                kind = random.choice(("in time", "in time", "late", "twice", "never"))
            else:
                kind = "in time"
            label_lines += [label] * {"in time": 1, "twice": 2}.get(kind, 0)
            later += [label] * (kind == "late")
        if random.random() < 0.3:
            label_lines.append(f'{{"groundTruthData": "{MARK}')
        files = {(CAPTURES, "lines"): captured, (LABELS, "lines"): [*label_lines, *late]}
        changes_before = bool(late)
        if random.random() < 0.2:  # the same captures come once more
            files[CAPTURES, "again"] = captured
        late = later
        yield Step("labels", time, partial(_delivered, hour, files))  # what came before was merged without them
        if is_scheduled:
            yield Step(
                "run-due",
                time,
                partial(run_due_schedule, "credit", time),
                hour,
                1 + (random.random() < 0.3),
                schedule="credit",
            )
        else:
            yield Step("merge", time, partial(_merged, hour), hour, 1 + (random.random() < 0.3))
            yield Step("monitor", time, partial(_judged, hour), hour)
        if changes_before:
            yield Step("monitor", time, partial(_judged, hour - HOUR), hour - HOUR)


def _baseline(world: World) -> int:
    columns = {"inference_attribute": "answer", "probability_attribute": "score", "ground_truth_attribute": "label"}
    files = {"dataset_source": "validation.csv", "dataset_format": "csv", "output_path": "credit-base"}
    return baseline.main(make_flags({**MODEL, **columns, **files, "engine": "local"}))


def _delivered(hour: datetime, files: dict[tuple[str, str], list[str]], world: World) -> None:
    for (top, name), lines in files.items():
        folder = Path(world.folder, top, f"{hour:%Y/%m/%d/%H}")
        folder.mkdir(parents=True, exist_ok=True)
        put(folder / f"{name}.jsonl", "".join(f"{line}\n" for line in lines), hour)


def _window(hour: datetime) -> dict[str, str]:
    return {"start_time": f"{hour:%Y-%m-%dT%H:%M:%SZ}", "end_time": f"{hour + HOUR:%Y-%m-%dT%H:%M:%SZ}"}


def _merged(hour: datetime, world: World) -> int:
    return JOBS["merge"](make_flags({**MERGE, **_window(hour), "output_path": MERGED}))


def _judged(hour: datetime, world: World) -> int:
    return monitor.main(make_flags({**MONITOR, **_window(hour), "output_path": f"quality/{hour + HOUR:%Y/%m/%d/%H}"}))
