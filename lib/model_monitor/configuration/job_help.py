"""The text of a job's --help, from the table of options in `contract.py`."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from enum import Enum

from model_monitor.configuration.contract import OPTIONS, JobConfig
from model_monitor.configuration.options import AnalysisType, Option
from model_monitor.configuration.sources import flag_of, variable_of

WIDTH = 110

HEADER = """\
usage: ./spark-submit.sh jobs/{job}.py [OPTIONS OF SPARK] FLAGS
       model-monitor submit {job} [OPTIONS OF SPARK] FLAGS

Every flag is also a variable. The first of these that has it counts: the flag, the environment, the file of
--env-file, `Environment` in the container's processingjobconfig.json, the default. Blank counts as not given.
"""

UNUSED = "Accepted, because the container's contract has them, and without effect on this job:"


def help_text(job: str) -> str:
    """Every flag of a job with its meaning, variable and default."""
    used = {name: option for name, option in sorted(OPTIONS.items(), key=_of_few) if _is_used(option, job)}
    unused = [flag_of(name) for name, option in OPTIONS.items() if name not in used and not option.ours]
    blocks = [HEADER.format(job=job), *(_block(name, option, job) for name, option in used.items())]
    if unused:
        blocks.append("\n".join(["", UNUSED, *textwrap.wrap(", ".join(unused), WIDTH - 2)]))
    return "\n".join(blocks) + "\n"


def _of_few(named: tuple[str, Option]) -> bool:
    """Whether the default analysis has no use for an option: those come last."""
    return AnalysisType.DATA_QUALITY not in named[1].analyses


def _is_used(option: Option, job: str) -> bool:
    return any(option.is_used_by(job, analysis) for analysis in AnalysisType)


def _block(name: str, option: Option, job: str) -> str:
    head = f"  {flag_of(name)} {option.placeholder}".rstrip()
    if option.opposite:
        head = f"  {flag_of(name)}, {flag_of(option.opposite)}"
    return "\n".join([head, *(f"      {line}" for line in _lines(name, option, job))])


def _lines(name: str, option: Option, job: str) -> Iterator[str]:
    yield from textwrap.wrap(option.help, WIDTH - 6)
    scope = "" if len(option.analyses) == len(AnalysisType) else f" Only for {', '.join(option.analyses)}."
    yield from textwrap.wrap(f"Variable {variable_of(name, option)}; {_default(name, option, job)}.{scope}", WIDTH - 6)


def _default(name: str, option: Option, job: str) -> str:
    field = JobConfig.model_fields[name]
    if job in option.presets:
        return f"default: {option.presets[job]}"
    if job in option.required_by:
        return "required"
    if option.default is not None:
        return f"default: {option.default}"
    if field.is_required() or field.default == "":
        return "required"
    value = field.default.value if isinstance(field.default, Enum) else field.default
    if value is None:
        return "no default"
    return f"default: {('no', 'yes')[value] if isinstance(value, bool) else value}"
