"""The files that a job needs on S3: the package, its driver, Deequ's JAR, Python's environment.

An object's name holds the hash of its content, so that an unchanged file is uploaded once and a running job keeps its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model_monitor.errors import BadConfiguration
from model_monitor.running.layout import sha256_of
from model_monitor.spark.launch.request import Bucket, Target


@dataclass(frozen=True)
class Parcel:
    """One file of this machine and the key that it gets."""

    path: Path
    key: str
    uri: str

    @classmethod
    def of(cls, path: Path, bucket: Bucket) -> Parcel:
        """The parcel of a file below `bucket`.

        Raises BadConfiguration if it can't be read.
        """
        try:
            name = f"{sha256_of(path)[:16]}/{path.name}"
        except OSError as fault:
            raise BadConfiguration(
                f"{path} can't be read ({fault.strerror}); it is to be put on S3 for the job"
            ) from fault
        return cls(path, bucket.key(name), bucket.uri(name))


@dataclass(frozen=True)
class Shipment:
    """What a job gets. jar: None if it needs no Deequ. environment: an archive's URI, None if the cluster has all libraries."""

    bucket: Bucket
    driver: Parcel
    package: Parcel
    jar: Parcel | None
    environment: Parcel | str | None

    @classmethod
    def of(cls, target: Target, driver: Path, package: Path, jar: Path | None) -> Shipment:
        """The shipment of a job's driver with the package's zip and the JAR.

        Raises BadConfiguration if one of the files can't be read.
        """
        bucket = target.package
        environment: Parcel | str | None = target.environment
        if target.environment and "://" not in target.environment:
            environment = Parcel.of(Path(target.environment), bucket)
        deequ = None if jar is None else Parcel.of(jar, bucket)
        return cls(bucket, Parcel.of(driver, bucket), Parcel.of(package, bucket), deequ, environment)

    @property
    def environment_uri(self) -> str | None:
        return self.environment.uri if isinstance(self.environment, Parcel) else self.environment

    def parcels(self) -> Iterator[Parcel]:
        """The files to upload."""
        yield from (self.driver, self.package)
        if self.jar is not None:
            yield self.jar
        if isinstance(self.environment, Parcel):
            yield self.environment

    def upload(self, s3: Any, arguments: Mapping[str, str] | None = None) -> list[Parcel]:
        """Put the files on S3 that are not there yet; those that were put. arguments: how they are encrypted there."""
        missing = [parcel for parcel in self.parcels() if not _is_there(s3, self.bucket.name, parcel.key)]
        for parcel in missing:
            s3.upload_file(str(parcel.path), self.bucket.name, parcel.key, ExtraArgs=dict(arguments or {}))
        return missing


def _is_there(s3: Any, bucket: str, key: str) -> bool:
    from botocore.exceptions import ClientError

    try:
        s3.head_object(Bucket=bucket, Key=key)
    except ClientError as fault:
        if fault.response.get("ResponseMetadata", {}).get("HTTPStatusCode") == 404:
            return False
        raise
    return True
