"""Drift beside what parts of the baseline and earlier windows say: who is judged by what, and at which level."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from tests.unit.data_quality.comparisons import make_profile, number_feature, text_feature

from spark_model_monitor import run_baseline, run_monitoring
from spark_model_monitor.documents.check_results import CheckStatus
from spark_model_monitor.documents.monitoring_settings import Comparator, DistributionConstraints, MonitoringConfig
from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.monitors.data_quality.distribution.window_history import LOOKS_SORTED, estimate_block_variation
from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from spark_model_monitor.monitors.protocol import Sample
from spark_model_monitor.statistics.states import FeatureProfile, RowRun, RowRuns

MONITOR = DataQualityMonitor()
SHIFT = 0.3


def make_runs(values):
    """32 stretches of a column, one after the other."""
    return RowRuns(
        tuple(
            RowRun(float(lot), len(part), part.tobytes())
            for lot, part in enumerate(np.split(values[: len(values) // 32 * 32], 32))
        )
    )


def normal(seed, rows=6400):
    return np.random.default_rng(seed).standard_normal(rows)


def make_baseline(monitor=MONITOR, *, edited=lambda constraints: constraints, integral=False, **columns):
    before = make_profile(
        *[number_feature(name, values.tolist(), integral=integral) for name, values in columns.items()]
    )
    constraints = edited(monitor.constraints(before))
    stored_baseline = monitor.stored_baseline(constraints, None, before, constraints)
    return stored_baseline.with_block_variation(
        estimate_block_variation(before, [make_runs(values) for values in columns.values()])
    )


def drift(stored_baseline, monitor=MONITOR, **columns):
    after = make_profile(*[number_feature(name, values.tolist()) for name, values in columns.items()])
    results = monitor.judge(Sample(after, monitor.metrics(after)), stored_baseline).results
    return {
        (finding.feature, finding.against): finding for finding in results if finding.check == "baseline_drift_check"
    }


def test_a_small_change_is_violated_beside_the_parts_and_unseen_without_them():
    stored_baseline = make_baseline(x=normal(1))
    window = normal(2, 1000) * 1.4

    drift_finding = drift(stored_baseline, x=window)["x", None]
    assert (drift_finding.status, drift_finding.observed < drift_finding.threshold) == (CheckStatus.VIOLATED, True)
    assert drift_finding.description.startswith("Baseline drift p-value: ")
    assert drift_finding.description.endswith(" is below threshold: 9.25925925925926E-4")  # 1/720 for three families
    assert drift_finding.reason == "judged by how 32 earlier windows or parts of the baseline vary"
    assert drift(replace(stored_baseline, history={}), x=window)["x", None].status is not CheckStatus.VIOLATED


def test_a_column_by_which_the_rows_look_sorted_is_judged_as_without_history():
    ordered = np.sort(normal(1))
    random = np.random.default_rng(3)
    stored_baseline = make_baseline(x=ordered)

    healthy, moved = (drift(stored_baseline, x=random.permutation(ordered)[:1000] + by)["x", None] for by in (0, 0.5))
    assert healthy.status is CheckStatus.PASSED
    assert healthy.reason == LOOKS_SORTED
    assert moved.status is CheckStatus.VIOLATED  # half a standard deviation is not hidden


def test_a_season_is_not_called_sorted():
    random = np.random.default_rng(3)
    season = np.sin(np.arange(1600) / 1600 * 2 * np.pi * 4) + random.normal(0, 1, 1600)  # four of them

    healthy = drift(make_baseline(x=season), x=random.permutation(season)[:1000])["x", None]
    assert "its values go up and down along the rows, as by season" in healthy.reason


@pytest.mark.parametrize("history", ["with parts", "without"])
def test_beside_what_was_seen_no_smallest_change_is_reported(history):
    stored_baseline = make_baseline(x=normal(1))
    window = normal(2, 1000) + 1.5
    drift_finding = drift(
        stored_baseline if history == "with parts" else replace(stored_baseline, history={}), x=window
    )["x", None]

    assert drift_finding.status is CheckStatus.VIOLATED
    assert drift_finding.distance > 0.1
    assert (drift_finding.smallest_change, drift_finding.change) == (None, None)


def violated(stored_baseline, **columns):
    after = make_profile(*[number_feature(name, values.tolist(), integral=True) for name, values in columns.items()])
    return [
        finding.check
        for finding in MONITOR.judge(Sample(after, MONITOR.metrics(after)), stored_baseline).results
        if finding.is_violation
    ]


def test_keys_that_rise_with_the_rows_go_on_in_silence_and_a_sorted_measure_that_moves_does_not():
    random = np.random.default_rng(8)
    keys = np.cumsum(random.integers(1, 120, 1600)).astype(float)
    amounts = np.sort(np.round(np.exp(random.normal(10, 1, 1600))))

    stored_baseline = make_baseline(integral=True, key=keys, amount=amounts)
    later = {"key": 10**6 + keys[:1000], "amount": random.permutation(amounts)[:1000]}
    assert drift(stored_baseline, **later)["key", None].reason.startswith("its values rise from row to row")
    assert violated(stored_baseline, **later) == []
    assert violated(stored_baseline, **{**later, "amount": 3 * later["amount"]}) == ["baseline_drift_check"]
    assert violated(
        make_baseline(integral=True, key=random.permutation(keys)), key=later["key"]
    )  # in no order they are any numbers


def test_identifiers_with_gaps_go_on_in_silence_in_any_order_and_whole_numbers_that_repeat_do_not():
    random = np.random.default_rng(8)
    keys = random.permutation(np.cumsum(random.integers(1, 12, 1600))).astype(float)
    numbers = random.integers(0, int(keys.max()), 1600).astype(float)
    stored_baseline = make_baseline(integral=True, key=keys, number=numbers)

    assert violated(stored_baseline, key=10**6 + keys[:1000], number=numbers[:1000]) == []
    assert violated(stored_baseline, key=keys[:1000], number=10**6 + numbers[:1000]) == ["baseline_drift_check"]


def test_row_numbers_go_on_in_silence():
    stored_baseline = make_baseline(integral=True, row=np.arange(1600.0))

    assert violated(stored_baseline, row=np.arange(10**6, 10**6 + 1000.0)) == []


def test_texts_vary_by_the_shares_of_their_values():
    random = np.random.default_rng(4)
    codes = random.integers(0, 3, 3200)
    cells = [f"v{code}" for code in codes]
    hashes = codes.astype(np.uint64) * np.uint64(2**61 + 7)
    runs = RowRuns(tuple(RowRun(float(lot), 100, b"", part.tobytes()) for lot, part in enumerate(np.split(hashes, 32))))
    before = make_profile(text_feature("t", cells))
    constraints = MONITOR.constraints(before)
    stored_baseline = MONITOR.stored_baseline(constraints, None, before, constraints).with_block_variation(
        estimate_block_variation(before, [runs])
    )

    def judge_cells(cells):
        after = make_profile(text_feature("t", cells))
        results = MONITOR.judge(Sample(after, MONITOR.metrics(after)), stored_baseline).results
        return next(finding for finding in results if finding.check == "baseline_drift_check")

    assert judge_cells(cells[:900]).status is not CheckStatus.VIOLATED
    left = judge_cells([cell for cell in cells if cell != "v2"][:900])
    assert left.status is CheckStatus.VIOLATED
    new = judge_cells(cells[:800] + ["new"] * 100)
    assert (new.component, new.reason) == (
        "unseen",
        "categorical_values_check is violated, and this is the same change",
    )


@pytest.mark.parametrize("runs", [0, 7])
def test_fewer_than_eight_parts_say_nothing(runs):
    few_runs = RowRuns(make_runs(normal(1)).runs[:runs])

    assert estimate_block_variation(make_profile(FeatureProfile("x")), [few_runs]).past == {}


def test_predictions_have_a_level_that_no_number_of_inputs_lowers():
    monitor = DataQualityMonitor(predictions=("score",))
    inputs = {f"x{number}": normal(number) for number in range(40)}
    stored_baseline = make_baseline(monitor, score=normal(99), **inputs)
    window = {name: normal(100 + number, 1000) for number, name in enumerate(inputs)}

    after = make_profile(
        *[number_feature(name, column.tolist()) for name, column in {"score": normal(7, 1000), **window}.items()]
    )
    ledger = monitor.judge(Sample(after, {}), stored_baseline).budget
    assert {family.family: family.tests for family in ledger.families if "drift" in family.family} == {
        "drift": 40,
        "prediction drift": 1,
    }
    assert sum(family.level for family in ledger.families) == pytest.approx(1 / 720)
    drift_findings = drift(stored_baseline, monitor, score=normal(7, 1000), **window)
    assert drift_findings["score", None].adjusted_p == drift_findings["score", None].p  # alone in its family


def test_a_prediction_that_is_no_feature_is_a_sentence():
    with pytest.raises(BadConfiguration, match="--predictions: 'score' is no feature of the data; they are x"):
        DataQualityMonitor(predictions=("score",)).constraints(make_profile(number_feature("x", [1.0])))


def request_comparators(*comparators):
    """The constraints with these comparators: reference, distance, threshold."""
    requested = tuple(Comparator(against=a, distance=d, threshold=t) for a, d, t in comparators)

    def edited(constraints):
        config = constraints.monitoring_config.model_copy(
            update={"distribution_constraints": DistributionConstraints(comparators=requested)}
        )
        assert isinstance(config, MonitoringConfig)
        return constraints.model_copy(update={"monitoring_config": config})

    return edited


def test_skew_against_training_and_drift_against_the_window_before_are_judged_in_one_run():
    js = "js_divergence"
    stored_baseline = make_baseline(
        edited=request_comparators(("baseline", js, 0.3), ("previous", js, 0.3)), x=normal(1)
    )
    assert stored_baseline.compared_references == {"previous": {"x"}}
    moved = make_profile(number_feature("x", (normal(5, 1000) + 9).tolist()))

    after = make_profile(number_feature("x", (normal(2, 1000) + 9).tolist()))
    results = MONITOR.judge(Sample(after, {}), stored_baseline.with_history({"previous": moved}, {})).results

    compared = [(finding.against, finding.status, finding.description) for finding in results if finding.method == js]
    assert [finding[:2] for finding in compared] == [
        ("baseline", CheckStatus.VIOLATED),
        ("previous", CheckStatus.PASSED),
    ]
    assert "between serving and training is" in compared[0][2]
    back = MONITOR.judge(
        Sample(make_profile(number_feature("x", normal(2, 1000).tolist())), {}),
        stored_baseline.with_history({"previous": moved}, {}),
    ).results
    [text] = [
        finding.description
        for finding in back
        if finding.status is CheckStatus.VIOLATED and finding.against == "previous"
    ]
    assert text.startswith("The approximate Jensen-Shannon divergence between previous and current is ")


def test_a_reference_without_earlier_windows_is_not_judged():
    stored_baseline = make_baseline(edited=request_comparators(("previous:3", "js_divergence", 0.3)), x=normal(1))

    after = make_profile(number_feature("x", normal(2, 1000).tolist()))
    [drift_finding] = [
        finding
        for finding in MONITOR.judge(Sample(after, {}), stored_baseline).results
        if finding.against == "previous:3"
    ]

    assert (drift_finding.status, drift_finding.reason) == (
        CheckStatus.NOT_JUDGED,
        "there are no earlier windows for previous:3",
    )


def test_without_a_comparator_only_catalogues_that_grow_are_compared_with_the_windows_before():
    assert make_baseline(x=normal(1)).compared_references == {}
    of_one = make_baseline(edited=request_comparators(("previous:8", "js_divergence", 0.3)), x=normal(1))
    assert of_one.compared_references == {"previous:8": {"x"}}


def test_what_another_check_says_in_plainer_words_is_one_violation():
    before = make_profile(number_feature("x", normal(1).tolist()))
    constraints = MONITOR.constraints(before)
    stored_baseline = MONITOR.stored_baseline(constraints, None, before, constraints).with_block_variation(
        estimate_block_variation(before, [make_runs(normal(1))])
    )
    after = make_profile(number_feature("x", [*normal(2, 900).tolist(), *[None] * 100]))

    violated = {
        finding.check: finding
        for finding in MONITOR.judge(Sample(after, MONITOR.metrics(after)), stored_baseline).results
        if finding.feature == "x"
    }

    assert violated["completeness_check"].status is CheckStatus.VIOLATED
    assert (violated["baseline_drift_check"].status, violated["baseline_drift_check"].reason) == (
        CheckStatus.NOT_JUDGED,
        "completeness_check is violated, and this is the same change",
    )


@pytest.mark.parametrize(
    "bursts",
    [
        pytest.param([(10, 16)], id="one season"),
        pytest.param([(4, 7), (20, 23)], id="two"),
        pytest.param([(4, 6), (12, 14), (24, 26)], id="three times two odd parts"),
        pytest.param([(3, 4), (9, 10), (20, 21)], id="three odd parts, such as pay days"),
    ],
)
def test_windows_as_parts_of_the_baseline_are_silent_and_one_far_beyond_is_found(bursts):
    """Source: D4.8."""
    values = np.random.default_rng(1).standard_normal(32 * 512)
    for first, end in bursts:
        values[first * 512 : end * 512] += 10
    baseline = run_baseline(pd.DataFrame({"x": values}), DataQualityMonitor(), engine="local")

    # Windows like the quiet parts, like the bursts, and like neither
    is_violated = {}
    for shift in (0, 10, 25):
        window = pd.DataFrame({"x": np.random.default_rng(7 + shift).standard_normal(512) + shift})
        findings = run_monitoring(window, DataQualityMonitor(), baseline, engine="local")
        is_violated[shift] = bool(findings.count)
    assert is_violated == {0: False, 10: False, 25: True}
