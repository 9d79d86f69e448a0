"""The names that the package and the command had before the package index gave them to somebody else don't come back."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OLD_NAME = re.compile(r"(?<!spark[_-])model[_-]monitor")

STAYS = {
    "metrics of Prometheus, and a view in Spark": r"model_monitor_(?=[\w{\\])",
    "tags in MLflow": r"model_monitor\.(?=\{name\}|…|\")",
    "a member of archives, and the SDK's module under our name": r"[\"`]model_monitor[\"`]|, model_monitor, (?:processing, )?s3",
    "folders that installations have": r"model-monitor-(?:home|capture-)",
    "the SDK's default folder and bucket": r"model-monitor/(?:baselining|data-capture|monitoring)/?|= \"model-monitor\"",
    "the service's names": r"model[_-]monitoring",
    "the SDK's modules": r"sagemaker(?:\.core)?\.model_monitor",
    "public repositories and notebooks": (
        r"(?:sm-|04_|marckarp/|clarify_|debugger-|sagemaker[_-]|unit/|dg/|goldmermaid/)model[_-]monitor(?=[_/@,. -]|\b)"
    ),
}
"""Uses of the old name that are right, by what they name."""

FOLDERS = ("lib", "jobs", "tests", "docs", "examples", "benchmarks", "conf", "docker", "requirements", ".github", ".ci")
EXCEPT = {Path(__file__).name, "CHANGELOG.md", "spark_model_monitor.egg-info"}
"""This file, the one that tells users what the old names were, and what setuptools leaves."""

SUFFIXES = {"", ".conf", ".css", ".env", ".html", ".ipynb", ".j2", ".js", ".json", ".md", ".properties", ".py", ".sh"}
SUFFIXES |= {".svg", ".toml", ".txt", ".yaml", ".yml"}


def wrong_uses(text: str) -> list[str]:
    """The lines of a text that have the old name where the new one belongs."""
    if not OLD_NAME.search(text):
        return []
    right_uses = re.compile("|".join(STAYS.values()))
    return [line.strip() for line in text.splitlines() if OLD_NAME.search(right_uses.sub("", line))]


@pytest.mark.long
def test_the_old_name_is_nowhere_but_where_it_stays():
    paths = list(ROOT.glob("*"))
    for folder in FOLDERS:
        paths += (ROOT / folder).rglob("*")
    texts = [path for path in paths if path.suffix in SUFFIXES and path.is_file() and not EXCEPT & {*path.parts}]

    uses = [f"{path.relative_to(ROOT)}: {line}" for path in texts for line in wrong_uses(path.read_text("utf-8"))]
    assert len(texts) > 1000
    assert uses == [], (
        "write spark_model_monitor for the package, spark-model-monitor for the command and the distribution"
    )


@pytest.mark.parametrize(
    "line",
    [
        "from model_monitor import run_baseline",
        "import model_monitor",
        "import model_monitor.sagemaker as sagemaker",
        "python -m model_monitor.spark.launch.java",
        "lib/model_monitor/cli/__init__.py",
        "model-monitor monitor april.csv",
        ".venv/bin/model-monitor baseline march.csv",
        "pip install 'model-monitor[s3]'",
        "/opt/model-monitor/bin",
        "model-monitor-demo",
        "sagemaker.model_monitor is what model_monitor.sagemaker stands for",
    ],
)
def test_a_use_of_the_old_name_for_ours_is_found(line):
    assert wrong_uses(f"first\n{line}\nlast") == [line]
