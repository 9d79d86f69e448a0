"""One file of Maven Central, by the Ivy that comes with pyspark. Standard library only.

The proxy that pip and git use (https_proxy) is used as well, and the authorities that this machine trusts are trusted.
"""

from __future__ import annotations

import hashlib
import importlib.util
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from model_monitor.errors import MissingDependency
from model_monitor.launch.cache import appearing_whole
from model_monitor.launch.java import Java, find_java
from model_monitor.launch.trust_store import trust_options

FETCH_SECONDS = 300
CHUNK_BYTES = 2**20

_MODULE = """\
<ivy-module version="2.0" xmlns:m="http://ant.apache.org/ivy/maven">
  <info organisation="model-monitor" module="fetched"/>
  <configurations><conf name="default"/></configurations>
  <dependencies>
    <dependency org="{organisation}" name="{module}" rev="{revision}" conf="default->*" transitive="false">
      <artifact name="{module}" type="jar" ext="jar"{classifier}/>
    </dependency>
  </dependencies>
</ivy-module>
"""


@dataclass(frozen=True)
class Artifact:
    """One JAR by its Maven coordinate, with the SHA-256 that it has to have. classifier: empty for the main one."""

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
        return f"{self.module}-{self.revision}{'-' * bool(self.classifier)}{self.classifier}.jar"


def provide(artifact: Artifact, directory: Path, environment: Mapping[str, str], remedy: str) -> Path:
    """The artifact's file in `directory`, after fetching it alone, without its dependencies, if it is not there.

    remedy: what to do where it can't be fetched, for the error.
    Raises MissingDependency if it can't be fetched or is another file than expected.
    """
    path = directory / artifact.file_name
    if not path.is_file():
        _fetch(artifact, path, find_java(environment), environment, remedy)
    _verify(artifact, path, remedy)
    return path


def _verify(artifact: Artifact, path: Path, remedy: str) -> None:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    found = digest.hexdigest()
    if found != artifact.sha256:
        raise MissingDependency(
            f"{path}: its SHA-256 is {found}, it has to be {artifact.sha256} for {artifact.coordinate}; delete the file and "
            f"start again, or {remedy}"
        )


def _fetch(artifact: Artifact, path: Path, java: Java, environment: Mapping[str, str], remedy: str) -> None:
    with appearing_whole(path) as directory:
        output = _run_ivy(artifact, java, _proxy_options(environment), directory, remedy)
        if "PKIX path building failed" in output:  # Java's own list of authorities lacks one that the machine trusts
            options = [*_proxy_options(environment), *trust_options(directory)]
            output = _run_ivy(artifact, java, options, directory, remedy)
        if not (directory / artifact.file_name).is_file():
            raise _not_fetched(artifact, _reason(output), remedy)
        _verify(artifact, directory / artifact.file_name, remedy)


def _run_ivy(artifact: Artifact, java: Java, options: Sequence[str], directory: Path, remedy: str) -> str:
    """What Ivy printed on its way to put the file into `directory`."""
    wanted = directory / "ivy.xml"
    classifier = f' m:classifier="{artifact.classifier}"' if artifact.classifier else ""
    wanted.write_text(
        _MODULE.format(
            organisation=artifact.organisation,
            module=artifact.module,
            revision=artifact.revision,
            classifier=classifier,
        )
    )
    command = [
        str(java.executable),
        *options,
        *("-jar", str(_ivy_jar(artifact, remedy))),
        *("-ivy", str(wanted), "-m2compatible"),
        *("-retrieve", f"{directory}/[artifact]-[revision](-[classifier]).[ext]"),
        *("-cache", str(directory / "ivy")),
    ]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=FETCH_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise _not_fetched(artifact, f"no answer within {FETCH_SECONDS} s", remedy) from error
    return answer.stdout + answer.stderr


def _ivy_jar(artifact: Artifact, remedy: str) -> Path:
    pyspark = importlib.util.find_spec("pyspark")
    if pyspark is not None and pyspark.origin is not None:
        for jar in sorted((Path(pyspark.origin).parent / "jars").glob("ivy-*.jar")):
            return jar
    raise _not_fetched(
        artifact,
        f"there is no pyspark in this Python ({sys.executable}), whose Ivy fetches it",
        f"`pip install 'pyspark>=3.5,<3.6'`, or {remedy}",
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


def _not_fetched(artifact: Artifact, reason: str, remedy: str) -> MissingDependency:
    return MissingDependency(f"{artifact.coordinate} could not be fetched: {reason}; {remedy}")
