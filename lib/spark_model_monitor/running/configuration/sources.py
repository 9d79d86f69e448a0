"""The texts of a job's options, from flags, variables and files, each with its location. Driver only.

For each option the text from the source with the highest priority counts; a blank text counts as not set. Nothing is validated
here, and no default is chosen: `inferred_options.py` fills in what the data or the baseline shows, and `reading.py` validates.

Source: C1.4 for the order: --env-file and the project file are ours and come right below the environment.
"""

from __future__ import annotations

import difflib
import json
from collections import ChainMap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from spark_model_monitor.documents.json_text import Json
from spark_model_monitor.errors import BadConfiguration, suggest_names
from spark_model_monitor.reports.sinks import SMTP_VARIABLES, WEBHOOK_SECRET
from spark_model_monitor.running.configuration.command_line import LOG_FLAGS, PROCESSING_JOB_FILES
from spark_model_monitor.running.configuration.contract import OPTIONS
from spark_model_monitor.running.configuration.option_types import PREFIX, flag_name, read_switch, variable_name
from spark_model_monitor.running.configuration.project_file import read_project_file
from spark_model_monitor.value_class import value_class

if TYPE_CHECKING:
    from dotenv.parser import Binding


OTHER_VARIABLES = (
    "MODEL_MONITOR_CACHE",
    "MODEL_MONITOR_DEEQU_JAR",
    "MODEL_MONITOR_MAVEN_MIRROR",
    "MODEL_MONITOR_HOME",
    "MODEL_MONITOR_S3_ROOT",
    "MODEL_MONITOR_FLEET",
    "MODEL_MONITOR_STATE",
    *SMTP_VARIABLES,
    WEBHOOK_SECRET,
)
"""Variables with our prefix that are not options of a job."""

BASELINE_FILES = ("baseline_constraints", "baseline_statistics")
"""The options of a baseline's files, which `baseline` names at once."""


@value_class
class LocatedText:
    """The text of an option, and its location as errors name it: "--output-path", "conf/a.env: output_path"."""

    text: str
    location: str


Kind = TypeVar("Kind", list[Any], dict[str, Json])

TextsByName: TypeAlias = Mapping[str, str]  # of variables or options, by name

Layer: TypeAlias = dict[str, LocatedText]  # the options of one source, by name

Faults: TypeAlias = dict[str, str | None]  # sentence -> the option that it is about, None if it is about several


@value_class
class Sources:
    """The texts of all options, and what is wrong with the sources themselves.

    Attributes
    ----------
    values: The text of each option from the source with the highest priority.
    errors: Sentence -> the option that it is about, None if it is about several.
    doubtful: Names that resemble our options but are unknown.
    chosen: Sentences for the log on values that were inferred.
    """

    values: Layer
    errors: Mapping[str, str | None] = field(default_factory=dict)
    doubtful: tuple[str, ...] = ()
    chosen: tuple[str, ...] = ()

    def text(self, name: str) -> str | None:
        """The text of an option; None if no source sets it."""
        if name in self.values:
            return self.values[name].text
        return None


def read_sources(arguments: Sequence[str], environment: TextsByName, *, project: Path | None = Path()) -> Sources:
    """The texts of all options from flags, environment and files, with errors; no default is chosen yet.

    env_file and container_root name further sources, so they are read from the sources with higher priority. project: the
    folder of the project file; None if neither it nor a container's files count.
    """
    # Sentences with the option that each is about: further errors of that option would only repeat it
    errors: Faults = {}
    # Layers in the order of their priority: of an option the first counts
    layers = [_read_flags(arguments, errors), _read_variables(environment, "variable {}")]
    doubtful = _find_doubtful_names(environment, "variable {}", only_prefixed=True)

    env_file = ChainMap(*layers).get("env_file")
    if env_file:
        variables = _read_env_file(env_file, errors)
        layers.append(_read_variables(variables, f"{env_file.text}: {{}}"))
        doubtful += _find_doubtful_names(variables, f"{env_file.text}: {{}}", only_prefixed=False)

    if project:
        layers.append(_read_project(project, errors))
        root = ChainMap(*layers).get("container_root", LocatedText("/", ""))
        if not Path(root.text).is_dir():
            errors[f"{root.location} is {root.text!r}, where there is no directory"] = "container_root"
        # The lowest priority: what a processing job was created with
        for relative in PROCESSING_JOB_FILES:
            path = Path(root.text) / relative
            layers.append(_read_variables(_read_processing_job(path, errors), f"{path}: Environment.{{}}"))
    return Sources(dict(ChainMap(*layers)), errors, tuple(doubtful))


def _read_flags(arguments: Sequence[str], errors: Faults) -> Layer:
    """The options of a command line, written `--flag value` or `--flag=value`.

    If a flag is repeated, its last value counts; if its option is repeatable, all values count, joined by commas.
    """
    flags = _list_flags()
    free_option = next((name for name, option in OPTIONS.items() if option.is_positional), "")
    text_by_option: Layer = {}
    remaining = list(arguments)
    while remaining:
        flag, equals, text = remaining.pop(0).partition("=")
        # A single argument without a flag is the path of the data, at any position
        if free_option and free_option not in text_by_option and not flag.startswith("-"):
            text_by_option[free_option] = LocatedText(flag + equals + text, flag_name(free_option))
            continue
        # The set-up of logging has read these already
        if flag in LOG_FLAGS:
            continue
        # --set sets any option, and is the only way to set those without a flag
        if flag == "--set":
            setting = text if equals else "".join(remaining[:1])
            del remaining[: not equals]
            _read_setting(setting, text_by_option, errors)
            continue
        if flag not in flags:
            # Python's spelling with underscores is the most common mistake
            hyphenated = flag.replace("_", "-")
            # Flags that begin with it or have it as a whole word are nearer than those of like spelling
            near_flags = [
                known_flag
                for known_flag in flags
                if known_flag.startswith(hyphenated) or f"-{hyphenated.strip('-')}-" in f"{known_flag}-"
            ] or difflib.get_close_matches(hyphenated, flags)
            errors[_describe_unknown_flag(flag, near_flags)] = flags[near_flags[0]][0] if near_flags else None
            if not equals and remaining and not remaining[0].startswith("--"):
                remaining.pop(0)  # the flag's value: not a further error
            continue
        name, is_positive = flags[flag]
        # A flag with a placeholder takes a value; the others are switches
        if OPTIONS[name].placeholder:
            # A value that looks like a flag has to be written behind =
            if not equals and (not remaining or remaining[0].startswith("--")):
                errors[f"{flag} has no value; write {flag} {OPTIONS[name].placeholder}"] = name
                continue
            text = text if equals else remaining.pop(0)
        else:
            text = _resolve_switch(text if equals else "true", is_positive)
        # An empty value means "not set": variables in scripts are often empty
        if text.strip():
            earlier_values = ""
            if OPTIONS[name].is_repeatable and name in text_by_option:
                earlier_values = f"{text_by_option[name].text},"
            text_by_option[name] = LocatedText(earlier_values + text, flag)
    return text_by_option


def _read_setting(setting: str, text_by_option: Layer, errors: Faults) -> None:
    """Adds the option of `--set NAME=VALUE` to `text_by_option`."""
    # A name may be spelt with hyphens, like a flag
    written_name, equals, text = setting.partition("=")
    name = written_name.strip().replace("-", "_")
    if not equals:
        errors[f"--set is {setting!r}; write --set NAME=VALUE, such as --set lease_wait=PT1H"] = None
    elif name not in OPTIONS:
        hint = suggest_names(name, OPTIONS, "--help-all lists them", shown=str)
        errors[f"--set names {written_name!r}, which is no option; {hint}"] = None
    elif text.strip():
        text_by_option[name] = LocatedText(text, f"--set {name}")


PAGE_FLAGS = ("--html", "--pdf", "--page", "--ipynb")
"""Flags that people try in order to get a page; this job has none of them."""


def _describe_unknown_flag(flag: str, near_flags: Sequence[str]) -> str:
    if not flag.startswith("--"):
        return f"{flag!r} belongs to no flag; write --FLAG VALUE, quote values with blanks, and name the folder of several files"
    # Other commands have such a flag, so people expect it here
    if flag in PAGE_FLAGS:
        return f"{flag} is no flag of this job: report.html is written by default, and --no-report leaves it out"
    return f"{flag} is no flag of this job; " + (
        f"did you mean {near_flags[0]}?" if near_flags else "--help lists the flags"
    )


def _read_variables(variables: TextsByName, location_template: str) -> Layer:
    text_by_option: Layer = {}
    for variable, (name, is_positive) in _list_variables().items():
        # Containers set unused variables to empty texts
        text = variables.get(variable)
        if text and text.strip():
            text_by_option[name] = LocatedText(
                text if is_positive else _resolve_switch(text, is_positive), location_template.format(variable)
            )
    return text_by_option


@cache
def _list_flags() -> Mapping[str, tuple[str, bool]]:
    """By flag: its option, and whether the flag is named after the option (True) or after its opposite (False)."""
    flags = {flag_name(name): (name, True) for name in OPTIONS}
    return flags | {flag_name(option.opposite): (name, False) for name, option in OPTIONS.items() if option.opposite}


@cache
def _list_variables() -> Mapping[str, tuple[str, bool]]:
    """By variable: the same as `_list_flags`."""
    variables = {}
    for name, option in OPTIONS.items():
        variables[variable_name(name, option)] = (name, True)
        if option.opposite:
            variables[variable_name(option.opposite, option)] = (name, False)
    return variables


def _resolve_switch(text: str, is_positive: bool) -> str:
    """ "true" or "false" for `--progress=TEXT` or, if not positive, `--no-progress=TEXT`; another text is returned unchanged."""
    try:
        return str(read_switch(text) == is_positive).lower()
    except ValueError:
        # The validation of the option reports the text, with its location
        return text


def _find_doubtful_names(variables: TextsByName, location_template: str, *, only_prefixed: bool) -> list[str]:
    """Unknown names that are probably meant for us: with our prefix, or an option's name without it; in a file of variables
    also a name in capitals, or similar to one of our names.
    """
    known_names = _list_variables().keys()
    doubtful_names = []
    for name in sorted(variables.keys() - known_names - set(OTHER_VARIABLES)):
        variable = f"{PREFIX}{name.upper()}"
        hint = ""
        # In the environment, names in capitals belong to other programs
        if variable in known_names and (name.islower() or not only_prefixed):
            hint = f" (write {variable})"
        elif only_prefixed and not name.startswith(PREFIX):
            continue
        # A similarity of 85 % catches typos, but few variables of other programs
        elif nearest := difflib.get_close_matches(name, known_names, n=1, cutoff=0.85):
            hint = f" (did you mean {nearest[0]}?)"
        if hint or name.startswith(PREFIX):
            doubtful_names.append(location_template.format(name) + hint)
    return doubtful_names


def _read_env_file(env_file: LocatedText, errors: Faults) -> dict[str, str]:
    from dotenv.parser import parse_stream  # loaded only if there is such a file

    try:
        # Editors of Windows begin a file with a byte order mark
        with open(env_file.text, encoding="utf-8-sig") as file:
            return dict(_read_bindings(env_file.text, parse_stream(file), errors))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", "it is not UTF-8 text")
        fault = (
            f"{env_file.location} is {env_file.text!r}, which can't be read ({reason}); write the path of a local file"
        )
        errors[fault] = None
        return {}


def _read_bindings(path: str, bindings: Iterable[Binding], errors: Faults) -> Iterator[tuple[str, str]]:
    for binding in bindings:
        # The parser raises no error for a name without a value, or for an open quote
        if binding.error or (binding.key and binding.value is None):
            line = binding.original.line
            errors[f"{path}: line {line} is not NAME=VALUE; quote a value that has quotes or # in it"] = None
        elif binding.key and binding.value is not None:
            yield binding.key, binding.value


def _read_project(folder: Path, errors: Faults) -> Layer:
    try:
        file_name, texts = read_project_file(folder, OPTIONS)
    except BadConfiguration as error:
        errors.update(dict.fromkeys(str(error).splitlines()))
        return {}
    return {name: LocatedText(text, f"{file_name}: {name}") for name, text in texts.items() if text.strip()}


def _read_processing_job(path: Path, errors: Faults) -> dict[str, str]:
    """The `Environment` of the container's configuration file; empty if there is no such file."""
    try:
        variables = get_member(read_json_object(path), "Environment", dict, path)
    except BadConfiguration as error:
        errors[str(error)] = None
        return {}
    # The service writes texts; numbers in a file written by hand are fine as well
    return {str(name): str(value) for name, value in variables.items()}


def read_json_object(path: Path) -> dict[str, Json]:
    """The JSON object in a file of a container; empty if the file is absent, as outside a container."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise BadConfiguration(
            f"{path} can't be read as JSON ({type(error).__name__}); correct or remove it"
        ) from error
    if not isinstance(document, dict):
        raise BadConfiguration(f"{path} has to be a JSON object; correct or remove it")
    return document


def get_member(document: Mapping[str, Json], name: str, kind: type[Kind], path: Path) -> Kind:
    """A member of a JSON object; an empty value of its type if the object doesn't have the member."""
    member = document.get(name) or kind()
    if not isinstance(member, kind):
        raise BadConfiguration(
            f"{path}: {name} has to be {'a list' if kind is list else 'an object'}; correct or remove it"
        )
    return member
