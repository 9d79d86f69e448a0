"""What a registry gets, tried as a stranger would: the wheel in an empty environment of each Python, and the quickstart there.

python -m tests.publish WHEEL 3.10 3.11 3.12+pandas==2.2.3+numpy==1.26.4 …

Behind a + are releases that an environment has to have. It ends with the sizes of what the last environment holds, with which of
it a run without Spark loads and how long that takes; the quickstart is run once more without the rest.
"""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "build" / "publish"
ORDERS = "country,items\n" + "DE,1\nFR,3\nPL,2\n" * 40

FROM_PYTHON = """
import pandas as pd
from spark_model_monitor import DataQualityMonitor, run_baseline, run_monitoring
baseline = run_baseline(pd.read_csv("march.csv"), DataQualityMonitor())
print(*sorted({each.feature_name for each in run_monitoring("april.csv", DataQualityMonitor(), baseline).violations.violations}))
"""

SIZES = """
import importlib.metadata as metadata, json
of = {}
for each in metadata.distributions():
    files = [each.locate_file(file) for file in each.files or ()]
    of[each.name] = sum(file.stat().st_size for file in files if file.is_file())
print(json.dumps([of, metadata.packages_distributions()]))
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

LEAST_MB = 1


def main(wheel: str, versions: list[str]) -> None:
    last = None
    for name in versions:
        version, *pins = name.split("+")
        python = shutil.which(f"python{version}")
        runs = python and subprocess.run([python, "-V"], env=_named(version), capture_output=True, check=False)
        if not python or (runs and runs.returncode):
            print(f"Python {version} is not here, and was not tried")
            continue
        environment = FOLDER / name
        shutil.rmtree(environment, ignore_errors=True)
        subprocess.run([python, "-m", "venv", environment], env=_named(version), check=True)
        _pip(environment, "install", "--quiet", "--use-pep517", wheel, *pins)
        _quickstart(environment)
        held = json.loads(_run([str(environment / "bin" / "python"), "-c", RELEASES], FOLDER, 0).stdout)
        print(f"Python {version} with {held}: the quickstart runs", flush=True)
        last = environment
    if last is not None:
        _report_sizes(last)


def _quickstart(environment: Path) -> set[str]:
    """Baseline and window as commands and from Python; gives the top-level modules that a command loaded."""
    folder = environment / "quickstart"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / "march.csv").write_text(ORDERS)
    (folder / "april.csv").write_text(ORDERS.replace("FR", "ES"))
    python = str(environment / "bin" / "python")
    monitor = [python, "-X", "importtime", "-m", "spark_model_monitor.cli", "monitor", "april.csv"]
    _run([str(environment / "bin" / "spark-model-monitor"), "baseline", "march.csv"], folder, 0)
    loaded = _run([*monitor, "--baseline", "march-baseline", "--fail-on-violations"], folder, 4).stderr
    found = _run([python, "-c", FROM_PYTHON], folder, 0).stdout
    assert found == "country\n", found
    return {name.partition(".")[0] for name in re.findall(r"^import time:.*\| +(\S+)$", loaded, re.MULTILINE)}


def _report_sizes(environment: Path) -> None:
    python = str(environment / "bin" / "python")
    sizes, owners = json.loads(_run([python, "-c", SIZES], FOLDER, 0).stdout)
    loaded = {owner for module in _quickstart(environment) for owner in owners.get(module, ())} - {"pip", "setuptools"}
    print("\n| package | MB | a run without Spark loads it |\n|---|---|---|")
    for name, size in sorted(sizes.items(), key=lambda sized: -sized[1]):
        if size >= LEAST_MB * 1e6:
            print(f"| {name} | {size / 1e6:.0f} | {'yes' if name in loaded else 'no'} |")
    of_loaded = sum(size for name, size in sizes.items() if name in loaded)
    imports = {name: min(_core_seconds([python, "-c", program]) for _ in range(3)) for name, program in IMPORTS.items()}
    print(f"| all {len(sizes)} | {sum(sizes.values()) / 1e6:.0f} | {of_loaded / 1e6:.0f} |")
    print("\n| import | core seconds |\n|---|---|")
    print("".join(f"| {name} | {seconds:.2f} |\n" for name, seconds in imports.items()), end="")
    _pip(environment, "uninstall", "--quiet", "--yes", *sorted(set(sizes) - loaded - {"pip"}))
    _quickstart(environment)
    print("\nthe quickstart runs without the rest")


def _core_seconds(words: list[str]) -> float:
    """Of a process that has ended well."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    _run(words, FOLDER, 0)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _pip(environment: Path, *words: str) -> None:
    subprocess.run([environment / "bin" / "python", "-m", "pip", "--disable-pip-version-check", *words], check=True)


def _run(words: list[str], folder: Path, status: int) -> subprocess.CompletedProcess[str]:
    ended = subprocess.run(words, cwd=folder, env=_named(""), capture_output=True, text=True, check=False)
    if ended.returncode != status:
        raise SystemExit(f"{words} ended with {ended.returncode}:\n{ended.stdout}{ended.stderr}")
    return ended


def _named(version: str) -> dict[str, str]:
    """The variables of this process without those that find other packages. version: for pyenv, which others don't mind."""
    kept = {name: text for name, text in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME", "SPARK_HOME")}
    return {**kept, **({"PYENV_VERSION": version} if version else {})}


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
