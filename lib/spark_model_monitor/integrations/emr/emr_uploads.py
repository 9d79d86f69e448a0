"""A job's files on S3. Each key has a hash of the file's content, so that an unchanged file is uploaded once, and a changed one
doesn't replace the file of a running job. boto3's client is passed in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.running.product_layout import hash_file
from spark_model_monitor.spark.launch.request import S3Location, Target
from spark_model_monitor.value_class import value_class

if TYPE_CHECKING:
    from botocore.client import BaseClient


@value_class
class UploadFile:
    """One local file, with its key and its URI on S3."""

    path: Path
    key: str
    uri: str

    @classmethod
    def of(cls, path: Path, bucket: S3Location) -> UploadFile:
        """The upload of a local file below `bucket`. Raises BadConfiguration if it can't be read."""
        try:
            # 16 digits are enough to tell versions of a file apart
            name = f"{hash_file(path)[:16]}/{path.name}"
        except OSError as error:
            raise BadConfiguration(
                f"{path} can't be read ({error.strerror}); it is to be put on S3 for the job"
            ) from error
        return cls(path, bucket.key(name), bucket.uri(name))


@value_class
class UploadSet:
    """A job's files. jar: None if the job doesn't need Deequ. environment: an archive, or its URI if it is on S3 already; None if
    the cluster has all libraries."""

    bucket: S3Location
    driver: UploadFile
    package: UploadFile
    jar: UploadFile | None
    environment: UploadFile | str | None

    @classmethod
    def of(cls, target: Target, driver: Path, package: Path, jar: Path | None) -> UploadSet:
        """The uploads of a job: its driver with the package's zip and the JAR.

        Raises BadConfiguration if one of the files can't be read.
        """
        bucket = target.package
        environment: UploadFile | str | None = target.environment
        # A URI is on S3 already
        if target.environment and "://" not in target.environment:
            environment = UploadFile.of(Path(target.environment), bucket)
        jar_file = None
        if jar is not None:
            jar_file = UploadFile.of(jar, bucket)
        return cls(bucket, UploadFile.of(driver, bucket), UploadFile.of(package, bucket), jar_file, environment)

    @property
    def environment_uri(self) -> str | None:
        """The URI of the archive of Python's environment on S3; None if there is no archive."""
        if isinstance(self.environment, UploadFile):
            return self.environment.uri
        return self.environment

    def files(self) -> Iterator[UploadFile]:
        """The files to upload."""
        yield from (self.driver, self.package)
        if self.jar is not None:
            yield self.jar
        if isinstance(self.environment, UploadFile):
            yield self.environment

    def upload(self, s3: BaseClient, arguments: Mapping[str, str] | None = None) -> list[UploadFile]:
        """Upload the files that are not on S3 yet; returns these files. arguments: how S3 encrypts them."""
        new_files = [file for file in self.files() if not _is_uploaded(s3, self.bucket.name, file.key)]
        for file in new_files:
            s3.upload_file(str(file.path), self.bucket.name, file.key, ExtraArgs=dict(arguments or {}))
        return new_files


def _is_uploaded(s3: BaseClient, bucket: str, key: str) -> bool:
    from botocore.exceptions import ClientError

    try:
        s3.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        # The answer to a HEAD request has no body with an error code, but a status
        if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") == 404:
            return False
        raise
    return True
