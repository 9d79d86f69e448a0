"""The options of spark-submit, and the settings they and Spark's properties files add up to. Standard library only."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from model_monitor.errors import BadConfiguration

WITH_VALUE = frozenset(
    [
        "--archives",
        "--class",
        "--conf",
        "--deploy-mode",
        "--driver-class-path",
        "--driver-cores",
        "--driver-java-options",
        "--driver-library-path",
        "--driver-memory",
        "--exclude-packages",
        "--executor-cores",
        "--executor-memory",
        "--files",
        "--jars",
        "--keytab",
        "--master",
        "--name",
        "--num-executors",
        "--packages",
        "--principal",
        "--properties-file",
        "--proxy-user",
        "--py-files",
        "--queue",
        "--repositories",
        "--total-executor-cores",
        "-c",
    ]
)
WITHOUT_VALUE = frozenset({"--supervise", "--verbose", "-v"})
"""Options of Spark 3.5, but for --kill, --status and --remote, which start no job of ours. Source: Spark's own --help."""

LISTS = ("--jars", "--py-files", "--files", "--archives")
"""Options whose values are lists with commas: given twice, spark-submit keeps the last one only, we join them."""

SETTING_OF = {
    "--master": "spark.master",
    "--deploy-mode": "spark.submit.deployMode",
    "--name": "spark.app.name",
    "--driver-java-options": "spark.driver.extraJavaOptions",
    "--driver-memory": "spark.driver.memory",
    "--executor-memory": "spark.executor.memory",
    "--executor-cores": "spark.executor.cores",
    "--packages": "spark.jars.packages",
    "--jars": "spark.jars",
}
"""The settings that these options stand for, as far as we ask for them."""

_PROPERTY = re.compile(r"\s*([^\s=:#!][^\s=:]*)[\s=:]+(.*?)\s*$")


@dataclass(frozen=True)
class SparkOption:
    """One option as it was given; `value` is None for one that takes none."""

    name: str
    value: str | None = None

    @property
    def setting(self) -> tuple[str, str] | None:
        """The setting it stands for, with its value: `--conf K=V` and `--master M`; None for the others."""
        if self.name in ("--conf", "-c"):
            key, _, value = (self.value or "").partition("=")
            return key.strip(), value
        return (SETTING_OF[self.name], self.value or "") if self.name in SETTING_OF else None

    def words(self) -> list[str]:
        return [self.name] if self.value is None else [self.name, self.value]


def split_options(arguments: Sequence[str]) -> tuple[list[SparkOption], list[str]]:
    """The options that spark-submit knows, wherever they stand, and everything else in its order.

    What follows `--` is not looked at. `--master=yarn` and `--master yarn` are the same.

    Raises BadConfiguration for an option without its value.
    """
    options: list[SparkOption] = []
    rest: list[str] = []
    words = iter(arguments)
    for word in words:
        name, equals, value = word.partition("=")
        if word == "--":
            rest += words
        elif word in WITHOUT_VALUE:
            options.append(SparkOption(word))
        elif name not in WITH_VALUE:
            rest.append(word)
        elif equals:
            options.append(SparkOption(name, value))
        else:
            following = next(words, None)
            if following is None:
                raise BadConfiguration(f"{name} has no value; write {name} VALUE")
            options.append(SparkOption(name, following))
    return options, rest


def values_of(options: Sequence[SparkOption], name: str) -> list[str]:
    """The values given to an option, in their order."""
    return [option.value for option in options if option.name == name and option.value is not None]


def words_of(
    options: Sequence[SparkOption], ours: Mapping[str, Sequence[str]], left_out: Collection[str] = ()
) -> list[str]:
    """The options as words, but for those left out. ours: what stands in `LISTS` before what is given."""
    words = []
    for name in LISTS:
        listed = [*ours.get(name, ()), *values_of(options, name)]
        if listed:
            words += [name, ",".join(listed)]
    kept = (option for option in options if option.name not in (*LISTS, *left_out))
    return [*words, *(word for option in kept for word in option.words())]


def read_properties(path: Path) -> dict[str, str]:
    """The settings in a file like spark-defaults.conf (`key value`, `key=value`, `# comment`); none if it is absent."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    return {found.group(1): found.group(2) for found in map(_PROPERTY.match, lines) if found}


def settings_of(options: Sequence[SparkOption], cluster_defaults: Path | None = None) -> dict[str, str]:
    """What Spark is going to take: options over --conf over the properties file (the one given, else the cluster's, if any).

    Raises BadConfiguration for a --conf without `=` or a properties file that is not there.
    """
    files = values_of(options, "--properties-file")
    if files and not Path(files[-1]).is_file():
        raise BadConfiguration(f"--properties-file is {files[-1]!r}, where there is no file")
    defaults = Path(files[-1]) if files else cluster_defaults
    settings = read_properties(defaults) if defaults else {}
    by_option = {}
    for option in options:
        if option.setting is None:
            continue
        key, value = option.setting
        if option.name in ("--conf", "-c"):
            if "=" not in (option.value or ""):
                raise BadConfiguration(f"{option.name} is {option.value!r}; write KEY=VALUE")
            settings[key] = value
        else:
            by_option[key] = value
    return {**settings, **by_option}


def is_local(master: str) -> bool:
    """Whether driver and executors are one process of this machine."""
    return master.startswith("local") and not master.startswith("local-cluster")
