"""The example's files in one directory: `baseline.csv`, `validation.csv`, `captures/`, `ground-truth/`, `fault.json`
and `analysis_config.json`.

Driver only; the content is `churn.py`'s and `traffic.py`'s. Writing again leaves files that are right already
untouched.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from model_monitor.demo import churn
from model_monitor.demo.traffic import Traffic, captures, ground_truth, planted
from model_monitor.errors import BadConfiguration, OutputFailed

BASELINE, VALIDATION = "baseline.csv", "validation.csv"
CAPTURES = "captures"
GROUND_TRUTH = "ground-truth"
FAULT = "fault.json"
ANALYSIS = "analysis_config.json"
HOURS, EXPLAINED = "hours", "explained"
"""What is found out later of each hour: of its data, and of what moves the model."""


def write_data_set(directory: Path, *, rows: int, traffic: Traffic) -> None:
    """Writes a baseline of `rows` customers with the model's answers to them, the captures and labels of `traffic`, what was
    planted in them, and what is asked of the model's explanation.

    Raises BadConfiguration if `captures/` or `ground-truth/` already holds other files, which a job would read along;
    OutputFailed if the directory can't be written.
    """
    baseline = churn.baseline_table(rows, traffic.seed)
    files = {BASELINE: churn.to_csv(baseline, header=True)}
    files[VALIDATION] = churn.to_csv(churn.validation_table(baseline), header=True)
    files |= {f"{CAPTURES}/{path}": text for path, text in captures(traffic).items()}
    files |= {f"{GROUND_TRUTH}/{path}": text for path, text in ground_truth(traffic).items()}
    files[ANALYSIS] = json.dumps(churn.explanation(), indent=2) + "\n"
    files[FAULT] = json.dumps(planted(traffic), indent=2) + "\n"
    _refuse_others(directory, files)
    try:
        for path, text in files.items():
            target, content = directory / path, text.encode("utf-8")
            target.parent.mkdir(parents=True, exist_ok=True)
            # A job's ledger has its inputs' modification times: a file that is right already keeps its own.
            if not target.is_file() or target.read_bytes() != content:
                target.write_bytes(content)
    except OSError as error:
        place, reason = error.filename or directory, error.strerror or type(error).__name__
        raise OutputFailed(
            f"{place} can't be written ({reason}); give a directory of your own with --output"
        ) from error


def _refuse_others(directory: Path, files: Mapping[str, str]) -> None:
    for folder in (CAPTURES, GROUND_TRUTH):
        for found in sorted((directory / folder).rglob("*.jsonl")):
            if found.relative_to(directory).as_posix() not in files:
                raise BadConfiguration(
                    f"{found} is no file of this data set, and jobs would read it along; "
                    f"remove {directory / folder} or give an empty directory with --output"
                )
