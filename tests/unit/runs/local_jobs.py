"""Jobs in a folder, on the engine without Spark, as a test reads what they leave."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from tests.entries import read_checks
from tests.running_jobs import JobsHere

from spark_model_monitor.documents.json_text import Json


@dataclass(frozen=True)
class LocalJobs:
    """`jobs.run("monitor --dataset-source …")` runs a job in the folder, and gives what it said."""

    folder: Path

    def run(self, words: str, *more: object, status: int = 0, **variables: str) -> str:
        finished = JobsHere(self.folder)(*words.split(), *more, "--engine", "local", **variables)
        assert finished.status == status, finished.said
        return finished.said

    def write(self, name: str, content: Json) -> None:
        """A text as it is, anything else as JSON."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))

    def read(self, name: str) -> Json:
        return json.loads((self.folder / name).read_text())

    def read_violations(self, folder: str) -> list[dict[str, Json]]:
        return self.read(f"{folder}/constraint_violations.json")["violations"]

    def read_checks(self, folder: str) -> dict[str, Json]:
        return read_checks(self.folder / folder / "checks.json")


def list_warnings(log_text: str) -> list[str]:
    """The warnings of a job's log. Lines that begin with a time are the same once more, as the job printed them."""
    return [line.removeprefix("WARNING ") for line in log_text.splitlines() if line.startswith("WARNING ")]
