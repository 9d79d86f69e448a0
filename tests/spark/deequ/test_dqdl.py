"""DQDL rules are what Deequ's own evaluation makes of them, except where Deequ contradicts the guide."""

import os
import re
from datetime import datetime, timezone

import pytest
from tests.dqdl_examples import DIFFERENCES, SAME_AS_DEEQU, SAME_OUTCOME, make_table

from spark_model_monitor import DataQualityMonitor, run_monitoring
from spark_model_monitor.documents.dqdl_parser import parse_rule_set
from spark_model_monitor.running.product_layout import cache_directory
from spark_model_monitor.spark.launch.deequ_jar import Artifact, provide_artifact

pytestmark = pytest.mark.deequ

GRAMMAR = Artifact(
    "software.amazon.glue", "dqdl", "1.0.0", "8382887bd34e23a426e3824520e69ba59e9666f567a4f7bad2a6b40348cdaa6e"
)
"""What Deequ parses DQDL with: a dependency of it that only this needs, in the last release of Maven Central."""

OUTCOMES = {"violated": "Failed", "passed": "Passed"}


def make_frame(spark):
    rows = [tuple(row.values()) for row in make_table().to_pylist()]
    return spark.createDataFrame(rows, SCHEMA)


def today():
    return datetime.now(timezone.utc).date()


SCHEMA = (
    "id int, amount double, country string, code string, day date, ts timestamp, other int, zip string, flag boolean, "
    "num string"
)


@pytest.fixture(scope="module")
def outcomes_of_deequ(spark):
    """Deequ's outcome and metrics of all rules, by one call."""
    jar = provide_artifact(GRAMMAR, cache_directory(os.environ) / "jars", os.environ, "copy it there")
    jvm = spark._jvm
    loader = jvm.java.lang.Thread.currentThread().getContextClassLoader()
    loader.addURL(jvm.java.io.File(str(jar)).toURI().toURL())
    from pydeequ.dqdl import EvaluateDataQuality

    rules = [*SAME_AS_DEEQU, *SAME_OUTCOME, *(rule for rule, *_ in DIFFERENCES)]
    # Deequ compares days, so the newest row has to be of the day on which they are evaluated
    while True:
        day = today()
        rows = EvaluateDataQuality.process(spark, make_frame(spark), f"Rules = [{', '.join(rules)}]").collect()
        if today() == day:
            break
    evaluated = {squash(row.Rule): (row.Outcome, dict(row.EvaluatedMetrics or {})) for row in rows}
    return {rule: evaluated[squash(rule)] for rule in rules}


def squash(rule):
    """A rule as both write it: Deequ returns rules in an order of its own, with parentheses of its own."""
    return re.sub(r"[\s()]", "", rule).lower()


@pytest.fixture(scope="module")
def verdicts(spark):
    rules = [*SAME_AS_DEEQU, *SAME_OUTCOME, *(rule for rule, *_ in DIFFERENCES)]
    rule_set = parse_rule_set(f"Rules = [{', '.join(rules)}]", "rules.dqdl")
    check_results = run_monitoring(
        make_frame(spark), DataQualityMonitor(), None, expectations=rule_set, engine="spark"
    ).results
    return dict(zip(rules, check_results, strict=True))


@pytest.mark.parametrize("rule", SAME_AS_DEEQU)
def test_outcome_and_metric_are_those_of_deequ(outcomes_of_deequ, verdicts, rule):
    outcome, metrics = outcomes_of_deequ[rule]

    assert OUTCOMES[verdicts[rule].status.value] == outcome
    if metrics:  # Deequ has none for between
        assert any(verdicts[rule].observed == pytest.approx(metric, rel=1e-9, abs=1e-12) for metric in metrics.values())


@pytest.mark.parametrize("rule", SAME_OUTCOME)
def test_outcome_is_that_of_deequ(outcomes_of_deequ, verdicts, rule):
    assert OUTCOMES[verdicts[rule].status.value] == outcomes_of_deequ[rule][0]


@pytest.mark.parametrize(("rule", "status", "metric", "outcome"), DIFFERENCES)
def test_where_deequ_contradicts_the_guide(outcomes_of_deequ, verdicts, rule, status, metric, outcome):
    assert (verdicts[rule].status.value, verdicts[rule].observed) == (status, metric)
    assert outcomes_of_deequ[rule][0] == outcome, "Deequ has changed; docs/reference/dqdl.md says otherwise"


def test_both_engines_have_the_same_results(verdicts):
    rule_set = parse_rule_set(f"Rules = [{', '.join(verdicts)}]", "rules.dqdl")
    local = run_monitoring(make_table(), DataQualityMonitor(), None, expectations=rule_set, engine="local").results

    # Sums and spreads of rows in other partitions differ in their last digits
    for mine, of_spark in zip(local, verdicts.values(), strict=True):
        assert (mine.status, mine.feature, mine.m) == (of_spark.status, of_spark.feature, of_spark.m)
        assert mine.observed == (None if of_spark.observed is None else pytest.approx(of_spark.observed, rel=1e-12))
