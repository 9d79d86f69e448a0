"""Which features of a processor numpy has to do without, by the texts that Linux gives of it."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from spark_model_monitor.spark.engine.application import (
    NUMPY_VARIABLE,
    choose_excluded_features,
    find_excluded_features,
)

FOUND = ("SSE42", "AVX2", "AVX512F", "AVX512_SKX")
FOUND_BY_LEVELS = ("X86_V3", "X86_V4", "AVX512_ICL")


def processors(vendor: str = "AuthenticAMD", family: int = 25, flags: str = "fpu avx2 avx512f avx512dq") -> str:
    """A /proc/cpuinfo of two cores."""
    of_one = (
        f"processor\t: 0\nvendor_id\t: {vendor}\ncpu family\t: {family}\nmodel\t\t: 17\nmodel name\t: A B: C\n"
        f"wp\t\t: yes\nflags\t\t: {flags}\nbugs\t\t: sysret_ss_attrs\npower management:\n\n"
    )
    return of_one * 2


def test_zen_4_sorts_without_avx_512():
    assert choose_excluded_features(processors(), 2, FOUND) == "AVX512F"


def test_numpy_that_names_levels_of_processors_is_reported_the_level():
    assert choose_excluded_features(processors(), 2, FOUND_BY_LEVELS) == "X86_V4"


@pytest.mark.parametrize(
    "processor",
    [
        pytest.param(processors("GenuineIntel", 6), id="Intel"),
        pytest.param(processors(family=26), id="Zen 5"),
        pytest.param(processors(flags="fpu avx2"), id="Zen 3"),
        pytest.param("processor\t: 0\nBogoMIPS\t: 243.75\nFeatures\t: fp asimd sve\n\n", id="Arm"),
        pytest.param("", id="no such file"),
    ],
)
def test_other_processors_keep_all_they_have(processor: str):
    assert choose_excluded_features(processor, 2, FOUND) == ""


def test_numpy_1_keeps_its_only_vectorised_sort():
    assert choose_excluded_features(processors(), 1, FOUND) == ""


def test_numpy_that_was_built_to_need_avx_512_keeps_it():
    assert choose_excluded_features(processors(), 2, ("AVX512_SPR",)) == ""


def test_numpy_here_leaves_out_what_it_is_reported():
    features = find_excluded_features() or "AVX2"
    program = "import numpy; print(*numpy.show_config(mode='dicts')['SIMD Extensions'].get('found', []))"

    process = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, NUMPY_VARIABLE: features},
        check=True,
        capture_output=True,
        text=True,
    )

    extensions = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
    if features not in extensions:
        pytest.skip(f"this machine's processor has no {features}")
    assert set(process.stdout.split()) == set(extensions) - {features}
