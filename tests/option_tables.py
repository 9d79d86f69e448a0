"""The options of the jobs as tables of the documentation's site (docs/conf.py), made from the code."""

from __future__ import annotations

import re

from spark_model_monitor.documents.run_description import AnalysisType
from spark_model_monitor.running.configuration.contract import OPTIONS
from spark_model_monitor.running.configuration.help import describe_option, format_help
from spark_model_monitor.running.configuration.option_types import Option, flag_name, variable_name

JOBS = ("baseline", "monitor")


def list_jobs(option: Option, analysis: AnalysisType = AnalysisType.DATA_QUALITY) -> list[str]:
    """The jobs that use the option for an analysis."""
    return [job for job in JOBS if option.is_used_by(job, analysis)]


def build_option_table(analysis: AnalysisType = AnalysisType.DATA_QUALITY) -> str:
    """Every option that a data-quality job uses, as its own help says it.

    Of another analysis: those that it has in addition.
    """
    rows = ["| flag | variable | job | default | meaning |", "|---|---|---|---|---|"]
    for name, option in OPTIONS.items():
        jobs = list_jobs(option, analysis)
        if jobs and (analysis is AnalysisType.DATA_QUALITY or not list_jobs(option)):
            whose = "both" if len(jobs) == len(JOBS) else jobs[0]
            default = _read_default(name, option, jobs[0])
            cells = (
                _format_flags(name, option),
                f"`{variable_name(name, option)}`",
                whose,
                default,
                describe_option(name),
            )
            rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(rows) + "\n"


def _format_flags(name: str, option: Option) -> str:
    if not option.has_flag:
        return f"`--set {name}={option.placeholder or 'yes'}`"
    if option.opposite:
        return f"`{flag_name(name)}`, `{flag_name(option.opposite)}`"
    return f"`{flag_name(name)} {option.placeholder}`".replace(" `", "`")


def _read_default(name: str, option: Option, job: str) -> str:
    text = " ".join(format_help(job).split())
    default = re.search(rf"Variable {variable_name(name, option)}; (.*?)\.(?= |$)", text)
    assert default, name
    return default.group(1).removeprefix("default: ")


def build_merge_table() -> str:
    """Every option that the merge uses, as its own help says it."""
    rows = ["| flag | variable | default | meaning |", "|---|---|---|---|"]
    for name, option in OPTIONS.items():
        if option.is_used_by("merge", AnalysisType.DATA_QUALITY):
            default = _read_default(name, option, "merge")
            cells = (_format_flags(name, option), f"`{variable_name(name, option)}`", default, describe_option(name))
            rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(rows) + "\n"


HEADINGS = {
    AnalysisType.DATA_QUALITY: "Data quality",
    AnalysisType.MODEL_QUALITY: "Model quality, in addition",
    AnalysisType.ESTIMATED_QUALITY: "Estimated quality, in addition",
    AnalysisType.MODEL_BIAS: "Bias, in addition",
    AnalysisType.MODEL_EXPLAINABILITY: "Explainability, in addition",
}


def describe_options() -> str:
    """The tables of all options, each below its heading."""
    parts = [f"### {heading}\n\n{build_option_table(analysis)}" for analysis, heading in HEADINGS.items()]
    parts.append(f"### The merge\n\n{build_merge_table()}")
    return "\n## Every option\n\n" + "\n".join(parts)
