"""A location that runs nothing: jobs end at once, and leave what the test says."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from spark_model_monitor.airflow.job_locations import JobCall, Location

DONE = "Completed: Job completed successfully with no violations."
UNSURE = f"{DONE} Cannot tell whether age changed."
FOUND = "CompletedWithViolations: Job completed successfully with 2 violations."
VIOLATIONS = [
    {"feature_name": "age", "constraint_check_type": "completeness_check", "description": "Value: 0.5 …"},
    {"feature_name": "plan", "constraint_check_type": "categorical_values_check", "description": "Value: 0.9 …"},
]

UNSURE_AGE = {"name": "age", "outcome": "cannot tell", "reason": "too few rows", "advice": "monitor more rows"}


def checks_document(message: str) -> str | None:
    """checks.json of a run with this message; None if the run has none."""
    checks = {"version": 0.0, "checks": []}
    if message == FOUND:
        checks["outcome"] = "changed"
        checks["outcomes"] = []
    elif message == UNSURE:
        checks["outcome"] = "cannot tell"
        checks["outcomes"] = [UNSURE_AGE]
    else:
        return None
    return json.dumps(checks)


def leave(folder: Path, message: str | None, violations: list[dict[str, str]] = VIOLATIONS) -> None:
    """The files of a run, laid out as docs/files.md has them."""
    folder.mkdir(parents=True, exist_ok=True)
    if message is None:
        return
    (folder / "message").write_text(f"{message}\n")
    if message.startswith("Error"):
        return
    run_folder = folder / "_runs" / "0123456789abcdef"
    run_folder.mkdir(parents=True, exist_ok=True)
    checks = checks_document(message)
    for path in (folder, run_folder):
        (path / "constraint_violations.json").write_text(json.dumps({"violations": violations}))
        if checks is not None:
            (path / "checks.json").write_text(checks)
    digests = {"constraint_violations.json": "…", "states/profile.parquet": "…"}
    commit = {"run_id": run_folder.name, "folder": f"_runs/{run_folder.name}", "sha256": digests}
    (folder / "_current.json").write_text(json.dumps(commit))


@dataclass(frozen=True, kw_only=True)
class Stage(Location):
    """Calls `plays` in place of each job; it gives the exit status.

    calls: what was started. cluster: a template, as locations have; seen: what it was rendered as.
    """

    plays: Callable[[JobCall], int | None]
    calls: list[JobCall] = field(default_factory=list, init=False)
    cluster: str = ""
    seen: list[str] = field(default_factory=list, init=False)

    def fill_templates(self, render):
        self.seen.append(render(self.cluster))
        return self

    def begin(self, call):
        self.calls.append(call)
        return Played(lambda: self.plays(call))


class Played:
    """A job of the stage. stopped: whether it was told to end."""

    def __init__(self, wait):
        self.wait = wait
        self.stopped = False

    def stop(self):
        self.stopped = True


def leaving(message: str | None, status: int | None = 0) -> Callable[[JobCall], int | None]:
    """Jobs that leave a message, and documents with two violations if they found some."""

    def play(call):
        leave(Path(call.output_path), message, VIOLATIONS if message == FOUND else [])
        return status

    return play
