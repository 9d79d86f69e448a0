"""`--compat service` computes areas as Spark's MLlib does, on one partition; MLlib itself is asked.

That the service's own area of a file of 4,119 rows comes out (G20) can't be checked: that file is not published.
"""

import json

import numpy as np
import pandas as pd
import pytest
from tests.spark_lines import driver_context, on_a_jvm

from spark_model_monitor.monitors.model_quality.metrics.ranking import Curve, trapezoids
from spark_model_monitor.statistics.states.scores import UNLIMITED, ScoreCountsBuilder

pytestmark = on_a_jvm("MLlib is asked in the driver's JVM")

BINS = 1000
"""MLlib's default for data frames, which the service takes (G20)."""


def scored(rows, distinct, seed):
    """Scores with ties, and labels that are more often 1 where the score is high."""
    rng = np.random.default_rng(seed)
    scores = rng.choice(rng.random(distinct), rows)
    return scores, (rng.random(rows) < scores**2).astype(np.float64)


def compute_by_mllib(spark, folder, *parts):
    """MLlib's own, of a partition for each of the frames."""
    for number, part in enumerate(parts):
        part.to_parquet(folder / f"{number}.parquet", index=False)
    pairs = spark.read.parquet(str(folder))._jdf
    assert pairs.rdd().getNumPartitions() == len(parts)
    return driver_context()._jvm.org.apache.spark.mllib.evaluation.BinaryClassificationMetrics(pairs)


@pytest.mark.parametrize(
    ("rows", "distinct"),
    [
        pytest.param(300, 40, id="many ties"),
        pytest.param(1_900, 1_900, id="fewer than twice the bins: nothing is thinned"),
        pytest.param(6_000, 2_000, id="about twice the bins"),
        pytest.param(9_999, 9_999, id="a last group that is not full"),
        pytest.param(20_000, 7_777, id="groups of several"),
    ],
)
def test_areas_are_those_of_mllib_to_the_last_digit(spark, tmp_path, rows, distinct):
    scores, labels = scored(rows, distinct, seed=rows)
    theirs = compute_by_mllib(spark, tmp_path, pd.DataFrame({"score": scores, "label": labels}))
    builder = ScoreCountsBuilder(UNLIMITED)
    builder.update(scores, labels > 0)
    curve = Curve.of(builder.state()).thin(BINS)

    assert trapezoids(*curve.roc()) == theirs.areaUnderROC()
    assert trapezoids(*curve.precision_recall()) == theirs.areaUnderPR()


def test_the_service_added_up_the_area_of_its_run_in_two_partitions(spark, golden, tmp_path_factory):
    """Its last digit is that of two partitions; `--compat service` has one."""
    run = golden / "mq-churn-binary" / "run1-goldmermaid"
    truth = [json.loads(line) for line in (run / "ground-truth.reconstructed.jsonl").read_text().splitlines()]
    labels = {
        label_record["eventMetadata"]["eventId"]: float(label_record["groundTruthData"]["data"])
        for label_record in truth
    }
    captures = [json.loads(line) for line in (run / "capture.reconstructed.jsonl").read_text().splitlines()]
    rows = pd.DataFrame(
        [
            (float(capture["captureData"]["endpointOutput"]["data"]), labels[capture["eventMetadata"]["inferenceId"]])
            for capture in captures
        ],
        columns=["score", "label"],
    )

    def area(partitions):
        parts = np.array_split(rows.index, partitions)
        return compute_by_mllib(
            spark, tmp_path_factory.mktemp("pairs"), *[rows.loc[part] for part in parts]
        ).areaUnderROC()

    assert area(1) == 0.513825881007948
    assert any(
        area(2) == 0.5138258810079481 for _ in range(20)
    )  # parts are added as they come, on a busy machine in any order
    assert "0.5138258810079481" in (run / "violations.as-displayed.json").read_text()
