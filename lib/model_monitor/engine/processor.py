"""What this machine's processor is slow at, and how numpy is told to do it in another way.

KLL sorts each number twice or so. On AMD's Zen 4 numpy's sort by AVX-512 takes far longer than that by AVX2, because of one
instruction of it (numpy/x86-simd-sort#6): numpy chooses by what a processor has. Both sort alike.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

import numpy as np

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
