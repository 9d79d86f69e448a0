"""A parsed command line: the job, its arguments, Spark's options, and the target cluster or application.

Standard library only.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from enum import Enum
from pathlib import Path
from urllib.parse import urlsplit

from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.value_class import value_class

S3_SCHEMES = ("s3", "s3a", "s3n")


class ServiceKind(str, Enum):
    """The two services that run a job."""

    EMR = "emr"
    SERVERLESS = "emr-serverless"


REQUIRED_OPTIONS = {
    ServiceKind.EMR: ("--cluster-id", "--package-location"),
    ServiceKind.SERVERLESS: ("--application-id", "--execution-role", "--package-location"),
}
EXAMPLE_VALUES = {
    "--cluster-id": "j-2AXXXXXXGAPLF",
    "--application-id": "00f1r3l2ab0cd901",
    "--execution-role": "arn:aws:iam::123456789012:role/monitoring",
    "--package-location": "s3://bucket/spark-model-monitor",
}

TARGET_OPTIONS = ("--target", *EXAMPLE_VALUES, "--environment")
"""Our options for a target, each with a value; they come before the job's name."""


@value_class
class S3Location:
    """A location on S3: `s3://NAME/PREFIX`."""

    name: str
    prefix: str

    @classmethod
    def of(cls, uri: str, name: str) -> S3Location:
        """The location of a URI. Raises BadConfiguration if it isn't on S3.

        name: how the error calls the URI.
        """
        parts = urlsplit(uri)
        if parts.scheme not in S3_SCHEMES or not parts.netloc:
            raise BadConfiguration(f"{name} is {uri!r}; a job on EMR needs a path on S3, such as s3://bucket/path")
        return cls(parts.netloc, parts.path.strip("/"))

    def key(self, name: str) -> str:
        """The key of an object below the location."""
        if self.prefix:
            return f"{self.prefix}/{name}"
        return name

    def uri(self, name: str) -> str:
        """The URI of an object below the location."""
        return f"s3://{self.name}/{self.key(name)}"


@value_class
class Target:
    """A cluster or an application that jobs are sent to.

    identifier: the id of the cluster or the application.
    role: the ARN of the role that a serverless job has.
    package: the location of the files that jobs need.
    environment: an archive of a Python environment, on this machine or on S3.
    waits: whether the command waits for the job's end.
    """

    kind: ServiceKind
    identifier: str
    package: S3Location
    role: str = ""
    environment: str | None = None
    waits: bool = True

    @classmethod
    def of(cls, options: Mapping[str, str], *, waits: bool) -> Target | None:
        """The target in the options of a command line; None if they name no target.

        Raises BadConfiguration with one line for each option that is missing or belongs to the other kind of target.
        """
        # If a target's option is given without --target, --target was probably forgotten
        if "--target" not in options:
            for name in TARGET_OPTIONS:
                if name in options and name != "--environment":  # jobs for clusters accept it, too
                    raise BadConfiguration(
                        f"{name} belongs to a --target; write --target emr or --target emr-serverless"
                    )
            return None
        try:
            kind = ServiceKind(options["--target"])
        except ValueError:
            kinds = " or ".join(kind.value for kind in ServiceKind)
            raise BadConfiguration(f"--target is {options['--target']!r}; write {kinds}") from None
        # All faults are collected, so that nobody has to start again for each of them
        faults = [
            f"{name} is missing; --target {kind.value} needs it, such as {name} {EXAMPLE_VALUES[name]}"
            for name in REQUIRED_OPTIONS[kind]
            if not options.get(name)
        ]
        foreign_options = {name for needed in REQUIRED_OPTIONS.values() for name in needed} - set(
            REQUIRED_OPTIONS[kind]
        )
        faults += [
            f"{name} is nothing of --target {kind.value}; drop it" for name in sorted(foreign_options & set(options))
        ]
        BadConfiguration.raise_for(faults)
        return cls(
            kind,
            options[REQUIRED_OPTIONS[kind][0]],
            S3Location.of(options["--package-location"], "--package-location"),
            options.get("--execution-role", ""),
            options.get("--environment"),
            waits,
        )


OPTIONS_WITH_VALUE = frozenset(
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
OPTIONS_WITHOUT_VALUE = frozenset({"--supervise", "--verbose", "-v"})
"""Options of Spark 3.5, except --kill, --status and --remote, which start no job. Source: Spark's own --help."""

LIST_OPTIONS = ("--jars", "--py-files", "--files", "--archives")
"""Options whose values are comma-separated lists. spark-submit uses only the last of a repeated option; we join the lists."""

SETTING_BY_OPTION = {
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
"""By option: the setting that it sets; only options that we use are listed."""

_PROPERTY = re.compile(r"\s*([^\s=:#!][^\s=:]*)[\s=:]+(.*)")


@value_class
class SparkOption:
    """An option of a command line; `value` is None for an option without a value."""

    name: str
    value: str | None = None

    @property
    def setting(self) -> tuple[str, str] | None:
        """The name and value of the setting in an option such as `--conf K=V` or `--master M`; None for other options."""
        if self.name in ("--conf", "-c"):
            key, _, value = (self.value or "").partition("=")
            return key.strip(), value
        if self.name in SETTING_BY_OPTION:
            return (SETTING_BY_OPTION[self.name], self.value or "")
        return None

    def words(self) -> list[str]:
        """The option as words of a command line."""
        if self.value is None:
            return [self.name]
        return [self.name, self.value]


def split_options(arguments: Sequence[str]) -> tuple[list[SparkOption], list[str]]:
    """The options that spark-submit knows, at any position; and all other words in their order.

    Words after `--` are ignored. `--master=yarn` and `--master yarn` are the same.

    Raises BadConfiguration for an option without its value.
    """
    options: list[SparkOption] = []
    other_words: list[str] = []
    words = iter(arguments)
    for word in words:
        name, equals, value = word.partition("=")
        if word == "--":
            other_words += words
        elif word in OPTIONS_WITHOUT_VALUE:
            options.append(SparkOption(word))
        # An unknown word is a job's flag, or names the job
        elif name not in OPTIONS_WITH_VALUE:
            other_words.append(word)
        elif equals:
            options.append(SparkOption(name, value))
        else:
            following = next(words, None)
            if following is None:
                raise BadConfiguration(f"{name} has no value; write {name} VALUE")
            options.append(SparkOption(name, following))
    return options, other_words


def list_option_values(options: Sequence[SparkOption], name: str) -> list[str]:
    """The values given to an option, in their order."""
    return [option.value for option in options if option.name == name and option.value is not None]


def option_words(
    options: Sequence[SparkOption], our_words: Mapping[str, Sequence[str]], left_out: Collection[str]
) -> list[str]:
    """The options as words, except the options in `left_out`. our_words: by name in `LIST_OPTIONS`, our words, which
    precede the user's.
    """
    words = []
    # Lists are joined, because spark-submit uses only the last of a repeated option
    for name in LIST_OPTIONS:
        listed = [*our_words.get(name, ()), *list_option_values(options, name)]
        if listed:
            words += [name, ",".join(listed)]
    passed_options = (option for option in options if option.name not in (*LIST_OPTIONS, *left_out))
    return [*words, *(word for option in passed_options for word in option.words())]


def read_properties(path: Path) -> dict[str, str]:
    """The settings in a file like spark-defaults.conf (`key value`, `key=value`, `# comment`); empty if the file is absent."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    return {match.group(1): match.group(2).rstrip() for match in map(_PROPERTY.match, lines) if match}


def spark_settings(options: Sequence[SparkOption], cluster_defaults: Path | None = None) -> dict[str, str]:
    """Spark's effective settings: options override --conf, and --conf overrides the properties file. That is the given file,
    otherwise the cluster's file if it exists.

    Raises BadConfiguration for a --conf without `=` or a missing properties file.
    """
    files = list_option_values(options, "--properties-file")
    if files and not Path(files[-1]).is_file():
        raise BadConfiguration(f"--properties-file is {files[-1]!r}, where there is no file")
    defaults = Path(files[-1]) if files else cluster_defaults
    settings = read_properties(defaults) if defaults else {}
    # Options are collected separately, because `--master` overrides `--conf spark.master` in any order
    option_settings = {}
    for option in options:
        if option.setting is None:
            continue
        key, value = option.setting
        if option.name in ("--conf", "-c"):
            if "=" not in (option.value or ""):
                raise BadConfiguration(f"{option.name} is {option.value!r}; write KEY=VALUE")
            settings[key] = value
        else:
            option_settings[key] = value
    return {**settings, **option_settings}


PYTHON_PATH = "spark.executorEnv.PYTHONPATH"


def is_local(master: str) -> bool:
    """Whether driver and executors are one process on this machine."""
    return master.startswith("local") and not master.startswith("local-cluster")


COLUMNS = 1000  # the default number of columns in the data


@value_class
class SubmitRequest:
    """A parsed command line: the job, the job's arguments, Spark's options, and our own options.

    environment: an archive of Python's libraries for a cluster's nodes; None if the nodes have the libraries.
    """

    job: str
    job_arguments: list[str]
    options: list[SparkOption]
    dry_run: bool
    columns: int
    target: Target | None = None
    environment: str | None = None

    @property
    def asks_for_help(self) -> bool:
        """Whether the arguments of the job ask for its help."""
        return any(word in ("--help", "-h", "--help-all") for word in self.job_arguments)


def read_request(arguments: Sequence[str]) -> SubmitRequest | None:
    """The parsed command line; None if it requests help or names no job.

    Raises BadConfiguration if a job's option precedes the job.
    """
    # spark-submit's options may be anywhere; our options come before the job's name, the job's options after it
    options, unparsed = split_options(arguments)
    other_words = iter(unparsed)
    dry_run = False
    columns = COLUMNS
    target: dict[str, str] = {}
    waits = True
    for word in other_words:
        name, equals, value = word.partition("=")
        if word == "--dry-run":
            dry_run = True
        elif word == "--no-wait":
            waits = False
        elif name in TARGET_OPTIONS:
            target[name] = value if equals else next(other_words, "")
        elif name == "--columns":
            columns = _parse_columns(value if equals else next(other_words, ""))
        elif word in ("--help", "-h"):
            return None
        elif word.startswith("-"):
            raise BadConfiguration(f"{word} stands before the job and is no option of spark-submit; name the job first")
        else:
            # The first word that isn't an option names the job; all words after it belong to the job, except --dry-run
            job_arguments = list(other_words)
            if "--dry-run" in job_arguments:
                job_arguments.remove("--dry-run")
                dry_run = True
            _require_our_options_before_job(job_arguments)
            named_target = Target.of(target, waits=waits)
            return SubmitRequest(
                word, job_arguments, options, dry_run, columns, named_target, target.get("--environment")
            )
    return None


def _require_our_options_before_job(job_arguments: Sequence[str]) -> None:
    """Raises BadConfiguration if one of our options follows the job's name."""
    our_words = {"--no-wait", *TARGET_OPTIONS}
    late_option = next((word for word in job_arguments if word.partition("=")[0] in our_words), None)
    if late_option is not None:
        raise BadConfiguration(
            f"{late_option} stands behind the job; write it before: spark-model-monitor submit {late_option} … JOB FLAGS"
        )


def _parse_columns(text: str) -> int:
    if not text.isdigit() or int(text) == 0:
        raise BadConfiguration(
            f"--columns is {text!r}; before the job it is how wide the data is, a whole number above 0"
        )
    return int(text)
