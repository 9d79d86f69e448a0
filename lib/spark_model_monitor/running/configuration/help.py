"""The texts of a job's --help and --help-all, and of shell completion, from the table of options in `contract.py`."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from functools import cache
from itertools import pairwise

from spark_model_monitor.documents.run_description import AnalysisType
from spark_model_monitor.running.configuration.command_line import LOG_FLAGS
from spark_model_monitor.running.configuration.contract import OPTIONS, JobConfig, find_enum
from spark_model_monitor.running.configuration.option_types import JOBS, Option, flag_name, variable_name

WIDTH = 110

HEADER_TEMPLATE = """\
usage: ./spark-submit.sh jobs/{job}.py [OPTIONS OF SPARK] FLAGS
       spark-model-monitor submit {job} [OPTIONS OF SPARK] FLAGS

Every flag is also a variable, and a key of the project file. The first source that sets it wins: the flag, the
environment, the file of --env-file, the project file (spark-model-monitor.yaml, or [tool.spark-model-monitor] in
pyproject.toml, of the current folder), `Environment` in the container's processingjobconfig.json, the default. An
empty value means "not set".

  --quiet, --verbose
      Log only warnings, errors and the verdict; or also where each option is from, and what libraries do.
  --json
      Print the result as a JSON object on the standard output.
  --set NAME=VALUE
      Set any flag or setting; repeatable.
"""

SETTINGS_HEADING = """
Settings have no flag. Write --set NAME=VALUE, the key in the project file, or the variable:
"""

UNUSED_HEADING = "Accepted, because the container's contract has them, but without effect on this job:"

SCREEN_WIDTH = 80  # columns of --help

SHORT_HELP_TEMPLATE = """\
usage: spark-model-monitor {job} PATH{needed} [FLAGS]

{first}

Other flags{scope}:
{groups}

Example: {example}
--quiet, --verbose and --json choose what is printed; --set NAME=VALUE sets more
--help-all explains these and all settings
{others}"""

MAIN_OPTIONS = {
    "baseline": ("dataset_source", "output_path", "dataset_format", "analysis_type", "exclude_features_attribute"),
    "monitor": ("dataset_source", "baseline", "output_path", "dataset_format", "fail_on_violations"),
    "merge": ("dataset_source", "ground_truth_source", "output_path", "scheduled_time", "late_labels"),
}
"""The options that people need first, by job."""

EXAMPLES = {
    "baseline": "spark-model-monitor baseline march.csv",
    "monitor": "spark-model-monitor monitor april.csv --baseline march-baseline",
    "merge": "spark-model-monitor merge captures/ --ground-truth-source labels/",
}

GROUPS = {
    "window": ("start_time", "end_time", "scheduled_time"),
    "baseline": ("baseline_constraints", "baseline_statistics", "threshold", "thresholds", "columns"),
    "data": (
        "exclude_features_attribute",
        "record_preprocessor_script",
        "missing_values",
        "sample",
        "as_of",
        "since",
        "max_quarantined_share",
        "inference_attribute",
        "probability_attribute",
        "ground_truth_attribute",
    ),
    "alerts": ("sink", "values"),
    "run": (
        "analysis_type",
        "engine",
        "compat",
        "report",
        "fail_on",
        "junit",
        "post_analytics_processor_script",
        "max_runtime",
        "progress",
        "env_file",
        "remote",
        "results_table",
    ),
}
"""Flags by their heading in --help; all other flags come below the heading `analysis`, or `labels` for the merge job."""


def format_short_help(job: str, analysis: AnalysisType) -> str:
    """A screen of help: the flags that people need first, and the names of the analysis's other flags."""
    # Only flags that this analysis takes; settings are left to --help-all
    used_options = {name: option for name, option in OPTIONS.items() if option.is_used_by(job, analysis)}
    further_names = [name for name in used_options if name not in MAIN_OPTIONS[job] and used_options[name].has_flag]
    names_by_heading = {heading: [name for name in further_names if name in names] for heading, names in GROUPS.items()}
    ungrouped_names = [name for name in further_names if not any(name in names for names in GROUPS.values())]
    heading = "labels" if job == "merge" else "analysis"
    groups = {**names_by_heading, heading: ungrouped_names}
    return SHORT_HELP_TEMPLATE.format(
        job=job,
        needed=" --baseline DIRECTORY" if job == "monitor" else "",
        first="\n".join(
            _wrap_text(f"  {flag_name(name)} {used_options[name].placeholder}\n      {_describe_with_default(name)}", 6)
            for name in MAIN_OPTIONS[job]
        ),
        scope="" if job == "merge" else f" of {analysis.value}",
        others="" if job == "merge" else "--analysis-type TYPE --help lists those of another analysis\n",
        groups="\n".join(
            _wrap_text(f"  {heading:9}{', '.join(map(flag_name, names))}", 11)
            for heading, names in groups.items()
            if names
        ),
        example=EXAMPLES[job],
    )


@cache
def _read_sentences() -> Mapping[str, str]:
    """The sentences below each option in `contract.py`. Only a request for help reads them."""
    # Python drops the texts below fields, so they are read from the source code
    [config] = ast.parse(inspect.getsource(JobConfig)).body
    assert isinstance(config, ast.ClassDef)
    documented_fields = (
        (ast.unparse(field.target), ast.literal_eval(text.value))
        for field, text in pairwise(config.body)
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr)
    )
    return {name: " ".join(text.split()) for name, text in documented_fields}


def describe_option(name: str) -> str:
    """The one or two sentences that `contract.py` has on an option."""
    return _read_sentences()[name].replace("{choices}", OPTIONS[name].choices or ", ".join(_list_option_values(name)))


def _describe_with_default(name: str) -> str:
    default = OPTIONS[name].default
    if default:
        return f"{describe_option(name)} Default: {default}."
    return describe_option(name)


def _wrap_text(text: str, indent: int) -> str:
    """Lines of a screen's width, with continuation lines indented."""
    return "\n".join(
        "\n".join(textwrap.wrap(line, SCREEN_WIDTH, subsequent_indent=" " * indent, break_on_hyphens=False))
        for line in text.splitlines()
    )


def format_help(job: str) -> str:
    """Every flag of a job with its meaning, variable and default."""
    # Options that the default analysis doesn't use come last
    names = sorted(OPTIONS, key=lambda name: AnalysisType.DATA_QUALITY not in OPTIONS[name].analyses)
    used_options = {name: OPTIONS[name] for name in names if OPTIONS[name].list_analyses(job)}
    # The container's contract has flags for all jobs; those without effect are listed last, by name alone
    unused_flags = [
        flag_name(name)
        for name, option in OPTIONS.items()
        if name not in used_options and option.has_flag and not option.is_valid_name
    ]
    with_flags = [_format_option(name, option, job) for name, option in used_options.items() if option.has_flag]
    settings = [_format_option(name, option, job) for name, option in used_options.items() if not option.has_flag]
    blocks = [HEADER_TEMPLATE.format(job=job), *with_flags, SETTINGS_HEADING, *settings]
    if unused_flags:
        blocks.append("\n".join(["", UNUSED_HEADING, *textwrap.wrap(", ".join(unused_flags), WIDTH - 2)]))
    return "\n".join(blocks) + "\n"


def _format_option(name: str, option: Option, job: str) -> str:
    head = f"  {flag_name(name)} {option.placeholder}".rstrip()
    if not option.has_flag:
        head = f"  {name} {option.placeholder or 'yes|no'}"
    elif option.opposite:
        head = f"  {flag_name(name)}, {flag_name(option.opposite)}"
    return "\n".join([head, *(f"      {line}" for line in _format_option_lines(name, option, job))])


def _format_option_lines(name: str, option: Option, job: str) -> Iterator[str]:
    # Lines are indented by six columns, within the width of a terminal
    yield from textwrap.wrap(describe_option(name), WIDTH - 6)
    analyses = option.list_analyses(job)
    if len(analyses) == len(AnalysisType):
        scope = ""
    else:
        scope = f" Only for {', '.join(analyses)}."
    yield from textwrap.wrap(
        f"Variable {variable_name(name, option)}; {_format_default(name, option, job)}.{scope}", WIDTH - 6
    )


def _format_default(name: str, option: Option, job: str) -> str:
    field = JobConfig.model_fields[name]
    # A preset of the job comes before the default of the field
    if job in option.presets:
        return f"default: {option.presets[job]}"
    if job in option.required_by:
        return "required"
    if option.default is not None:
        return f"default: {option.default}"
    if field.is_required() or field.default == "":
        return "required"
    if isinstance(field.default, Enum):
        value = field.default.value
    else:
        value = field.default
    if value is None:
        return "no default"
    if isinstance(value, bool):
        value = "yes" if value else "no"
    return f"default: {value}"


FISH_TEMPLATE = """\
complete -c spark-model-monitor -n __fish_use_subcommand -f -a "{commands}"
{flags}
"""

ZSH_PREFIX = "autoload -Uz compinit bashcompinit && compinit && bashcompinit\n"

BASH_TEMPLATE = """\
_spark_model_monitor() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} command=${{COMP_WORDS[1]}} words=
    [[ $command == submit ]] && command=${{COMP_WORDS[2]}}
    case ${{COMP_WORDS[COMP_CWORD-1]}} in
        spark-model-monitor|*/spark-model-monitor) words="{commands}" ;;
{values}
        *) [[ $word == -* ]] && case $command in
{flags}
        esac ;;
    esac
    COMPREPLY=($(compgen -W "$words" -- "$word"))
}}
complete -o default -F _spark_model_monitor spark-model-monitor
"""


def completion_script(shell: str, commands: Mapping[str, Sequence[str]]) -> str:
    """The script that a shell's start file evaluates. commands: the flags of each command; the flags of jobs are added."""
    flags = {job: [*map(flag_name, _list_flag_names(job)), *LOG_FLAGS, "--set"] for job in JOBS}
    if shell == "fish":
        return _write_fish_completion({**commands, **flags})
    values = {flag_name(name): choices for name in OPTIONS if (choices := _list_option_values(name))}
    bash = BASH_TEMPLATE.format(
        commands=" ".join(commands), values=_format_cases(values), flags=_format_cases({**commands, **flags})
    )
    # zsh runs bash's completions if this line precedes them
    if shell == "zsh":
        return f"{ZSH_PREFIX}{bash}"
    return bash


def _write_fish_completion(flags_by_command: Mapping[str, Sequence[str]]) -> str:
    lines = []
    for command, flags in flags_by_command.items():
        for flag in flags:
            values = _list_option_values(flag.removeprefix("--").replace("-", "_"))
            # -x: the flag takes one of these values, not a file
            choices = f' -x -a "{" ".join(values)}"' if values else ""
            lines.append(
                f"complete -c spark-model-monitor -n '__fish_seen_subcommand_from {command}' -l {flag[2:]}{choices}"
            )
    return FISH_TEMPLATE.format(commands=" ".join(flags_by_command), flags="\n".join(lines))


def _format_cases(words: Mapping[str, Sequence[str]]) -> str:
    return "\n".join(f'        {name}) words="{" ".join(completions)}" ;;' for name, completions in words.items())


def _list_flag_names(job: str) -> list[str]:
    used_options = {name: option for name, option in OPTIONS.items() if option.list_analyses(job) and option.has_flag}
    return [*used_options, *(option.opposite for option in used_options.values() if option.opposite)]


def _list_option_values(name: str) -> list[str]:
    """The values among which an option chooses; empty for an option that takes other values."""
    if name not in JobConfig.model_fields:
        return []
    return [str(member.value) for member in find_enum(JobConfig.model_fields[name]) or ()]
