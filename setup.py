"""Lists the packages of the wheel, and makes of README.md the page that a registry shows. Everything else is in setup.cfg.

Packages are those below lib/, and jobs/ and conf/ as `spark_model_monitor.jobs` and `.conf`: setup.cfg can look for packages
in one place only. A registry has none of the repository's files, so links and pictures get absolute addresses.
"""

import re
from configparser import ConfigParser
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).resolve().parent
RELATIVE_LINK = re.compile(r"(?P<mark>!?)(?P<text>\[[^\]]*\])\((?![a-z]+:|#)(?P<path>[^)\s]+)\)")


def with_absolute_links(page: str, repository: str, tag: str) -> str:
    """The page with links and pictures that lead to the repository's files at a tag."""

    def make_absolute(link: re.Match[str]) -> str:
        view = "raw" if link["mark"] else "blob"
        return f"{link['mark']}{link['text']}({repository}/{view}/{tag}/{link['path']})"

    return RELATIVE_LINK.sub(make_absolute, page)


def read_version() -> str:
    source = (ROOT / "lib" / "spark_model_monitor" / "__init__.py").read_text(encoding="utf-8")
    return re.findall(r'^__version__ = "(.+)"$', source, re.MULTILINE)[0]


def describe() -> str:
    configuration = ConfigParser()
    configuration.read(ROOT / "setup.cfg", encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    return with_absolute_links(readme, configuration["metadata"]["url"].rstrip("/"), f"v{read_version()}")


if __name__ == "__main__":
    setup(
        packages=[*find_packages("lib"), "spark_model_monitor.jobs", "spark_model_monitor.conf"],
        long_description=describe(),
    )
