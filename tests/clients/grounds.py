"""Where the package runs, by the README's own example: each ground in its environment, and the table of them in docs/engines.md.

    python -m tests.clients.grounds [docs/engines.md]

prints the table; with a file it puts the table there, between its marks. `make nightly ARGS=tests` makes the environments (2 GB).
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.environments import ROOT, find_client
from tests.programs import run_program

PROGRAM = Path(__file__).with_name("grounds_run.py")
BEGIN = "<!-- python -m tests.clients.grounds docs/engines.md -->\n"
END = "<!-- grounds end here -->\n"
HEAD = "| on | violated | files |\n|---|---|---|\n"
SAME = "same bytes"


@dataclass(frozen=True)
class Environment:
    """folder: of the clone, or None for what tests/clients pins."""

    name: str
    folder: str | None = None

    @property
    def python(self) -> Path:
        if self.folder is None:
            return find_client(self.name)
        return ROOT / self.folder / "bin" / "python"


HERE = Environment("here", ".venv")
OF_40, OF_41 = (Environment(line, f".venv-{line}") for line in ("4.0", "4.1"))
OF_42, OF_43, SAIL, POLARS, PANDAS_3 = (
    Environment(name) for name in ("spark-4.2", "spark-4.3", "sail", "polars", "pandas-3")
)


@dataclass(frozen=True)
class Ground:
    """A row. title: with the versions of libraries. kind: of `grounds_run.GROUNDS`. jvm: whether it needs one."""

    title: str
    kind: str
    environment: Environment
    jvm: bool = True

    @property
    def key(self) -> str:
        return f"{self.kind} in {self.environment.name}"


GROUNDS = (
    Ground("pandas {pandas}", "pandas", HERE, jvm=False),
    Ground("pandas {pandas}", "pandas", PANDAS_3, jvm=False),
    Ground("polars {polars}", "polars", POLARS, jvm=False),
    Ground("DuckDB {duckdb}", "DuckDB", HERE, jvm=False),
    Ground("pyarrow {pyarrow}", "pyarrow", HERE, jvm=False),
    Ground("your session, no JAR: Spark {pyspark}", "session", HERE),
    Ground("Spark {pyspark}, pandas {pandas}", "session", PANDAS_3),
    Ground("Spark {pyspark}", "session", OF_40),
    Ground("Spark {pyspark}", "session", OF_41),
    Ground("Spark {pyspark}", "session", OF_42),
    Ground("Spark {pyspark}", "session", OF_43),
    Ground("with Deequ: Spark {pyspark}", "JAR", HERE),
    Ground("Spark Connect {pyspark}", "Connect", OF_40),
    Ground("Spark Connect {pyspark}", "Connect", OF_41),
    Ground("Sail {pysail}, no JVM", "Sail", SAIL, jvm=False),
    Ground("foreachBatch, Spark {pyspark}", "foreachBatch", HERE),
)
"""The first is what the others are compared with."""


def came_out(grounds: Sequence[Ground]) -> dict[str, dict[str, Any]]:
    """What came out on each, by its key; grounds of one environment share a process, but for what starts a JVM."""
    answers = {}
    quick = [ground for ground in grounds if not ground.jvm]
    runs = [[ground] for ground in grounds if ground.jvm]
    runs += [
        [ground for ground in quick if ground.environment is environment]
        for environment in {ground.environment for ground in quick}
    ]
    for run_grounds in runs:
        for ground, line in zip(run_grounds, _run_grounds(run_grounds), strict=True):
            answers[ground.key] = json.loads(line)
    return answers


def _run_grounds(grounds: Sequence[Ground]) -> list[str]:
    """Lines of JSON. Where no JVM is needed, no Java is on the path."""
    python = grounds[0].environment.python
    variables = {
        name: text for name, text in os.environ.items() if not name.startswith(("PYSPARK_", "SPARK_", "PYTHONPATH"))
    }
    if not grounds[0].jvm:
        variables = {
            **{name: text for name, text in variables.items() if name != "JAVA_HOME"},
            "PATH": str(python.parent),
        }
    with tempfile.TemporaryDirectory() as folder:
        ended = run_program([str(python), str(PROGRAM), folder, *(ground.kind for ground in grounds)], env=variables)
    assert ended.returncode == 0, ended.stderr[-3000:]
    return [line for line in ended.stdout.splitlines() if line.startswith('{"ground"')]


def row(ground: Ground, answer: dict[str, Any], reference: dict[str, Any]) -> str:
    """The ground's line of the table."""
    title = ground.title.format_map(answer["versions"])
    ours = answer["documents"]
    theirs = reference["documents"]
    differing = sorted({name.partition("/")[2] for name in {*ours, *theirs} if ours.get(name) != theirs.get(name)})
    if differing:
        files = f"{SAME} but {' and '.join(differing)}"
    else:
        files = SAME
    return f"| {title} | {', '.join(answer['violated'])} | {files} |\n"


def table(answers: dict[str, dict[str, Any]]) -> str:
    reference = answers[GROUNDS[0].key]
    return HEAD + "".join(row(ground, answers[ground.key], reference) for ground in GROUNDS)


def read_table(page: str) -> str:
    """The table that stands in a page."""
    return page.partition(BEGIN)[2].partition(END)[0]


if __name__ == "__main__":
    new_table = table(came_out(GROUNDS))
    if sys.argv[1:]:
        file = Path(sys.argv[1])
        text = file.read_text(encoding="utf-8")
        file.write_text(text.replace(BEGIN + read_table(text), BEGIN + new_table), encoding="utf-8")
    else:
        print(new_table, end="")
