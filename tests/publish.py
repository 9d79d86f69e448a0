"""What a registry gets: built, checked, and tried as a stranger would, before anybody publishes it.

python -m tests.publish 3.10+newest 3.12+oldest …

It builds the wheel and the source distribution into build/publish/dist, lets twine check them, and installs the wheel into an
environment of each Python, where it runs the quickstart. Behind the + is its list of requirements/. Then it
prints the sizes of what the last environment holds, which of it a run without Spark loads and how long that takes, and runs the
quickstart once more without the rest. It ends with an error if files still have placeholders.
"""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import subprocess
import sys
from collections.abc import Mapping
from configparser import ConfigParser
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "build" / "publish"
TOOLS = ROOT / "build" / "pins" / "bin"
"""Where `make build/pins/.made` puts the pinned twine, pip and setuptools."""

ORDERS = "country,items\n" + "DE,1\nFR,3\nPL,2\n" * 40

FROM_PYTHON = """
import pandas as pd
from spark_model_monitor import DataQualityMonitor, run_baseline, run_monitoring
baseline = run_baseline(pd.read_csv("march.csv"), DataQualityMonitor())
findings = run_monitoring("april.csv", DataQualityMonitor(), baseline)
print(*sorted({violation.feature_name for violation in findings.violations.violations}))
"""

SIZES = """
import importlib.metadata as metadata, json
sizes = {}
for package in metadata.distributions():
    files = [package.locate_file(file) for file in package.files or ()]
    sizes[package.name] = sum(file.stat().st_size for file in files if file.is_file())
print(json.dumps([sizes, metadata.packages_distributions()]))
"""

RELEASES = """
import importlib.metadata as metadata, json
print(json.dumps(", ".join(f"{name} {metadata.version(name)}" for name in ("pandas", "numpy", "pyarrow"))))
"""

IMPORTS = {
    "import spark_model_monitor": "import spark_model_monitor",
    "its DataQualityMonitor and run_baseline": "from spark_model_monitor import DataQualityMonitor, run_baseline",
    "pandas and pyarrow alone": "import pandas, pyarrow",
}

SMALLEST_SHOWN_MB = 1

WHAT_TO_WRITE = {
    "url": "the address of the repository",
    "project_urls": "the addresses of the documentation, the changelog and the issues",
    "author": "the name of the person or organisation that wrote the package",
    "author_email": "an address at which the author can be reached",
    "maintainer": "the name of the person or organisation that publishes releases",
    "maintainer_email": "an address at which the maintainer can be reached",
}
"""The members of setup.cfg that say whose the package is."""

OTHER_FILES = {
    "README.md": "the address of the repository",
    "docs/jobs.md": "the address of the repository",
    "CITATION.cff": "the authors, and the address of the repository",
    ".github/CODEOWNERS": "who is asked to review",
    ".github/MAINTAINERS.md": "who reviews and releases",
    "docs/site/index.html": "the address of the site",
    "requirements/conda/meta.yaml": "the address of the repository, and the digest of the source distribution",
}
"""Other files with placeholders, and what to write instead."""

RESERVED_DOMAIN = r"(?://|@)(?:[\w-]+\.)*(?:example\.(?:com|net|org)|example|invalid|localhost|test)(?=[/:\s]|$)"
"""In an address: a domain that belongs to nobody (RFC 2606)."""

PLACEHOLDER = re.compile(rf"\bplaceholder\b|{RESERVED_DOMAIN}", re.IGNORECASE)


def main(folder: Path, pythons: list[str]) -> None:
    """Builds, checks and tries what would be published. pythons: versions, with releases behind each +."""
    shutil.rmtree(folder, ignore_errors=True)
    wheel, sdist = build_distributions(folder / "dist")
    check_distributions(wheel, sdist)
    print(f"{wheel.name} and {sdist.name} are built, and twine accepts them", flush=True)

    last_environment = None
    for python in pythons:
        environment = folder / python
        if try_wheel(wheel, environment, *python.split("+", 1)):
            last_environment = environment
    if last_environment is not None:
        report_sizes(last_environment)

    refuse_placeholders({name: (ROOT / name).read_text(encoding="utf-8") for name in ("setup.cfg", *OTHER_FILES)})


def build_distributions(folder: Path) -> tuple[Path, Path]:
    """The wheel and the source distribution, built by the pinned setuptools alone; the wheel is made of the other one's files."""
    uv = str(Path(sys.executable).with_name("uv"))
    build = [uv, "build", "--offline", "--no-build-isolation", "--python", str(TOOLS / "python")]
    run_command([*build, "--quiet", "--out-dir", str(folder), str(ROOT)], ROOT)
    [wheel] = folder.glob("*.whl")
    [sdist] = folder.glob("*.tar.gz")
    return wheel, sdist


def check_distributions(*distributions: Path) -> None:
    """Raises SystemExit if a registry would refuse one of them, or could not show its description."""
    run_command([str(TOOLS / "twine"), "check", "--strict", *map(str, distributions)], ROOT)


def refuse_placeholders(texts: Mapping[str, str]) -> None:
    """Raises SystemExit if members of setup.cfg are absent, or placeholders are left there or in other files.

    texts: by the file's name. The error names each, and what to write instead.
    """
    metadata = ConfigParser()
    metadata.read_string(texts["setup.cfg"])

    faults = []
    for member, instead in WHAT_TO_WRITE.items():
        lines = metadata.get("metadata", member, fallback="").split("\n")
        if not any(lines):
            faults.append(f"{member} is absent: write {instead}")
        placeholders = [line for line in lines if PLACEHOLDER.search(line)]
        faults += [f"{member} is a placeholder ({line}): write {instead}" for line in placeholders]
    for name, instead in OTHER_FILES.items():
        placeholders = [line.strip() for line in texts[name].splitlines() if PLACEHOLDER.search(line)]
        faults += [f"{name} has a placeholder ({line}): write {instead}" for line in placeholders]
    if faults:
        raise SystemExit(
            "\n- ".join(["the files don't say whose the package is, so it must not be published:", *faults])
        )


def try_wheel(wheel: Path, environment: Path, version: str, pins: str) -> bool:
    """Runs the quickstart in a new environment that has the wheel and a list of libraries; False without that Python."""
    python = shutil.which(f"python{version}")
    started = python and subprocess.run([python, "-V"], env=clean_variables(version), capture_output=True, check=False)
    if not python or (started and started.returncode):
        print(f"Python {version} is not here, and was not tried")
        return False
    subprocess.run([python, "-m", "venv", environment], env=clean_variables(version), check=True)
    hashed = str(ROOT / "requirements" / "hashed" / f"{pins}.txt")
    run_pip(environment, "install", "--quiet", "--require-hashes", "--only-binary", ":all:", "-r", hashed)
    run_pip(environment, "install", "--quiet", "--no-index", "--no-deps", str(wheel))
    run_quickstart(environment)
    releases = json.loads(run_command([str(environment / "bin" / "python"), "-c", RELEASES], environment).stdout)
    print(f"Python {version} with {releases}: the quickstart runs", flush=True)
    return True


def run_quickstart(environment: Path) -> set[str]:
    """Baseline and window as commands and from Python; gives the top-level modules that a command loaded."""
    folder = environment / "quickstart"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / "march.csv").write_text(ORDERS)
    (folder / "april.csv").write_text(ORDERS.replace("FR", "ES"))
    run_command([str(environment / "bin" / "spark-model-monitor"), "baseline", "march.csv"], folder)

    python = str(environment / "bin" / "python")
    monitor = [python, "-X", "importtime", "-m", "spark_model_monitor", "monitor", "april.csv"]
    monitoring = run_command([*monitor, "--baseline", "march-baseline", "--fail-on-violations"], folder, status=4)
    violated_features = run_command([python, "-c", FROM_PYTHON], folder).stdout
    assert violated_features == "country\n", violated_features
    modules = re.findall(r"^import time:.*\| +(\S+)$", monitoring.stderr, re.MULTILINE)
    return {module.partition(".")[0] for module in modules}


def report_sizes(environment: Path) -> None:
    python = str(environment / "bin" / "python")
    sizes, packages = json.loads(run_command([python, "-c", SIZES], environment).stdout)
    modules = run_quickstart(environment)
    loaded = {package for module in modules for package in packages.get(module, ())} - {"pip", "setuptools"}

    # What the environment holds
    print("\n| package | MB | a run without Spark loads it |\n|---|---|---|")
    for name, size in sorted(sizes.items(), key=lambda named_size: -named_size[1]):
        if size >= SMALLEST_SHOWN_MB * 1e6:
            print(f"| {name} | {size / 1e6:.0f} | {'yes' if name in loaded else 'no'} |")
    loaded_size = sum(size for name, size in sizes.items() if name in loaded)
    print(f"| all {len(sizes)} | {sum(sizes.values()) / 1e6:.0f} | {loaded_size / 1e6:.0f} |")

    # What it takes to load it
    print("\n| import | core seconds |\n|---|---|")
    for name, program in IMPORTS.items():
        seconds = min(measure_core_seconds([python, "-c", program], environment) for _ in range(3))
        print(f"| {name} | {seconds:.2f} |")

    # That the rest isn't needed
    run_pip(environment, "uninstall", "--quiet", "--yes", *sorted(set(sizes) - loaded - {"pip"}))
    run_quickstart(environment)
    print("\nthe quickstart runs without the rest")


def measure_core_seconds(command: list[str], folder: Path) -> float:
    """What a processor does for a command that ends well."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run_command(command, folder)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def run_pip(environment: Path, *arguments: str) -> None:
    subprocess.run([environment / "bin" / "python", "-m", "pip", "--disable-pip-version-check", *arguments], check=True)


def run_command(command: list[str], folder: Path, status: int = 0) -> subprocess.CompletedProcess[str]:
    """Runs a command that has to end with this status."""
    process = subprocess.run(command, cwd=folder, env=clean_variables(), capture_output=True, text=True, check=False)
    if process.returncode != status:
        raise SystemExit(f"{command} ended with {process.returncode}:\n{process.stdout}{process.stderr}")
    return process


def clean_variables(version: str = "") -> dict[str, str]:
    """The variables of this process without those that find other packages. version: for pyenv, which others don't mind."""
    hidden = ("PYTHONPATH", "PYTHONHOME", "SPARK_HOME")
    variables = {name: value for name, value in os.environ.items() if name not in hidden}
    if version:
        variables["PYENV_VERSION"] = version
    return variables


if __name__ == "__main__":
    main(FOLDER, sys.argv[1:])
