"""Which cluster or application a job goes to, and where the files that it needs are put. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from urllib.parse import urlsplit

from model_monitor.errors import BadConfiguration

S3_SCHEMES = ("s3", "s3a", "s3n")


class Kind(str, Enum):
    """The two services that run a job."""

    EMR = "emr"
    SERVERLESS = "emr-serverless"


NEEDED = {
    Kind.EMR: ("--cluster-id", "--package-location"),
    Kind.SERVERLESS: ("--application-id", "--execution-role", "--package-location"),
}
OPTIONS = ("--target", "--cluster-id", "--application-id", "--execution-role", "--package-location", "--environment")
"""Options of ours, each with a value; they stand before the job."""

EXAMPLES = {
    "--cluster-id": "j-2AXXXXXXGAPLF",
    "--application-id": "00f1r3l2ab0cd901",
    "--execution-role": "arn:aws:iam::123456789012:role/monitoring",
    "--package-location": "s3://bucket/model-monitor",
}


@dataclass(frozen=True)
class Bucket:
    """A place on S3: `s3://NAME/PREFIX`."""

    name: str
    prefix: str

    @classmethod
    def of(cls, uri: str, what: str) -> Bucket:
        """The place that `uri` names.

        what: what the place is called, for the error. Raises BadConfiguration if it is not on S3.
        """
        parts = urlsplit(uri)
        if parts.scheme not in S3_SCHEMES or not parts.netloc:
            raise BadConfiguration(f"{what} is {uri!r}; a job on EMR needs a path on S3, such as s3://bucket/path")
        return cls(parts.netloc, parts.path.strip("/"))

    def key(self, name: str) -> str:
        """The key of an object below it."""
        return f"{self.prefix}/{name}" if self.prefix else name

    def uri(self, name: str) -> str:
        """The same with its bucket."""
        return f"s3://{self.name}/{self.key(name)}"


@dataclass(frozen=True)
class Target:
    """One cluster or application.

    identifier: the cluster's or the application's. role: ARN of the role that a serverless job runs as. package: below it
    lie the files that jobs need. environment: an archive of Python's environment, here or on S3. waits: whether the
    command waits for the job's end.
    """

    kind: Kind
    identifier: str
    package: Bucket
    role: str = ""
    environment: str | None = None
    waits: bool = True

    @classmethod
    def of(cls, options: Mapping[str, str], *, waits: bool) -> Target | None:
        """The target that the options of a command line name; None if they name none.

        Raises BadConfiguration with one line for each option that is missing or of the other kind.
        """
        if "--target" not in options:
            stray = [name for name in OPTIONS if name in options and name != "--environment"]  # clusters take it, too
            if stray:
                raise BadConfiguration(
                    f"{stray[0]} belongs to a --target; write --target emr or --target emr-serverless"
                )
            return None
        try:
            kind = Kind(options["--target"])
        except ValueError:
            known = " or ".join(kind.value for kind in Kind)
            raise BadConfiguration(f"--target is {options['--target']!r}; write {known}") from None
        faults = [
            f"{name} is missing; --target {kind.value} needs it, such as {name} {EXAMPLES[name]}"
            for name in NEEDED[kind]
            if not options.get(name)
        ]
        others = {name for needed in NEEDED.values() for name in needed} - set(NEEDED[kind])
        faults += [f"{name} is nothing of --target {kind.value}; drop it" for name in sorted(others & set(options))]
        if faults:
            raise BadConfiguration.gathered(faults)
        return cls(
            kind,
            options[NEEDED[kind][0]],
            Bucket.of(options["--package-location"], "--package-location"),
            options.get("--execution-role", ""),
            options.get("--environment"),
            waits,
        )
