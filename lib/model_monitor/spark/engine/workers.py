"""What Spark is told of its Python workers: their environment, and what this machine's processor is slow at."""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import model_monitor
from model_monitor.spark.launch.request import is_local

if TYPE_CHECKING:
    from pyspark import SparkConf


VARIABLE = "NPY_DISABLE_CPU_FEATURES"
"""Features of the processor that numpy does without, if it is set before numpy is imported."""

_AVX_512 = ("X86_V4", "AVX512F")  # numpy's names, since 2.4 and before
_SORTS_BY_AVX2_FROM = 2  # major version of numpy; an earlier one has only its plain sort beside the one by AVX-512
_ZEN_3_AND_4 = "25"  # the family's number; Zen 3 has no AVX-512
_PROCESSORS = Path("/proc/cpuinfo")


def features_to_leave_out() -> str:
    """The value of `VARIABLE` for this machine and its numpy; empty if nothing is to be left out."""
    processors = ""
    with suppress(OSError):  # only Linux has it
        processors = _PROCESSORS.read_text(encoding="utf-8", errors="replace")
    chosen_at_run_time = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
    return slow_features(processors, int(np.__version__.partition(".")[0]), chosen_at_run_time)


def slow_features(processors: str, numpy_major: int, chosen_at_run_time: Collection[str]) -> str:
    """The same for any machine.

    processors: the text of its /proc/cpuinfo. chosen_at_run_time: the features that its numpy found; one that it was built to
    need is not among them and can't be left out.
    """
    if not _is_zen_4(processors) or numpy_major < _SORTS_BY_AVX2_FROM:
        return ""
    return next((name for name in _AVX_512 if name in chosen_at_run_time), "")


def _is_zen_4(processors: str) -> bool:
    facts = dict(re.findall(r"^(\w[\w ]*?)\s*: (.*)$", processors.partition("\n\n")[0], re.MULTILINE))
    return (
        facts.get("vendor_id") == "AuthenticAMD"
        and facts.get("cpu family") == _ZEN_3_AND_4
        and "avx512f" in facts.get("flags", "").split()
    )


# What Spark is told of its Python workers: their environment, and where they are forked from.


DAEMON, DAEMON_MODULE = "spark.python.daemon.module", "model_monitor.spark.engine.worker_daemon"
_PYTHON_PATH = "spark.executorEnv.PYTHONPATH"

IMPORTS = {"SETUPTOOLS_USE_DISTUTILS": "stdlib"} if sys.version_info < (3, 12) else {}  # which has no other
"""In each worker PySpark asks distutils for a version; setuptools would put its own in its place, and load itself for that."""

ALLOCATION = {"MALLOC_TRIM_THRESHOLD_": str(64 * 2**20), "MALLOC_MMAP_THRESHOLD_": str(32 * 2**20)}
"""Of glibc, in bytes: what the arrays of a block took is kept for those of the next one, instead of being given back to the
system, which has to clear it before it is given out again."""


def worker_settings(given: SparkConf, environment: Mapping[str, str]) -> dict[str, str]:
    """Spark's settings for Python workers, but for those that the user made.

    given: the user's. environment: the driver's; a variable of it that numpy or glibc reads is the user's word, too.
    """
    features = features_to_leave_out()  # of this machine, which is taken for the workers'
    tuning = {**ALLOCATION, **({VARIABLE: features} if features else {})}
    variables = {**IMPORTS, **{name: value for name, value in tuning.items() if name not in environment}}
    settings = {f"spark.executorEnv.{name}": value for name, value in variables.items()}
    if is_local(given.get("spark.master", "local") or "") and not given.contains(_PYTHON_PATH):
        # elsewhere the package comes to workers that run already
        settings |= {DAEMON: DAEMON_MODULE, _PYTHON_PATH: str(Path(model_monitor.__file__).parent.parent)}
    return {key: value for key, value in settings.items() if not given.contains(key)}
