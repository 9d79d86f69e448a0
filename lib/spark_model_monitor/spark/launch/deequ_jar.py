"""The location and the download of Deequ's JAR, the only JAR that this package needs. Standard library only.

The JAR is a file in a Maven repository: a mirror that the user names, otherwise Maven Central.
"""

from __future__ import annotations

import os
import shutil
import ssl
import sys
import urllib.request
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit

from spark_model_monitor.errors import MissingDependency
from spark_model_monitor.running.product_layout import CHUNK_BYTES, cache_directory, hash_file, replace_when_complete
from spark_model_monitor.spark.launch.java import (
    MODULE,
    ORGANISATION,
    PINNED,
    SparkLine,
    TextsByName,
    find_line_at,
    find_spark_home,
)
from spark_model_monitor.value_class import value_class

MIRROR_VARIABLE = "MODEL_MONITOR_MAVEN_MIRROR"
"""The variable that names a repository in Maven's layout: an http(s) or file URL."""

CENTRAL = "https://repo1.maven.org/maven2"
DOWNLOAD_SECONDS = 300


@value_class
class Artifact:
    """A JAR by its Maven coordinate, with its required SHA-256. classifier: empty for the main JAR."""

    organisation: str
    module: str
    revision: str
    sha256: str
    classifier: str = ""

    @property
    def coordinate(self) -> str:
        """The coordinate `organisation:module:revision`, as the option --packages requires it."""
        return f"{self.organisation}:{self.module}:{self.revision}"

    @property
    def file_name(self) -> str:
        """The file's name in the repository."""
        parts = [self.module, self.revision]
        if self.classifier:
            parts.append(self.classifier)
        return f"{'-'.join(parts)}.jar"

    @property
    def path(self) -> str:
        """The file's path below the root of a repository. Source: Maven, "Repository Layout - Final"."""
        return f"{self.organisation.replace('.', '/')}/{self.module}/{self.revision}/{self.file_name}"


JAR_VARIABLE = "MODEL_MONITOR_DEEQU_JAR"
DEEQU_JAR = Artifact(ORGANISATION, MODULE, PINNED.deequ or "", PINNED.sha256 or "")
DOWNLOAD_REMEDY = (
    f"name a mirror in {MIRROR_VARIABLE}, or copy {DEEQU_JAR.file_name} here from a machine with network access and set "
    f"{JAR_VARIABLE} to its path"
)


def jar_path(environment: TextsByName) -> Path:
    """The path of the JAR, which may not exist yet: MODEL_MONITOR_DEEQU_JAR, otherwise a path in the cache directory.

    Raises MissingDependency if MODEL_MONITOR_DEEQU_JAR names no file.
    """
    user_path = environment.get(JAR_VARIABLE)
    if not user_path:
        return cache_directory(environment) / "jars" / DEEQU_JAR.file_name
    if not Path(user_path).is_file():
        raise MissingDependency(
            f"{JAR_VARIABLE} is {user_path!r}, where there is no file; name the file of {DEEQU_JAR.coordinate}"
        )
    return Path(user_path).absolute()


def provide_jar(environment: TextsByName) -> Path:
    """The JAR's path. The JAR is downloaded if it is absent. A file that the user chose isn't checked.

    Raises MissingDependency if the JAR can't be downloaded or has another hash.
    """
    path = jar_path(environment)
    if environment.get(JAR_VARIABLE):
        return path
    return provide_artifact(DEEQU_JAR, path.parent, environment, DOWNLOAD_REMEDY)


def is_jar_available(environment: TextsByName, spark_release: SparkLine) -> bool:
    """Whether `provide_jar` can return a JAR for this release of Spark: its own JAR, or the JAR that the user chose."""
    return spark_release is PINNED or bool(environment.get(JAR_VARIABLE))


def describe_missing_jar(spark_release: SparkLine) -> str:
    """Sentences that say what happens without a JAR on this release of Spark, and where to find a JAR."""
    remedy = "it has no release"
    if spark_release.deequ:
        remedy = f"name {spark_release.coordinate} in --packages, or its file in {JAR_VARIABLE}"
    return f"without Deequ for Spark {spark_release.name} ({remedy}); metrics are computed from the same states, and are the same"


def provide_artifact(artifact: Artifact, directory: Path, environment: TextsByName, remedy: str) -> Path:
    """The artifact's file in `directory`. It is downloaded if it is absent, without its dependencies.

    remedy: what to do if it can't be downloaded, for the error.

    Raises MissingDependency if the file can't be downloaded or has other content than expected.
    """
    path = directory / artifact.file_name
    if not path.is_file():
        with replace_when_complete(path) as draft:
            _download(artifact, draft, environment.get(MIRROR_VARIABLE), remedy)
            # Checked before the file is moved, because a proxy's error page must not stay in the cache as a JAR
            _verify(artifact, draft / artifact.file_name, remedy)
    # A file that existed before is checked, too, so that an incomplete file fails here and not inside the JVM
    _verify(artifact, path, remedy)
    return path


def _verify(artifact: Artifact, path: Path, remedy: str) -> None:
    sha256 = hash_file(path)
    if sha256 != artifact.sha256:
        raise MissingDependency(
            f"{path}: its SHA-256 is {sha256}, it has to be {artifact.sha256} for {artifact.coordinate}; delete the file and "
            f"start again, or {remedy}"
        )


def _download(artifact: Artifact, directory: Path, mirror: str | None, remedy: str) -> None:
    """Download the file with urllib, which uses the environment's proxies and the certificate authorities of SSL_CERT_FILE.

    mirror: the repository's URL; None for Maven Central.
    """
    url = f"{(mirror or CENTRAL).rstrip('/')}/{artifact.path}"
    name = MIRROR_VARIABLE if mirror else CENTRAL
    # Other schemes are refused, because urllib would open them, too, such as ftp and data
    if urlsplit(url).scheme not in ("http", "https", "file"):
        raise MissingDependency(
            f"{MIRROR_VARIABLE} is {mirror!r}; write a URL that begins with https://, http:// or file:///"
        )
    try:
        path = directory / artifact.file_name
        # Read in chunks: the time limit applies to each read, not to the whole download
        with urllib.request.urlopen(url, timeout=DOWNLOAD_SECONDS) as response, path.open("wb") as file:
            shutil.copyfileobj(response, file, CHUNK_BYTES)
    except HTTPError as error:
        reason = f"{name} answers {error.code} {error.reason} for {artifact.path}"
        raise _make_download_error(artifact, reason, remedy) from error
    except (OSError, ValueError) as error:
        if isinstance(error, URLError):
            cause = error.reason
        else:
            cause = error
        reason = str(cause)
        # This is usual behind a company's proxy, which signs with its own certificate authority
        if isinstance(cause, ssl.SSLCertVerificationError):
            reason = "its certificate is not trusted here; name its authority's file in SSL_CERT_FILE"
        raise _make_download_error(artifact, f"{name} can't be read ({reason})", remedy) from error


def _make_download_error(artifact: Artifact, reason: str, remedy: str) -> MissingDependency:
    return MissingDependency(f"{artifact.coordinate} could not be fetched: {reason}; {remedy}")


def main() -> int:
    """Print the JAR's path, after downloading the JAR if needed. The exit status is 2 if it is unavailable."""
    try:
        spark_release = find_line_at(find_spark_home(os.environ))
        # This isn't an error, because jobs can compute the metrics without Deequ
        if not is_jar_available(os.environ, spark_release):
            sys.stderr.write(f"{describe_missing_jar(spark_release)}\n")
            return 0
        if not jar_path(os.environ).is_file():
            sys.stderr.write(f"fetching {DEEQU_JAR.file_name} (2 MB, once)\n")
        path = provide_jar(os.environ)
    except MissingDependency as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_status
    sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
