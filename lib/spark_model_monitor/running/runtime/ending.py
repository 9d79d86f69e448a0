"""How a monitoring run that completed ends: its message, and its exit status by its outcome."""

from __future__ import annotations

import os
from shutil import get_terminal_size
from typing import TYPE_CHECKING, TextIO

from spark_model_monitor.documents.change_description import describe_change
from spark_model_monitor.documents.headline import count_rules
from spark_model_monitor.documents.json_text import Json
from spark_model_monitor.documents.outcome import Outcome
from spark_model_monitor.documents.page import list_names
from spark_model_monitor.running.configuration.option_types import FailOn
from spark_model_monitor.running.runtime.status import CANNOT_TELL, ExitStatus, completed

if TYPE_CHECKING:
    from spark_model_monitor.running.configuration.contract import JobConfig
    from spark_model_monitor.running.runs.results import Findings


def describe_end(findings: Findings, config: JobConfig) -> tuple[str, ExitStatus]:
    """The exit message and the exit status of a run. A replay of the service has the service's words only."""
    sentences = []
    if not config.replays_service:
        # Skipped rules have a sentence of their own
        skipped_names = {check_result.full_name for check_result in findings.results if check_result.is_skipped_rule}
        unsure_names = [feature.name for feature in findings.unsure if feature.name not in skipped_names]
        if unsure_names:
            sentences.append(CANNOT_TELL.format(names=list_names(unsure_names)))
        if skipped_names:
            sentences.append(f"{count_rules(findings.results)}.")
    return completed(findings.count, " ".join(sentences)), exit_status(findings.outcome, config.fails_on)


def show_findings(findings: Findings, stream: TextIO) -> bool:
    """Write the sentence and the table of a run to a terminal, or for the summary of a workflow's step on GitHub.

    Returns whether the stream is a terminal.
    """
    is_terminal = stream.isatty()
    # Any other stream belongs to whoever called the job
    if not is_terminal and not os.environ.get("GITHUB_ACTIONS"):
        return False
    # A terminal may show values of the data: nobody keeps it. A workflow keeps its logs
    if is_terminal:
        is_coloured = not os.environ.get("NO_COLOR")  # no-color.org
        text = findings.text(width=get_terminal_size().columns, is_coloured=is_coloured)
    else:
        text = findings.without_values.text()
    # A terminal without UTF-8 shows question marks instead of failing the run
    encoding = stream.encoding or "utf-8"
    stream.write(text.encode(encoding, "replace").decode(encoding))
    stream.flush()
    return is_terminal


def describe_result(findings: Findings, *, output_path: str | None = None, page: str | None) -> dict[str, Json]:
    """A run for --json: outcome, sentence, next step, and each change."""
    # Programs pass the result on and keep it, so it has no values of the data
    public_findings = findings.without_values
    headline = public_findings.headline()
    outcome = findings.outcome
    changes = [
        {"name": violation.full_name, "check": violation.check, "change": describe_change(violation)}
        for violation in public_findings.results
        if violation.is_violation
    ]
    return {
        "outcome": outcome.value if outcome else None,
        "headline": headline.text,
        "next_step": headline.next_step or None,
        "changes": changes,
        "output_path": output_path,
        "page": page,
    }


def exit_status(outcome: Outcome | None, fail_on: FailOn | None) -> ExitStatus:
    """The exit status of a run that completed. fail_on: the outcomes that have a status of their own."""
    if outcome is Outcome.CHANGED and fail_on is not None:
        return ExitStatus.VIOLATIONS
    if outcome is Outcome.CANNOT_TELL and fail_on is FailOn.CANNOT_TELL:
        return ExitStatus.CANNOT_TELL
    return ExitStatus.COMPLETED
