"""What a shell completes behind `model-monitor`: commands, their flags, and the values of flags that take one of a few."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import get_args

from model_monitor.configuration.contract import OPTIONS, JobConfig
from model_monitor.configuration.options import JOBS
from model_monitor.configuration.sources import flag_of

OF_ZSH = "autoload -Uz compinit bashcompinit && compinit && bashcompinit\n"

OF_BASH = """\
_model_monitor() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} command=${{COMP_WORDS[1]}} words=
    [[ $command == submit ]] && command=${{COMP_WORDS[2]}}
    case ${{COMP_WORDS[COMP_CWORD-1]}} in
        model-monitor|*/model-monitor) words="{commands}" ;;
{values}
        *) [[ $word == -* ]] && case $command in
{flags}
        esac ;;
    esac
    COMPREPLY=($(compgen -W "$words" -- "$word"))
}}
complete -o default -F _model_monitor model-monitor
"""


def script(shell: str, commands: Mapping[str, Sequence[str]]) -> str:
    """What a shell's start file evaluates. commands: the flags of each, those of jobs among them or not."""
    flags = {job: [flag_of(name) for name in _names(job)] for job in JOBS}
    values = {flag_of(name): found for name in OPTIONS if (found := _values(name))}
    bash = OF_BASH.format(
        commands=" ".join(commands),
        values=_cases(values),
        flags=_cases({**commands, **flags}),
    )
    return (OF_ZSH if shell == "zsh" else "") + bash


def _cases(words: Mapping[str, Sequence[str]]) -> str:
    return "\n".join(f'        {name}) words="{" ".join(each)}" ;;' for name, each in words.items())


def _names(job: str) -> list[str]:
    used = {name: option for name, option in OPTIONS.items() if option.analyses_of(job)}
    return [*used, *(option.opposite for option in used.values() if option.opposite)]


def _values(name: str) -> list[str]:
    """The values that an option takes; none if there is no list of them."""
    annotation = JobConfig.model_fields[name].annotation
    kinds = [kind for kind in (annotation, *get_args(annotation)) if isinstance(kind, type) and issubclass(kind, Enum)]
    return [str(member.value) for kind in kinds for member in kind]
