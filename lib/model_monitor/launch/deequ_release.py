"""The release of Deequ that this package is built on: its coordinate and checksum, in this one place.

docs/decisions/0009-one-jar.md says why this one. Standard library only.
"""

from __future__ import annotations

ORGANISATION, MODULE, REVISION = "com.amazon.deequ", "deequ", "2.1.0-spark-3.5"
COORDINATE = f"{ORGANISATION}:{MODULE}:{REVISION}"
SHA256 = "ab902814dec56dc39ff16d1c5c80e7101a5dff8c1aa380fdafce522da1cd1546"
FILE_NAME = f"{MODULE}-{REVISION}.jar"
SPARK_LINE = REVISION.rsplit("-", 1)[1]
"""The line of Spark that it is for, "3.5"; pydeequ wants it in SPARK_VERSION."""

WITHOUT_DEEQU = frozenset({"merge"})
"""The jobs of this package that never ask Deequ for anything, so that they need no JAR."""
