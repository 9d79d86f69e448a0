"""The one JAR the product needs, Deequ's: where it lies, and how it gets there. Standard library only.

    python -m model_monitor.runtime.deequ_jar      prints where it lies, after fetching it if it is not there yet

It is fetched by the Ivy that comes with pyspark, alone: everything Deequ uses of its dependencies is in Spark. Only the
driver loads it.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from model_monitor.deequ_release import COORDINATE, FILE_NAME, MODULE, ORGANISATION, REVISION, SHA256
from model_monitor.errors import MissingDependency
from model_monitor.runtime.cache import appearing_whole, cache_directory
from model_monitor.runtime.java import Java, find_java
from model_monitor.runtime.trust_store import trust_options

VARIABLE = "MODEL_MONITOR_DEEQU_JAR"
FETCH_SECONDS = 300


def jar_path(environment: Mapping[str, str]) -> Path:
    """Where the JAR lies, or will lie when it has been fetched: MODEL_MONITOR_DEEQU_JAR, else the cache directory.

    Raises MissingDependency if MODEL_MONITOR_DEEQU_JAR names no file.
    """
    chosen = environment.get(VARIABLE)
    if not chosen:
        return cache_directory(environment) / "jars" / FILE_NAME
    if not Path(chosen).is_file():
        raise MissingDependency(f"{VARIABLE} is {chosen!r}, where there is no file; name the file of {COORDINATE}")
    return Path(chosen).absolute()


def provide_jar(environment: Mapping[str, str]) -> Path:
    """The JAR's path, after fetching it if it is not there. A file that the user chose is taken as it is.

    Raises MissingDependency if it can't be fetched or is not the file that we know.
    """
    path = jar_path(environment)
    if environment.get(VARIABLE):
        return path
    if not path.is_file():
        _fetch(path, find_java(environment), environment)
    _verify(path)
    return path


def _verify(path: Path) -> None:
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != SHA256:
        raise MissingDependency(
            f"{path}: its SHA-256 is {found}, it has to be {SHA256} for {COORDINATE}; delete the file and start again, "
            f"or name a file of your own in {VARIABLE}"
        )


def _fetch(path: Path, java: Java, environment: Mapping[str, str]) -> None:
    with appearing_whole(path) as directory:
        output = _run_ivy(java, _proxy_options(environment), directory)
        if "PKIX path building failed" in output:  # Java's own list of authorities lacks one that the machine trusts
            output = _run_ivy(java, [*_proxy_options(environment), *trust_options(directory)], directory)
        if not (directory / FILE_NAME).is_file():
            raise MissingDependency(f"{_not_fetched()}: {_reason(output)}; {_remedy()}")
        _verify(directory / FILE_NAME)


def _run_ivy(java: Java, options: Sequence[str], directory: Path) -> str:
    """What Ivy printed on its way to put the JAR into `directory`."""
    command = [
        str(java.executable),
        *options,
        *("-jar", str(_ivy_jar())),
        *("-dependency", ORGANISATION, MODULE, REVISION),
        *("-notransitive", "-confs", "default", "-types", "jar", "-m2compatible"),
        *("-retrieve", f"{directory}/[artifact]-[revision].[ext]"),
        *("-cache", str(directory / "ivy")),
    ]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=FETCH_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise MissingDependency(f"{_not_fetched()}: no answer within {FETCH_SECONDS} s; {_remedy()}") from error
    return answer.stdout + answer.stderr


def _ivy_jar() -> Path:
    pyspark = importlib.util.find_spec("pyspark")
    if pyspark is not None and pyspark.origin is not None:
        for jar in sorted((Path(pyspark.origin).parent / "jars").glob("ivy-*.jar")):
            return jar
    raise MissingDependency(
        f"{_not_fetched()}: there is no pyspark in this Python ({sys.executable}), whose Ivy fetches it; "
        f"`pip install 'pyspark>=3.5,<3.6'`, or {_remedy()}"
    )


def _proxy_options(environment: Mapping[str, str]) -> list[str]:
    """Java's spelling of the proxy that pip and git read from the environment."""
    proxy = urlsplit(environment.get("https_proxy") or environment.get("HTTPS_PROXY") or "")
    if not proxy.hostname:
        return []
    return [f"-Dhttps.proxyHost={proxy.hostname}", f"-Dhttps.proxyPort={proxy.port or 80}"]


def _reason(output: str) -> str:
    if "UNRESOLVED DEPENDENCIES" not in output:
        return (output.strip().splitlines() or ["Ivy said nothing"])[-1].strip()
    if "PKIX path building failed" in output:
        return "the repository's certificate is not trusted here; name your authorities in SSL_CERT_FILE"
    if "Server access error" in output or "You probably access the destination server through a proxy" in output:
        return "the repository can't be reached from this machine"
    return "the repository does not have it"


def _not_fetched() -> str:
    return f"Deequ's JAR ({COORDINATE}) could not be fetched"


def _remedy() -> str:
    return f"copy {FILE_NAME} here from a machine with network access and set {VARIABLE} to its path"


def main() -> int:
    """Print the JAR's path, fetching it first if need be. Exit status 2 if it can't be had."""
    try:
        path = provide_jar(os.environ)
    except MissingDependency as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_status
    sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
