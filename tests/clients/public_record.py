"""The public record: files of the service in public repositories, opened here and written again.

    python -m tests.clients.public_record CLONES [PART-OF-A-PATH …]

CLONES has a git repository for each, as OWNER/NAME (a clone, or its `.git`); `public_record.txt` lists the files by kind,
repository, commit and path. Nothing of them is copied into this project. A repository that is not there is left out, and counted.
`NOTEBOOK.ipynb::17` is what code cell 17 (from 0) printed, or the configurations that it asks for; of a program, `FILE.py`, those
that it asks for (`public_cells.py`). `FILE <- DATA <- CONFIG` has the data that its numbers come from, at the same commit.

What is asked of a file, by its kind:

- `statistics`, `constraints`, `violations`, `analysis` (Clarify's) and `config` (its configuration): it is read, and comes
  back with the same JSON, member for member and in the same order. Of a configuration that asks for what is not done a
  sentence says so. Where the data is public too, every number about the labels is computed again, and is the same.
- `capture`, `merged`: records are read without a JVM, and profiled. Most of them have to be kept. Where the input is an
  image, the answers are read alone, as the sentence that refuses it says.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.clients.public_cells import configurations_in, documents_in, logged_in

from spark_model_monitor import (
    AnalysisConfig,
    BiasMeasures,
    BiasMonitor,
    CaptureFormat,
    DataQualityMonitor,
    MonitorError,
    read_data,
    run_baseline,
)
from spark_model_monitor.documents.check_results import Violations
from spark_model_monitor.documents.clarify_files import (
    AttributionReport,
    AttributionViolations,
    BiasReport,
    BiasViolations,
)
from spark_model_monitor.documents.constraints import Constraints
from spark_model_monitor.documents.document import Document
from spark_model_monitor.documents.model_quality import ModelQualityConstraints, ModelQualityStatistics
from spark_model_monitor.documents.statistics import Statistics
from spark_model_monitor.monitors.bias.bias_measures import resolve_methods
from spark_model_monitor.monitors.explainability.attribution_measures import require_in_scope
from spark_model_monitor.reports.outputs.printable import format_table

LIST = Path(__file__).with_suffix(".txt")
DOCUMENTS: dict[str, tuple[type[Document], ...]] = {
    "statistics": (Statistics, ModelQualityStatistics),
    "constraints": (Constraints, ModelQualityConstraints),
    "violations": (Violations, BiasViolations, AttributionViolations),
    "analysis": (BiasReport, AttributionReport),
    "config": (AnalysisConfig,),
}
SAME = "the same again"
OPENED = "records read"
OF_IMAGES = "answers to images read"
REFUSED = "a sentence says what isn't done"
OTHERWISE = "other JSON"
ABSENT = "not there"
OUTCOMES = (OTHERWISE, REFUSED, SAME, OPENED, OF_IMAGES)
"""From the worst on: what becomes of a cell is the worst of what stands in it."""


@dataclass(frozen=True)
class Entry:
    """A file of a repository at a commit; cell: of a notebook, from 0."""

    kind: str
    repository: str
    commit: str
    path: str
    cell: int | None = None
    data: str = ""
    config: str = ""

    @classmethod
    def of(cls, line: str) -> Entry:
        """The entry of a line of the list."""
        kind, repository, commit, location = line.split(" ", 3)
        path, *sources = location.split(" <- ")
        path, _, cell = path.partition("::")
        return cls(kind, repository, commit, path, int(cell) if cell else None, *sources)

    @property
    def is_part(self) -> bool:
        """Whether it is a cell of a notebook, or what a program asks for."""
        return self.cell is not None or self.path.endswith(".py")

    @property
    def place(self) -> str:
        """The path, and the cell."""
        if self.cell is None:
            return self.path
        return f"{self.path}::{self.cell}"

    def content(self, clones: Path, path: str = "") -> bytes | None:
        """The bytes of the file, or of another one at the commit; None where there is no clone."""
        command = ["git", "-C", str(clones / self.repository), "cat-file", "blob", f"{self.commit}:{path or self.path}"]
        blob = subprocess.run(command, capture_output=True, check=False)
        if blob.returncode == 0:
            return blob.stdout
        return None

    def documents(self, content: bytes) -> list[bytes]:
        """What the file, or the cell of it, has of the kind.

        Raises MonitorError where a class of ours refuses what a cell asks for.
        """
        if not self.is_part:
            return [content]
        if self.cell is None:
            return [_json(configuration) for configuration in configurations_in([], content.decode())]
        code = [cell_read for cell_read in json.loads(content)["cells"] if cell_read["cell_type"] == "code"]
        cell = code[self.cell]
        texts = ["".join(cell_read["source"]) for cell_read in code]
        if self.kind == "config":
            configurations = logged_in(cell) or configurations_in(texts[: self.cell], texts[self.cell])
            return [_json(cell_read) for cell_read in configurations]
        printed = [_json(document) for document in documents_in(cell, self.kind)]
        if self.kind in ("capture", "merged"):
            return [b"\n".join(printed)]
        return printed


def _json(document: object) -> bytes:
    return json.dumps(document).encode()


def entries() -> Iterator[Entry]:
    """The files of the list."""
    for line in LIST.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            yield Entry.of(line)


def read_outcome(entry: Entry, content: bytes) -> tuple[str, str]:
    """What became of a file, and what was said of it."""
    try:
        readings = [_read(entry.kind, document) for document in entry.documents(content)]
    except MonitorError as error:
        return REFUSED, str(error)
    return min(
        readings, key=lambda reading: OUTCOMES.index(reading[0]), default=(OTHERWISE, "nothing of the kind is in it")
    )


def _read(kind: str, content: bytes) -> tuple[str, str]:
    try:
        if kind in ("capture", "merged"):
            return _records(content, kind)
        return _document(kind, content)
    except MonitorError as error:
        return REFUSED, str(error)


def _document(kind: str, content: bytes) -> tuple[str, str]:
    """The first class that takes the file has to give it back."""
    first_error: Exception | None = None
    for document in DOCUMENTS[kind]:
        try:
            read = document.from_json(content)
        except MonitorError as error:
            first_error = first_error or error
            continue
        original = json.loads(content)
        if json.dumps(json.loads(read.to_json())) != json.dumps(original):
            return OTHERWISE, f"{document.__name__} gives other JSON"
        if isinstance(read, AnalysisConfig):
            _require_done(read)
        return SAME, _version(original)
    raise first_error or ValueError(kind)


def _require_done(config: AnalysisConfig) -> None:
    """Raises BadConfiguration for what a configuration asks for and is not done here."""
    methods = config.methods
    explains = methods is not None and bool(methods.shap or methods.pdp or methods.asymmetric_shapley_value)
    if explains:
        require_in_scope(config, config.FILE_NAME)
    if not explains or (methods and (methods.pre_training_bias or methods.post_training_bias)):
        resolve_methods(config, has_predictions=True, where=config.FILE_NAME)


def _version(content: dict[str, object]) -> str:
    """Which container wrote the file, as far as its members tell."""
    text = json.dumps(content)
    if "features" in content and "dataset" in content:
        if "approximate_num_distinct_values" in text:
            return "2024 or later"
        return "before 2024"
    if "post_training_bias_metrics" in content:
        if '"GE"' in text:
            return "2022 or later"
        return "2021"
    if "enable_comparisons" in text:
        return "2019"
    return ""


def _records(content: bytes, kind: str) -> tuple[str, str]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "records.jsonl"
        path.write_bytes(content)
        try:
            return OPENED, _profiled(path, kind)
        except MonitorError as error:
            if "--halves response" not in str(error):
                raise
        return OF_IMAGES, _profiled(path, CaptureFormat(index_names=("endpointOutput",)))


def _profiled(path: Path, data_format: str | CaptureFormat) -> str:
    with read_data(path, data_format, engine="local") as data:
        ledger = run_baseline(data, DataQualityMonitor(), max_quarantined_share=0.5).ledger
    refused = ", ".join(f"{count} {reason}" for reason, count in ledger.refused.items())
    return f"{ledger.kept} records{f', {refused}' if refused else ''}"


def reproduced(entry: Entry, clones: Path) -> str:
    """How many of the file's numbers come from its data again: "8 of 8 numbers"."""
    published = json.loads(entry.documents(entry.content(clones) or b"")[0])
    config_entry = Entry.of(f"config {entry.repository} {entry.commit} {entry.config}")
    config = json.loads(config_entry.documents(config_entry.content(clones) or b"")[0])
    config = {
        name: value
        for name, value in config.items()
        if "predicted" not in name and name not in ("predictor", "headers")
    }
    config["methods"] = {"pre_training_bias": {"methods": "all"}}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data.csv"
        path.write_bytes(entry.content(clones, entry.data) or b"")
        monitor = BiasMonitor(BiasMeasures.of(AnalysisConfig.from_json(json.dumps(config))))
        computed = json.loads(run_baseline(read_data(path, engine="local"), monitor).constraints.to_json())
    theirs, ours = (dict(_numbers(bias_report["pre_training_bias_metrics"])) for bias_report in (published, computed))
    same = sum(
        abs(value - ours.get(metric_path, float("nan"))) <= 1e-12 * max(1, abs(value))
        for metric_path, value in theirs.items()
    )
    return f"{same} of {len(theirs)} numbers"


def _numbers(part: dict[str, Any]) -> Iterator[tuple[tuple[str, ...], float]]:
    for facet, groups in part["facets"].items():
        for group in groups:
            for metric in group["metrics"]:
                if metric.get("value") is not None:
                    yield (facet, str(group["value_or_threshold"]), metric["name"]), metric["value"]


def main(clones: str, *parts: str) -> int:
    """Print what became of each file, and how many of how many."""
    logging.disable(logging.WARNING)
    counts: dict[str, Counter[str]] = {}
    repositories: set[str] = set()
    versions: Counter[str] = Counter()
    for entry in entries():
        if parts and not any(part in f"{entry.repository}/{entry.path}" for part in parts):
            continue
        content = entry.content(Path(clones))
        if content is None:
            outcome = ABSENT
            reason = ""
        else:
            outcome, reason = read_outcome(entry, content)
        counts.setdefault(f"{entry.kind}{' of code or a cell' if entry.is_part else ''}", Counter())[outcome] += 1
        if content is not None:
            repositories.add(entry.repository)
            if entry.data:
                print(f"{entry.repository}/{entry.path}: {reproduced(entry, Path(clones))} computed again", flush=True)
        if outcome == SAME and reason:
            versions[f"{entry.kind} of {reason}"] += 1
        if outcome in (REFUSED, OTHERWISE) or parts:
            print(f"{entry.kind} {entry.repository}/{entry.place}: {outcome}: {reason}", flush=True)
    columns = [SAME, OPENED, OF_IMAGES, REFUSED, OTHERWISE, ABSENT]
    rows = [
        [kind, str(sum(outcomes.values())), *(str(outcomes[name]) for name in columns)]
        for kind, outcomes in sorted(counts.items())
    ]
    print(format_table(["kind", "asked", *columns], rows, width=200))
    for kind_of_part, is_part in (("files", False), ("cells and programs", True)):
        total = sum((outcomes for kind, outcomes in counts.items() if (" cell" in kind) == is_part), Counter[str]())
        available = sum(total.values()) - total[ABSENT]
        opened = total[SAME] + total[OPENED] + total[OF_IMAGES]
        print(
            f"{opened} of {available} {kind_of_part} open, and documents are the same again; {total[REFUSED]} get a sentence"
        )
    print(f"{len(repositories)} repositories")
    print("; ".join(f"{count} {name}" for name, count in sorted(versions.items())))
    return int(any(outcomes[OTHERWISE] for outcomes in counts.values()))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
