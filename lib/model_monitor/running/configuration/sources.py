"""Where a job's configuration comes from: flags, environment, --env-file and the processing-job configuration file.

Gives, for each option, the text of the highest source that has it, with the words that name the place in an error. What
is judged here is only whether a source can be read; `contract.py` reads the texts. A blank text counts as not given.

Source: C1.4 for the order: --env-file is ours and comes right below the environment.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dotenv.parser import Binding, parse_stream

from model_monitor.reports.sinks import mail, webhook
from model_monitor.running.configuration.options import Option, read_switch

PREFIX = "MODEL_MONITOR_"
OTHER_VARIABLES = (
    *("MODEL_MONITOR_CACHE", "MODEL_MONITOR_DEEQU_JAR", "MODEL_MONITOR_MAVEN_MIRROR", "MODEL_MONITOR_HOME"),
    "MODEL_MONITOR_S3_ROOT",
    *(*mail.VARIABLES, webhook.SECRET),
)
"""Variables with our prefix that are no options of a job."""

PROCESSING_JOB_FILES = ("opt/ml/config/processingjobconfig.json", "opt/ml/processing/processingjobconfig.json")
"""Where the container's configuration may lie; the second is a slip of the guide that is looked at as well."""


@dataclass(frozen=True)
class Given:
    """A text and the words that name where it stands: "--output-path", "conf/a.env: output_path"."""

    text: str
    place: str


@dataclass(frozen=True)
class Sources:
    """The highest text of each option; faults of the sources themselves; names that are nearly ours.

    faults: text -> the option that it is about, None if it is about no single one. chosen: sentences on what was given by nobody
    and found out.
    """

    values: Mapping[str, Given]
    faults: Mapping[str, str | None] = field(default_factory=dict)
    doubtful: tuple[str, ...] = ()
    chosen: tuple[str, ...] = ()

    def text(self, name: str) -> str | None:
        """The text of an option, None if no source has it."""
        return self.values[name].text if name in self.values else None


def flag_of(name: str) -> str:
    """`--dataset-source` of `dataset_source`."""
    return f"--{name.replace('_', '-')}"


def variable_of(name: str, option: Option) -> str:
    """The environment variable of an option or its opposite: the contract's own name; MODEL_MONITOR_<FLAG> for ours."""
    return f"{PREFIX}{name.upper()}" if option.ours else name


def gather(options: Mapping[str, Option], arguments: Sequence[str], environment: Mapping[str, str]) -> Sources:
    """What all sources say. --env-file and --container-root name further ones, and are read from those above these."""
    faults: dict[str, str | None] = {}
    layers = [_of_variables(options, environment, "variable {}")]
    layers.insert(0, _of_flags(options, arguments, faults))
    doubtful = _doubtful(options, environment, "variable {}", only_prefixed=True)

    env_file = _highest(layers).get("env_file")
    if env_file is not None:
        variables = _read_env_file(env_file, faults)
        layers.append(_of_variables(options, variables, f"{env_file.text}: {{}}"))
        doubtful += _doubtful(options, variables, f"{env_file.text}: {{}}", only_prefixed=False)

    root = _highest(layers).get("container_root", Given("/", ""))
    for relative in PROCESSING_JOB_FILES:
        path = Path(root.text) / relative
        layers.append(_of_variables(options, _read_processing_job(path, faults), f"{path}: Environment.{{}}"))
    return Sources(_highest(layers), faults, tuple(doubtful))


def _highest(layers: Sequence[Mapping[str, Given]]) -> dict[str, Given]:
    return {name: given for layer in reversed(layers) for name, given in layer.items()}


def _of_flags(
    options: Mapping[str, Option], arguments: Sequence[str], faults: dict[str, str | None]
) -> dict[str, Given]:
    """The flags of a command line: `--flag value` or `--flag=value`; of a flag given twice the last counts, or both do."""
    flags = {flag_of(name): (name, "true") for name in options}
    flags.update({flag_of(option.opposite): (name, "false") for name, option in options.items() if option.opposite})
    free = next((name for name, option in options.items() if option.free), "")
    given: dict[str, Given] = {}
    words = list(arguments)
    while words:
        flag, equals, text = words.pop(0).partition("=")
        if free and free not in given and not flag.startswith("-"):
            given[free] = Given(flag + equals + text, flag_of(free))
            continue
        if flag not in flags:
            near = difflib.get_close_matches(flag.replace("_", "-"), flags, n=1)
            faults[_unknown(flag, near)] = flags[near[0]][0] if near else None
            if not equals and words and not words[0].startswith("--"):
                words.pop(0)  # its value: not one more fault
            continue
        name, switched = flags[flag]
        if options[name].placeholder:
            if not equals and (not words or words[0].startswith("--")):
                faults[f"{flag} has no value; write {flag} {options[name].placeholder}"] = name
                continue
            text = text if equals else words.pop(0)
        else:
            text = _of_switch(text, switched == "true") if equals else switched
        if text.strip():
            before = f"{given[name].text}," if options[name].repeatable and name in given else ""
            given[name] = Given(before + text, flag)
    return given


def _unknown(flag: str, near: Sequence[str]) -> str:
    if not flag.startswith("--"):
        return f"{flag!r} belongs to no flag; write --FLAG VALUE, and quote values with blanks"
    return f"{flag} is no flag of this job; " + (f"did you mean {near[0]}?" if near else "--help lists the flags")


def _of_variables(options: Mapping[str, Option], variables: Mapping[str, str], place: str) -> dict[str, Given]:
    given = {}
    for name, option in options.items():
        for key, positive in ((name, True), (option.opposite, False)):
            variable = variable_of(key, option) if key else ""
            text = variables.get(variable, "") if variable else ""
            if text.strip():
                given[name] = Given(text if positive else _of_switch(text, positive), place.format(variable))
    return given


def _of_switch(text: str, positive: bool) -> str:
    """The switch that `--progress=TEXT` or `--no-progress=TEXT` means; a text that is neither yes nor no stays."""
    try:
        return "true" if read_switch(text) == positive else "false"
    except ValueError:
        return text


def _doubtful(
    options: Mapping[str, Option], variables: Mapping[str, str], place: str, *, only_prefixed: bool
) -> list[str]:
    """Names that are not ours but nearly: with our prefix, or (in a file of variables) a slip of the pen away."""
    known = {variable_of(name, option) for name, option in options.items()}
    known |= {variable_of(option.opposite, option) for option in options.values() if option.opposite}
    found = []
    judged = {name for name in variables if name.startswith(PREFIX) or not only_prefixed}
    for name in sorted(judged - known - set(OTHER_VARIABLES)):
        near = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.85)
        if name.startswith(PREFIX) or near:
            found.append(place.format(name) + (f" (did you mean {near[0]}?)" if near else ""))
    return found


def _read_env_file(given: Given, faults: dict[str, str | None]) -> dict[str, str]:
    try:
        with open(given.text, encoding="utf-8-sig") as file:
            return dict(_bindings(given.text, parse_stream(file), faults))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        faults[f"{given.place} is {given.text!r}, which can't be read ({reason}); write the path of a local file"] = (
            None
        )
        return {}


def _bindings(path: str, bindings: Iterable[Binding], faults: dict[str, str | None]) -> Iterator[tuple[str, str]]:
    for found in bindings:
        if found.error or (found.key is not None and found.value is None):
            line = found.original.line
            faults[f"{path}: line {line} is not NAME=VALUE; quote a value that has quotes or # in it"] = None
        elif found.key is not None and found.value is not None:
            yield found.key, found.value


def _read_processing_job(path: Path, faults: dict[str, str | None]) -> dict[str, str]:
    """The `Environment` of the container's configuration file; nothing if there is no such file."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError, RecursionError) as error:
        faults[f"{path} can't be read as JSON ({type(error).__name__}); mend or remove it"] = None
        return {}
    variables = document.get("Environment") if isinstance(document, dict) else None
    if variables is None:
        return {}
    if not isinstance(variables, dict):
        faults[f"{path}: Environment has to be an object of texts"] = None
        return {}
    return {str(name): str(value) for name, value in variables.items()}
