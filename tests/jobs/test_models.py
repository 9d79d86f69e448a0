"""Models in files, which a process of their own tries to load first."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from tests.unit.runs.local_jobs import LocalJobs
from tests.unit.runs.test_attribution_jobs import CONFIG, EXPLAIN, NAMES, TRAINED, read_attributions

from spark_model_monitor import ErrorModel

pytestmark = pytest.mark.nightly


def test_a_table_of_predicted_numbers_becomes_an_estimate_of_their_error(tmp_path):
    """By hand: predictions of a are off by 4, those of b by 20; the baseline has as many of both, the window three of four b."""
    jobs = LocalJobs(tmp_path)
    labelled = pd.DataFrame({"kind": ["a", "b"] * 150, "predicted": 50.0, "price": [54.0, 70.0] * 150})
    refused = pd.DataFrame({"kind": ["a"], "predicted": [50.0], "price": ["unknown"]})  # one of 301 is put aside
    today = pd.DataFrame({"kind": ["a", "b", "b", "b"] * 50, "predicted": 50.0})
    jobs.write("priced.csv", pd.concat([labelled, refused]).to_csv(index=False))
    jobs.write("today.csv", today.to_csv(index=False))
    numbers = "--problem-type Regression --inference-attribute predicted"

    words = f"--analysis-type MODEL_QUALITY {numbers} --ground-truth-attribute price --learn-errors errors.skops"
    jobs.run(f"baseline {words} --dataset-source priced.csv --output-path priced")
    words = f"--analysis-type ESTIMATED_QUALITY {numbers} --baseline priced --set error_model=errors.skops"
    jobs.run(f"monitor {words} --dataset-source today.csv --output-path today")

    rows = {name: pa.Array.from_pandas(values) for name, values in labelled.items()}
    learnt = ErrorModel.learnt(labelled, label="price", prediction="predicted")
    read = ErrorModel.read(str(jobs.folder / "errors.skops"))
    assert read(rows).tolist() == learnt(rows).tolist()
    values = {metric["name"]: metric["value"] for metric in jobs.read("today/estimated_quality.json")["metrics"]}
    squared = (4**2 + 3 * 20**2) / 4
    assert values == pytest.approx({"mae": (4 + 3 * 20) / 4, "mse": squared, "rmse": squared**0.5}, rel=0.001)


def test_a_model_of_xgboost_is_explained_by_itself(tmp_path):
    xgboost = pytest.importorskip("xgboost", reason="xgboost-cpu is not installed")
    jobs = LocalJobs(tmp_path)
    jobs.write("analysis.json", CONFIG)
    jobs.write("train.csv", TRAINED.to_csv(index=False))
    rows = TRAINED[list(NAMES)]
    target = rows["age"] / 100 + rows["visits"] / 50
    booster = xgboost.train({"max_depth": 3}, xgboost.DMatrix(rows, target), 20)
    booster.save_model(jobs.folder / "model.json")

    words = "--dataset-source train.csv --model model.json --output-path xgboost"
    jobs.run(f"baseline {EXPLAIN} analysis.json {words}")
    values = read_attributions(jobs, "xgboost")
    local_values = pd.read_csv(jobs.folder / "xgboost" / "explanations_shap" / "out.csv")

    sums = local_values.sum(axis=1) + values["expected_value"]
    np.testing.assert_allclose(sums, booster.predict(xgboost.DMatrix(rows)), atol=1e-6)
    assert max(values["global_shap_values"], key=values["global_shap_values"].get) == "age"
