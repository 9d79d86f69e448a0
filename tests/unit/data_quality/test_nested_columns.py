"""Columns of lists and structs: another kind of values is another type, and lists that lack elements have no norm."""

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spark_model_monitor import DataQualityMonitor, run_baseline, run_monitoring

ROWS = 300
LOCAL = {"engine": "local"}


def draw(seed, shape):
    return np.random.default_rng(seed).normal(size=shape)


KINDS = {
    "lists of numbers": lambda seed: draw(seed, (ROWS, 4)).tolist(),
    "lists of texts": lambda seed: [["a", "b", "c", "d"]] * ROWS,
    "structs": lambda seed: [{"a": number} for number in draw(seed, ROWS).tolist()],
    "numbers": lambda seed: draw(seed, ROWS).tolist(),
    "texts": lambda seed: ["error"] * ROWS,
}
NESTED = ("lists of numbers", "lists of texts", "structs")


def write_column(path, cells):
    pq.write_table(pa.table({"e": cells, "k": draw(9, ROWS)}), path)
    return str(path)


def list_violations(baseline, current):
    findings = run_monitoring(
        current, DataQualityMonitor(), run_baseline(baseline, DataQualityMonitor(), **LOCAL), **LOCAL
    )
    return {finding.check: finding for finding in findings.results if finding.is_violation}


@pytest.mark.parametrize("after", KINDS)
@pytest.mark.parametrize("before", NESTED)
def test_another_kind_of_values_is_another_type(tmp_path, before, after):
    baseline = write_column(tmp_path / "before.parquet", KINDS[before](1))
    current = write_column(tmp_path / "now.parquet", KINDS[after](2))
    violations = list_violations(baseline, current)

    assert ("data_type_check" in violations) is (before != after)
    if before != after:
        words = "changed its type: 100 % are no lists or structs of the same kind any more"
        assert violations["data_type_check"].change == words


@pytest.mark.parametrize("after", ["lists of numbers", "texts"])
def test_lists_of_json_that_become_texts_have_another_type(tmp_path, after):
    for name, cells in (("before", KINDS["lists of numbers"](1)), ("now", KINDS[after](2))):
        lines = [json.dumps({"e": cell, "k": number}) for number, cell in enumerate(cells)]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines) + "\n")
    violations = list_violations(str(tmp_path / "before.jsonl"), str(tmp_path / "now.jsonl"))

    assert ("data_type_check" in violations) is (after == "texts")


@pytest.mark.parametrize("after", ["empty", "lacking"])
def test_lists_whose_elements_show_no_kind_have_the_baselines(tmp_path, after):
    cells = {"empty": pa.array([[]] * ROWS, pa.list_(pa.null())), "lacking": [[1.0, None, 2.0, 3.0]] * ROWS}
    baseline = write_column(tmp_path / "before.parquet", KINDS["lists of numbers"](1))

    assert "data_type_check" not in list_violations(baseline, write_column(tmp_path / "now.parquet", cells[after]))


@pytest.mark.parametrize("num_lacking", [4, 2, 0])
def test_vectors_that_lack_elements_are_not_shorter(num_lacking):
    """Of a third of the vectors, so many elements are missing."""
    before = draw(1, (1_500, 4))
    now = draw(2, (1_500, 4))
    now[::3, :num_lacking] = np.nan
    frames = [pd.DataFrame({"e": list(vectors), "k": draw(3, 1_500)}) for vectors in (before, now)]

    assert list(list_violations(*frames)) == (["vector_gaps_check"] if num_lacking else [])
