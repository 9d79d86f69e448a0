"""The one JAR that the product needs, Deequ's: its location and its download. Standard library only.

It is one file of a Maven repository: of a mirror that the user names, else of Maven Central.
"""

from __future__ import annotations

import os
import shutil
import ssl
import sys
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit

from spark_model_monitor.errors import MissingDependency
from spark_model_monitor.running.product_layout import CHUNK_BYTES, appearing_whole, cache_directory, hash_file
from spark_model_monitor.spark.launch.java import MODULE, ORGANISATION, PINNED, SparkLine, find_line_at, find_spark_home
from spark_model_monitor.value_class import value_class

MIRROR = "MODEL_MONITOR_MAVEN_MIRROR"
"""The variable that names a repository in Maven's layout: an http(s) or file URL."""

CENTRAL = "https://repo1.maven.org/maven2"
FETCH_SECONDS = 300


@value_class
class Artifact:
    """One JAR by its Maven coordinate, with its required SHA-256. classifier: empty for the main one."""

    organisation: str
    module: str
    revision: str
    sha256: str
    classifier: str = ""

    @property
    def coordinate(self) -> str:
        """`organisation:module:revision`, as --packages takes it."""
        return f"{self.organisation}:{self.module}:{self.revision}"

    @property
    def file_name(self) -> str:
        """Its name in the repository."""
        parts = [self.module, self.revision]
        if self.classifier:
            parts.append(self.classifier)
        return f"{'-'.join(parts)}.jar"

    @property
    def path(self) -> str:
        """Its path in a repository, below the root. Source: Maven, "Repository Layout - Final"."""
        return f"{self.organisation.replace('.', '/')}/{self.module}/{self.revision}/{self.file_name}"


def provide(artifact: Artifact, directory: Path, environment: Mapping[str, str], remedy: str) -> Path:
    """The artifact's file in `directory`, downloaded if absent, alone, without its dependencies.

    remedy: what to do where it can't be downloaded, for the error.
    Raises MissingDependency if it can't be downloaded or is another file than expected.
    """
    path = directory / artifact.file_name
    if not path.is_file():
        with appearing_whole(path) as draft:
            _fetch(artifact, draft, environment.get(MIRROR), remedy)
            # Before it is moved: a proxy's error page must not stay in the cache as a JAR
            _verify(artifact, draft / artifact.file_name, remedy)
    # Also a file that was there already: a copied or cut one fails here and not inside the JVM
    _verify(artifact, path, remedy)
    return path


def _verify(artifact: Artifact, path: Path, remedy: str) -> None:
    sha256 = hash_file(path)
    if sha256 != artifact.sha256:
        raise MissingDependency(
            f"{path}: its SHA-256 is {sha256}, it has to be {artifact.sha256} for {artifact.coordinate}; delete the file and "
            f"start again, or {remedy}"
        )


def _fetch(artifact: Artifact, directory: Path, mirror: str | None, remedy: str) -> None:
    """Download the file by urllib, which uses the proxies of the environment and the authorities of SSL_CERT_FILE.

    mirror: the repository's URL; None for Maven Central.
    """
    url = f"{(mirror or CENTRAL).rstrip('/')}/{artifact.path}"
    name = MIRROR if mirror else CENTRAL
    # urllib opens other schemes, too, such as ftp and data
    if urlsplit(url).scheme not in ("http", "https", "file"):
        raise MissingDependency(f"{MIRROR} is {mirror!r}; write a URL that begins with https://, http:// or file:///")
    try:
        path = directory / artifact.file_name
        # In chunks, with a time limit for each read and not for the whole
        with urllib.request.urlopen(url, timeout=FETCH_SECONDS) as answer, path.open("wb") as file:
            shutil.copyfileobj(answer, file, CHUNK_BYTES)
    except HTTPError as error:
        reason = f"{name} answers {error.code} {error.reason} for {artifact.path}"
        raise _make_not_fetched_error(artifact, reason, remedy) from error
    except (OSError, ValueError) as error:
        if isinstance(error, URLError):
            cause = error.reason
        else:
            cause = error
        reason = str(cause)
        # Usual behind a company's proxy, which signs with an authority of its own
        if isinstance(cause, ssl.SSLCertVerificationError):
            reason = "its certificate is not trusted here; name its authority's file in SSL_CERT_FILE"
        raise _make_not_fetched_error(artifact, f"{name} can't be read ({reason})", remedy) from error


def _make_not_fetched_error(artifact: Artifact, reason: str, remedy: str) -> MissingDependency:
    return MissingDependency(f"{artifact.coordinate} could not be fetched: {reason}; {remedy}")


VARIABLE = "MODEL_MONITOR_DEEQU_JAR"
ARTIFACT = Artifact(ORGANISATION, MODULE, PINNED.deequ or "", PINNED.sha256 or "")
REMEDY = (
    f"name a mirror in {MIRROR}, or copy {ARTIFACT.file_name} here from a machine with network access and set {VARIABLE} "
    "to its path"
)


def jar_path(environment: Mapping[str, str]) -> Path:
    """The present or future path of the JAR: MODEL_MONITOR_DEEQU_JAR, else in the cache directory.

    Raises MissingDependency if MODEL_MONITOR_DEEQU_JAR names no file.
    """
    chosen = environment.get(VARIABLE)
    if not chosen:
        return cache_directory(environment) / "jars" / ARTIFACT.file_name
    if not Path(chosen).is_file():
        raise MissingDependency(
            f"{VARIABLE} is {chosen!r}, where there is no file; name the file of {ARTIFACT.coordinate}"
        )
    return Path(chosen).absolute()


def provide_jar(environment: Mapping[str, str]) -> Path:
    """The JAR's path, after downloading it if absent. A file that the user chose is taken as it is.

    Raises MissingDependency if it can't be downloaded or has another hash.
    """
    path = jar_path(environment)
    if environment.get(VARIABLE):
        return path
    return provide(ARTIFACT, path.parent, environment, REMEDY)


def is_had(environment: Mapping[str, str], line: SparkLine) -> bool:
    """Whether `provide_jar` has a JAR for this line of Spark: the pinned one's, or the one that the user chose."""
    return line is PINNED or bool(environment.get(VARIABLE))


def describe_missing_jar(line: SparkLine) -> str:
    """What happens without a JAR on this line, and where there is one."""
    named = "it has no release"
    if line.deequ:
        named = f"name {line.coordinate} in --packages, or its file in {VARIABLE}"
    return f"without Deequ for Spark {line.name} ({named}); metrics are computed from the same states, and are the same"


def main() -> int:
    """Print the JAR's path, downloading it first if needed. Exit status 2 if it is unavailable."""
    try:
        line = find_line_at(find_spark_home(os.environ))
        # No error: jobs compute the metrics themselves
        if not is_had(os.environ, line):
            sys.stderr.write(f"{describe_missing_jar(line)}\n")
            return 0
        if not jar_path(os.environ).is_file():
            sys.stderr.write(f"fetching {ARTIFACT.file_name} (2 MB, once)\n")
        path = provide_jar(os.environ)
    except MissingDependency as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_status
    sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
