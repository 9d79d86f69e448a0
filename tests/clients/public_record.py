"""The public record: files of the service in public repositories, opened here and written again.

    python -m tests.clients.public_record CLONES [PART-OF-A-PATH …]

CLONES has a git repository for each, as OWNER/NAME (a clone, or its `.git`); `public_record.txt` lists the files by kind,
repository, commit and path. Nothing of them is copied into this project. A repository that is not there is left out, and counted.

What is asked of a file, by its kind:

- `statistics`, `constraints`, `violations`, `analysis` (Clarify's) and `config` (its configuration): it is read, and comes
  back with the same JSON, member for member and in the same order. Of a configuration that asks for what is not done a
  sentence says so.
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

from model_monitor import AnalysisConfig, CaptureFormat, DataQualityMonitor, MonitorError, read_data, run_baseline
from model_monitor.documents.check_results import Violations
from model_monitor.documents.clarify import AttributionReport, AttributionViolations, BiasReport, BiasViolations
from model_monitor.documents.constraints import Constraints
from model_monitor.documents.document import Document
from model_monitor.documents.model_quality import ModelQualityConstraints, ModelQualityStatistics
from model_monitor.documents.statistics import Statistics
from model_monitor.monitors.bias.measures import methods_of
from model_monitor.monitors.explainability.measures import require_in_scope
from model_monitor.reports.outputs.printable import text_table

LIST = Path(__file__).with_suffix(".txt")
DOCUMENTS: dict[str, tuple[type[Document], ...]] = {
    "statistics": (Statistics, ModelQualityStatistics),
    "constraints": (Constraints, ModelQualityConstraints),
    "violations": (Violations, BiasViolations, AttributionViolations),
    "analysis": (BiasReport, AttributionReport),
    "config": (AnalysisConfig,),
}
SAME, OPENED, OF_IMAGES = "the same again", "records read", "answers to images read"
REFUSED, OTHERWISE, ABSENT = "a sentence says what isn't done", "other JSON", "not there"


@dataclass(frozen=True)
class Entry:
    """A file of a repository at a commit."""

    kind: str
    repository: str
    commit: str
    path: str

    def content(self, clones: Path) -> bytes | None:
        """Its bytes; None where there is no clone."""
        asked = ["git", "-C", str(clones / self.repository), "cat-file", "blob", f"{self.commit}:{self.path}"]
        found = subprocess.run(asked, capture_output=True, check=False)
        return found.stdout if found.returncode == 0 else None


def entries() -> Iterator[Entry]:
    """The files of the list."""
    for line in LIST.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            yield Entry(*line.split(" ", 3))


def outcome_of(kind: str, content: bytes) -> tuple[str, str]:
    """What became of a file, and what was said of it."""
    try:
        return _records(content, kind) if kind in ("capture", "merged") else _document(kind, content)
    except MonitorError as error:
        return REFUSED, str(error)


def _document(kind: str, content: bytes) -> tuple[str, str]:
    """The first class that takes the file has to give it back."""
    said: Exception | None = None
    for document in DOCUMENTS[kind]:
        try:
            read = document.from_json(content)
        except MonitorError as error:
            said = said or error
            continue
        given = json.loads(content)
        if json.dumps(json.loads(read.to_json())) != json.dumps(given):
            return OTHERWISE, f"{document.__name__} gives other JSON"
        if isinstance(read, AnalysisConfig):
            _require_done(read)
        return SAME, _version(given)
    raise said or ValueError(kind)


def _require_done(config: AnalysisConfig) -> None:
    """Raises BadConfiguration for what a configuration asks for and is not done here."""
    methods = config.methods
    explains = methods is not None and (methods.shap is not None or methods.pdp is not None)
    if explains:
        require_in_scope(config, config.FILE_NAME)
    if not explains or (methods and (methods.pre_training_bias or methods.post_training_bias)):
        methods_of(config, has_predictions=True, where=config.FILE_NAME)


def _version(content: dict[str, object]) -> str:
    """Which container wrote the file, as far as its members tell."""
    text = json.dumps(content)
    if "features" in content and "dataset" in content:
        return "2024 or later" if "approximate_num_distinct_values" in text else "before 2024"
    if "post_training_bias_metrics" in content:
        return "2022 or later" if '"GE"' in text else "2021"
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
            if "captureIndexNames" not in str(error):
                raise
        return OF_IMAGES, _profiled(path, CaptureFormat(index_names=("endpointOutput",)))


def _profiled(path: Path, data_format: str | CaptureFormat) -> str:
    with read_data(path, data_format, engine="local") as data:
        ledger = run_baseline(data, DataQualityMonitor(), max_quarantined_share=0.5).ledger
    refused = ", ".join(f"{count} {reason}" for reason, count in ledger.refused.items())
    return f"{ledger.kept} records{f', {refused}' if refused else ''}"


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
        outcome, said = (ABSENT, "") if content is None else outcome_of(entry.kind, content)
        counts.setdefault(entry.kind, Counter())[outcome] += 1
        if content is not None:
            repositories.add(entry.repository)
        if outcome == SAME and said:
            versions[f"{entry.kind} of {said}"] += 1
        if outcome in (REFUSED, OTHERWISE) or parts:
            print(f"{entry.kind} {entry.repository}/{entry.path}: {outcome}: {said}", flush=True)
    columns = [SAME, OPENED, OF_IMAGES, REFUSED, OTHERWISE, ABSENT]
    rows = [[kind, str(sum(of.values())), *(str(of[name]) for name in columns)] for kind, of in counts.items()]
    print(text_table(["kind", "files", *columns], rows, width=200))
    total = Counter[str]()
    for of in counts.values():
        total.update(of)
    there = sum(total.values()) - total[ABSENT]
    opened = total[SAME] + total[OPENED] + total[OF_IMAGES]
    print(f"{opened} of {there} files of {len(repositories)} repositories open, and documents are the same again")
    print("; ".join(f"{count} {name}" for name, count in sorted(versions.items())))
    return int(total[OTHERWISE] > 0)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
