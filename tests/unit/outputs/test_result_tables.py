"""summary.parquet and checks.parquet: every number is one of checks.json, of the metrics, or of the rows themselves."""

import io
import itertools
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
from tests.run_descriptions import describe_run
from tests.unit.data_quality.comparisons import make_profile, number_feature, text_feature

from spark_model_monitor.documents.check_results import CheckResult, CheckStatus
from spark_model_monitor.documents.outcome import Outcome
from spark_model_monitor.documents.statistics import Summary, SummaryRow
from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from spark_model_monitor.monitors.protocol import Sample
from spark_model_monitor.reports.outputs.result_tables import (
    CHECKS,
    SUMMARY,
    create_run_rows,
    decode_bins,
    encode_checks,
    encode_summary,
)
from spark_model_monitor.running.runs.results import CheckResults

MONITOR = DataQualityMonitor()


def read_rows(content):
    return pq.read_table(io.BytesIO(content)).to_pylist()


def encode_comparison(before, after):
    baseline = MONITOR.stored_baseline(MONITOR.constraints(before), None, before)
    results = MONITOR.judge(Sample(after, MONITOR.metrics(after)), baseline).results
    return encode_summary(MONITOR.judge(Sample(after, None), baseline).summary(), results)[SUMMARY], results


def read_bins(content):
    return decode_bins(pq.read_schema(io.BytesIO(content)).metadata)


def test_shares_are_those_of_the_rows_in_the_baselines_bins():
    random = np.random.default_rng(1)
    before = random.normal(0, 1, 1000)
    after = random.normal(0.5, 2, 900)
    content, _ = encode_comparison(
        make_profile(number_feature("x", before.tolist())), make_profile(number_feature("x", after.tolist()))
    )

    [row] = read_rows(content)
    low, high = read_bins(content)["x"]
    edges = np.concatenate(([-np.inf], np.linspace(low, high, 21), [np.inf]))
    counted = [np.mean((after > a) & (after <= b)) for a, b in itertools.pairwise(edges)]
    assert (low, high) == tuple(np.quantile(before, (0.005, 0.995), method="inverted_cdf"))
    np.testing.assert_allclose(np.array(row["shares"]) / 65_535, counted, atol=1e-5)
    quantiles = np.quantile(after, [0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99], method="inverted_cdf")
    np.testing.assert_allclose(row["quantiles"], quantiles, rtol=1e-6)
    np.testing.assert_allclose((row["mean"], row["sd"]), (after.mean(), after.std()), rtol=1e-12)


def test_texts_have_the_baselines_frequent_values_its_others_and_new_ones():
    before = [f"c{number:02}" for number in range(30) for _ in range(30 - number)]
    after = ["c00"] * 6 + ["c29"] * 3 + ["new"]
    content, _ = encode_comparison(make_profile(text_feature("t", before)), make_profile(text_feature("t", after)))

    [row] = read_rows(content)
    assert read_bins(content)["t"] == [f"c{number:02}" for number in range(20)]
    assert [round(share / 65_535, 3) for share in row["shares"]] == [0.6, *[0.0] * 19, 0.3, 0.1]


def test_the_bins_of_one_baseline_are_held_once():
    before = make_profile(number_feature("x", [1.0, 2.0, 3.0]))
    windows = [make_profile(number_feature("x", [1.0, 2.0, last])) for last in (4.0, 5.0)]

    first, second = (read_bins(encode_comparison(before, window)[0]) for window in windows)

    assert first is second


def test_values_that_statistics_json_would_not_list_have_no_name():
    keys = [f"secret{number}" for number in range(500)]
    content, _ = encode_comparison(make_profile(text_feature("id", keys)), make_profile(text_feature("id", keys)))

    assert read_bins(content)["id"][:2] == ["value 1", "value 2"]
    assert b"secret" not in content


def test_a_row_has_the_worst_of_its_checks():
    before = make_profile(number_feature("x", [n / 2 for n in range(300)]))
    content, results = encode_comparison(
        before, make_profile(number_feature("x", [1e3 + n for n in range(200)] + [None] * 99))
    )

    [row] = read_rows(content)
    drift = next(check for check in results if check.check == "baseline_drift_check")
    assert row["status"] == "violated"
    assert sorted(row["violated"]) == sorted(check.check for check in results if check.status is CheckStatus.VIOLATED)
    assert (row["distance"], row["threshold"]) == (drift.observed, 0.1)
    assert (row["present"], row["missing"]) == (200, 99)


def test_checks_are_those_of_checks_json():
    _, results = encode_comparison(
        make_profile(number_feature("x", [1.0, 2.0] * 50), text_feature("t", ["a", "b"] * 50)),
        make_profile(number_feature("x", [5.0] * 30), text_feature("t", ["a"] * 30)),
    )
    results = (*results, CheckResult(metric="auc", check="LessThanThreshold", status="violated", threshold=0.9))
    results = (
        *results,
        results[-1].model_copy(update={"interval": (0.7, 0.8), "observed": 0.75, "against": "previous:8"}),
    )
    bias = CheckResult.model_validate(
        {"feature": "sex", "metric": "DI", "facet_value": "f", "check": "bias", "status": "passed", "threshold": None}
    )

    rows = read_rows(encode_checks((*results, bias))[CHECKS])

    plain_checks = CheckResults(checks=results).plain()["checks"]
    assert (rows[-1]["name"], rows[-1]["part"]) == ("DI", "sex=f")
    assert (rows[-2]["low"], rows[-2]["high"], rows[-2]["against"]) == (0.7, 0.8, "previous:8")
    for row, check in zip(rows, plain_checks, strict=False):
        assert row["name"] == check.get("metric", check.get("feature"))
        for member in (
            "check",
            "status",
            "observed",
            "threshold",
            "n",
            "m",
            "distance",
            "smallest_change",
            "reason",
            "advice",
        ):
            assert row[member] == check.get(member), member


def test_a_row_has_the_outcome_of_its_feature_and_of_its_run():
    unsure = CheckResult(feature="x", check="baseline_drift_check", status=CheckStatus.CANNOT_TELL, threshold=0.1)
    summary = Summary((SummaryRow("x", kind="number"), SummaryRow("y", kind="number")))
    content = encode_summary(summary, (unsure,))[SUMMARY]
    described = describe_run(rows=1, violations=0, outcome=Outcome.CANNOT_TELL)

    x, y = create_run_rows(content, described).to_pylist()
    assert x["name"] == "x"
    assert x["outcome"] == "cannot tell"
    assert x["run_outcome"] == "cannot tell"
    assert y["name"] == "y"
    assert y["outcome"] is None
    assert y["run_outcome"] == "cannot tell"


def test_a_metric_has_its_value_its_interval_and_its_own_threshold():
    row = SummaryRow("auc", value=0.75)
    check = CheckResult(
        metric="auc", check="c", status=CheckStatus.VIOLATED, observed=0.75, interval=(0.7, 0.8), threshold=0.9
    )

    [summary_row] = read_rows(encode_summary(Summary((row,)), (check,))[SUMMARY])
    [alone] = read_rows(encode_summary(Summary((replace(row, low=0.6, high=0.9),)))[SUMMARY])

    assert (summary_row["value"], summary_row["low"], summary_row["high"], summary_row["threshold"]) == (
        0.75,
        0.7,
        0.8,
        0.9,
    )
    assert summary_row["distance"] is None
    assert (alone["low"], alone["high"], alone["status"]) == (0.6, 0.9, None)


def test_extremes_and_constants_are_rows_too():
    huge = number_feature("huge", [1e308, -1e308, 5e307, 0.0])
    columns = (
        huge,
        number_feature("constant", [3.0] * 9),
        number_feature("empty", [None] * 4),
        text_feature("none", []),
    )
    content, _ = encode_comparison(make_profile(*columns), make_profile(*columns))

    by_name = {row["name"]: row for row in read_rows(content)}
    constant = by_name["constant"]["shares"]
    assert (constant[1], sum(constant)) == (65_535, 65_535)
    assert by_name["empty"]["shares"] is by_name["none"]["shares"] is None
    assert sum(by_name["huge"]["shares"]) == 65_535 or abs(sum(by_name["huge"]["shares"]) - 65_535) < 12
