"""Writes the help of each job and the names of options down, so that a command prints them without what reads the flags.

python -m tests.help_texts
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from spark_model_monitor.documents.run_description import AnalysisType
from spark_model_monitor.running.configuration.command_line import help_file
from spark_model_monitor.running.configuration.contract import OPTIONS
from spark_model_monitor.running.configuration.help import format_help, format_short_help
from spark_model_monitor.running.configuration.option_types import JOBS


def help_texts() -> Iterator[tuple[Path, str]]:
    """Every file with the text that it has to have."""
    for job in JOBS:
        yield help_file(job, all_flags=False), format_short_help(job, AnalysisType.DATA_QUALITY)
        yield help_file(job, all_flags=True), format_help(job)
    names = set(OPTIONS)
    for option in OPTIONS.values():
        if option.opposite:
            names.add(option.opposite)
    lines = sorted(names)
    lines.append("")
    yield help_file("option-names", all_flags=False), "\n".join(lines)


if __name__ == "__main__":
    for path, text in help_texts():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
