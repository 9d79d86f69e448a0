"""Jobs in a folder, on the engine without Spark, as a test reads what they leave."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.entries import read_checks
from tests.running_jobs import JobsHere


@dataclass(frozen=True)
class LocalJobs:
    """`jobs.run("monitor --dataset-source …")` runs a job in the folder, and gives what it said."""

    folder: Path

    def run(self, words: str, *more: object, status: int = 0, **variables: str) -> str:
        finished = JobsHere(self.folder)(*words.split(), *more, "--engine", "local", **variables)
        assert finished.status == status, finished.said
        return finished.said

    def write(self, name: str, content: Any) -> None:
        """A text as it is, anything else as JSON."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))

    def read(self, name: str) -> Any:
        return json.loads((self.folder / name).read_text())

    def read_violations(self, output: str) -> list[dict[str, Any]]:
        return self.read(f"{output}/constraint_violations.json")["violations"]

    def read_checks(self, output: str) -> dict[str, Any]:
        return read_checks(self.folder / output / "checks.json")


def list_warnings(said: str) -> list[str]:
    """The warnings of a job's log, without their times."""
    return [line.partition("WARNING ")[2] for line in said.splitlines() if "WARNING " in line]
