"""benchmarks/verdict_cases.py: each case can be made, its fault changes the window alone, and a try says what was named."""

import importlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def verdict_cases():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        yield importlib.import_module("verdict_cases")


def test_every_fault_changes_the_window_and_leaves_its_twin(verdict_cases):
    for name, case in verdict_cases.CASES.items():
        window = next(case.draw_windows(np.random.default_rng(1)))
        twin = pd.DataFrame(window).copy(deep=True)
        changed = case.make_fault(np.random.default_rng(2), window)

        assert pd.DataFrame(window).equals(twin), name
        assert [*changed] == [*window], name
        assert not pd.DataFrame(changed).equals(twin), name


def test_tries_depend_on_the_seed_alone(verdict_cases):
    for name, case in verdict_cases.CASES.items():
        first, repeated = (next(case.draw_windows(np.random.default_rng(3))) for _ in range(2))
        assert pd.DataFrame(first).equals(pd.DataFrame(repeated)), name


@pytest.mark.parametrize("learnt", [0, 2], ids=["two frames", "a schedule"])
def test_a_gross_fault_is_found_and_its_twin_is_silent(verdict_cases, learnt):
    case = replace(verdict_cases.CASES["a. age in months"], learnt=learnt)
    outcome = verdict_cases.try_case(case, seed=1)
    assert (outcome.is_found, outcome.alarms, outcome.named) == (True, (), ("age",))
