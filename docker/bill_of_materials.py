"""Writes an image's bill of materials, in CycloneDX 1.5: Python's packages, Debian's packages, and Deequ's JAR.

python docker/bill_of_materials.py bom.cdx.json
python docker/bill_of_materials.py dist/bom.cdx.json python    (a release: Python's packages alone)

Standard library only: it runs while the image is built. Equal images have equal bills, without a time or a random number.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path
from typing import Any
from urllib.parse import quote

DEBIAN_FORMAT = "${Package}\t${Version}\t${Architecture}\n"


def list_python_packages() -> Iterator[dict[str, Any]]:
    """The packages that this Python can import, with the licence that each names."""
    for distribution in distributions():
        name = distribution.metadata["Name"]
        component = describe_library(
            name, distribution.version, f"pkg:pypi/{quote(name.lower())}@{distribution.version}"
        )
        licence = distribution.metadata.get("License-Expression")
        if licence:
            component["licenses"] = [{"expression": licence}]
        yield component


def list_debian_packages() -> Iterator[dict[str, Any]]:
    """The packages of the system; none where there is no dpkg."""
    try:
        query = ["dpkg-query", "--show", f"--showformat={DEBIAN_FORMAT}"]
        lines = subprocess.run(query, check=True, capture_output=True, text=True).stdout.splitlines()
    except FileNotFoundError:
        return
    for line in lines:
        name, version, architecture = line.split("\t")
        yield describe_library(name, version, f"pkg:deb/debian/{quote(name)}@{quote(version)}?arch={architecture}")


def list_jars(cache: Path) -> Iterator[dict[str, Any]]:
    """Deequ's JAR, with its hash; Spark's own come with the package pyspark."""
    for jar in sorted(cache.glob("jars/deequ-*.jar")):
        version = jar.stem.removeprefix("deequ-")
        component = describe_library("deequ", version, f"pkg:maven/com.amazon.deequ/deequ@{version}")
        digest = hashlib.sha256(jar.read_bytes()).hexdigest()
        yield {**component, "hashes": [{"alg": "SHA-256", "content": digest}]}


def describe_library(name: str, version: str, package_url: str) -> dict[str, Any]:
    """One component."""
    return {"type": "library", "bom-ref": package_url, "name": name, "version": version, "purl": package_url}


def make_bill(cache: Path | None) -> dict[str, Any]:
    """The bill of this Python, and of this system. cache: the folder with Deequ's JAR; None leaves the system out."""
    components = list(list_python_packages())
    if cache is not None:
        components += [*list_debian_packages(), *list_jars(cache)]
    # An editable or doubled installation may list a package twice
    by_reference = {component["bom-ref"]: component for component in components}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "components": [by_reference[reference] for reference in sorted(by_reference)],
    }


if __name__ == "__main__":
    path, *kinds = sys.argv[1:]
    if kinds == ["python"]:
        bill = make_bill(None)
    else:
        bill = make_bill(Path(os.environ.get("MODEL_MONITOR_CACHE", "/nonexistent")))
    Path(path).write_text(json.dumps(bill, indent=1) + "\n", encoding="utf-8")
