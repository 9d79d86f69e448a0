"""The law of what decided: the rule that a result states, applied to the numbers that it states, gives its status."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from tests.rotation import every_combination

from spark_model_monitor import (
    AnalysisConfig,
    BiasMeasures,
    BiasMonitor,
    DataQualityMonitor,
    ModelQualityMonitor,
    MonitoringSettings,
    OutcomePlan,
    ProblemType,
    Tolerance,
    Tolerances,
    run_baseline,
    run_monitoring,
)
from spark_model_monitor.documents.check_results import CheckStatus
from spark_model_monitor.monitors.explainability.monitor import ExplainabilityMonitor
from spark_model_monitor.monitors.protocol import Sample
from spark_model_monitor.statistics.states.attributions import Attributions, AttributionsBuilder

SLACK = 1e-12  # an effect and its least size are rounded in the last digit

WITHOUT_NUMBERS = ("presence of the column", "assertion", "infinite value")


def is_met(check_result):
    """Whether all holds that a violation takes, by the members of checks.json alone."""
    members = json.loads(
        check_result.to_json() if hasattr(check_result, "to_json") else json.dumps(check_result.plain())
    )
    conditions = []
    if "level" in members:
        conditions.append(members.get("adjusted_p", members["p"]) <= members["level"])
    if members.get("decided_by") in ("lower limit", "upper limit"):
        assert members["check"] == "non_negative_check" or {"limit", "observed"} <= {*members}, members
    if "least_effect" in members:
        conditions.append(members["effect"] >= members["least_effect"] - SLACK)
    if "limit" in members and "observed" in members:
        is_upper = members["decided_by"] == "upper limit" or members["check"] == "GreaterThanThreshold"
        beyond = members["observed"] - members["limit"]
        conditions.append((is_upper and beyond > 0) or (not is_upper and beyond < 0))
    if "limits" in members:
        low, high = members["limits"]
        number = members["observed"]
        if members["decided_by"] == "interval":
            low_end, high_end = members["interval"]
            conditions.append(low_end > high or high_end < low)
        else:
            conditions.append((low is not None and number < low) or (high is not None and number > high))
    return bool(conditions) and all(conditions)


def assert_statuses_follow(check_results):
    """Each status is what the stated rule says. Gives the number of violations by what decided them."""
    violations = {}
    for check_result in check_results:
        if check_result.status is CheckStatus.VIOLATED:
            assert check_result.decided_by, check_result
            assert is_met(check_result) or check_result.decided_by in WITHOUT_NUMBERS, check_result
            violations[check_result.decided_by] = violations.get(check_result.decided_by, 0) + 1
        elif check_result.status is CheckStatus.PASSED:
            assert not is_met(check_result), check_result
        else:
            assert check_result.reason, check_result
            assert not is_met(check_result) or check_result.decided_by is None, check_result
    return violations


def draw_table(random, rows):
    columns = {
        "normal": random.normal(50, 10, rows),
        "skewed": random.lognormal(3, 1, rows),
        "count": random.poisson(4, rows).astype(float),
        "flag": (random.random(rows) < 0.1).astype(float),
        "plan": random.choice(["basic", "gold", "none"], rows, p=[0.6, 0.3, 0.1]),
        "code": [f"{number:05d}" for number in random.integers(0, 400, rows)],
    }
    frame = pd.DataFrame(columns)
    frame.loc[random.random(rows) < 0.05, "normal"] = np.nan
    return frame


def set_share(frame, name, share, value):
    changed = frame.astype({name: object})
    changed.loc[: int(share * len(frame)), name] = value
    return changed


FAULTS = {
    "healthy": lambda frame: frame,
    "shifted": lambda frame: frame.assign(normal=frame["normal"] + 3),
    "wider": lambda frame: frame.assign(normal=50 + 2 * (frame["normal"] - 50)),
    "scaled": lambda frame: frame.assign(skewed=frame["skewed"] * 100),
    "missing": lambda frame: set_share(frame, "normal", 0.3, None),
    "filled": lambda frame: frame.fillna({"normal": 50.0}),
    "one number": lambda frame: frame.assign(count=3.0),
    "flag": lambda frame: frame.assign(flag=(np.arange(len(frame)) % 3 == 0).astype(float)),
    "negative": lambda frame: set_share(frame, "skewed", 0.02, -999.0).astype({"skewed": float}),
    "infinite": lambda frame: set_share(frame, "skewed", 0.02, np.inf).astype({"skewed": float}),
    "new text": lambda frame: set_share(frame, "plan", 0.1, "platinum"),
    "one text": lambda frame: frame.assign(plan="gold"),
    "empty": lambda frame: set_share(frame, "code", 0.1, ""),
    "longer": lambda frame: frame.assign(code=frame["code"] + "0"),
    "another type": lambda frame: frame.assign(count="many"),
    "without a column": lambda frame: frame.drop(columns="flag"),
    "with a column": lambda frame: frame.assign(other=1),
    "repeated rows": lambda frame: pd.concat([frame.head(len(frame) // 4)] * 4, ignore_index=True),
}


@pytest.fixture(scope="module", params=["clustered", "independent", "written limits", "as the service"])
def baseline(request):
    random = np.random.default_rng(20)
    kind = request.param
    settings = MonitoringSettings()
    if kind == "independent":
        settings = MonitoringSettings(rows="independent")
    elif kind == "written limits":
        settings = MonitoringSettings(comparison_threshold=0.2, categorical_drift_method="ChiSquared")
    monitor = DataQualityMonitor(settings=settings, as_service=kind == "as the service")
    return monitor, run_baseline(draw_table(random, 4_000), monitor)


@every_combination(fault=FAULTS, rows=[60, 1_000])
def test_the_stated_rule_gives_the_status_of_data_quality(baseline, fault, rows):
    monitor, stored_baseline = baseline
    window = FAULTS[fault](draw_table(np.random.default_rng(rows), rows))

    violations = assert_statuses_follow(run_monitoring(window, monitor, stored_baseline).results)

    if fault in ("another type", "without a column", "with a column"):
        assert violations


CLASSES = {
    ProblemType.BINARY_CLASSIFICATION: ["0", "1"],
    ProblemType.MULTICLASS_CLASSIFICATION: ["a", "b", "c"],
}


def draw_outcomes(kind, rows, seed, worse):
    """Labels and predictions; worse: by how much, or how often, predictions are wrong more."""
    random = np.random.default_rng(seed)
    if kind is ProblemType.REGRESSION:
        label = random.normal(10, 3, rows)
        return pd.DataFrame({"label": label, "prediction": label + random.normal(worse, 1 + worse, rows)})
    score = random.random(rows)
    classes = CLASSES[kind]
    label = np.array(classes)[np.floor(score * len(classes)).astype(int)]
    is_wrong = random.random(rows) < 0.1 + worse
    prediction = np.where(is_wrong, random.choice(classes, rows), label)
    frame = pd.DataFrame({"label": label, "prediction": prediction})
    if kind is ProblemType.BINARY_CLASSIFICATION:
        frame["probability"] = np.where(is_wrong, 1 - score, score)
    return frame


@pytest.mark.parametrize("kind", ProblemType)
@pytest.mark.parametrize("is_written", [False, True])
def test_the_stated_rule_gives_the_status_of_model_quality(kind, is_written):
    plan = OutcomePlan(kind, with_scores=kind is ProblemType.BINARY_CLASSIFICATION)
    monitor = ModelQualityMonitor(plan, find_causes=False)
    if is_written:
        monitor = replace(monitor, tolerance=Tolerance.parse("relative:5%"))
    baseline = run_baseline(draw_outcomes(kind, 3_000, 1, 0.0), monitor)
    violations = {}
    for worse, rows in ((0.0, 500), (0.03, 500), (0.03, 50), (0.4, 500), (0.4, 60)):
        findings = run_monitoring(draw_outcomes(kind, rows, rows, worse), monitor, baseline)
        violations |= assert_statuses_follow(findings.results)

    limits = {"lower limit", "upper limit"}
    tests = {"Fisher's exact test", "Student's t-test"}
    assert {*violations} & (limits if is_written else tests)


@pytest.mark.parametrize("kind", ProblemType)
def test_windows_too_small_for_a_verdict_state_no_rule(kind):
    """Far worse, but with fewer rows than asked for, or none of what a metric counts: no test and no limit decided."""
    plan = OutcomePlan(kind, with_scores=kind is ProblemType.BINARY_CLASSIFICATION)
    monitor = ModelQualityMonitor(plan, find_causes=False, min_samples=200)
    baseline = run_baseline(draw_outcomes(kind, 3_000, 1, 0.0), monitor)
    window = draw_outcomes(kind, 150, 2, 0.8)

    check_results = run_monitoring(window, monitor, baseline).results
    assert_statuses_follow(check_results)

    too_small = [metric for metric in check_results if "min_samples" in (metric.reason or "")]
    assert too_small
    for metric in too_small:
        assert metric.status is CheckStatus.CANNOT_TELL
        assert (metric.decided_by, metric.p, metric.level, metric.limit) == (None, None, None, None)
        assert metric.observed is not None
        assert metric.threshold is not None


def test_an_undefined_metric_states_no_limit():
    """Without any positive label, there is no recall."""
    kind = ProblemType.BINARY_CLASSIFICATION
    plan = OutcomePlan(kind)
    monitor = ModelQualityMonitor(plan, find_causes=False)
    labelled = draw_outcomes(kind, 3_000, 1, 0.0).drop(columns="probability")
    baseline = run_baseline(labelled, monitor)

    without_positives = labelled[labelled["label"] == "0"].head(300)

    check_results = run_monitoring(without_positives, monitor, baseline).results
    assert_statuses_follow(check_results)

    [recall] = [metric for metric in check_results if metric.metric == "recall"]
    assert (recall.status, recall.decided_by, recall.limit) == (CheckStatus.CANNOT_TELL, None, None)


@pytest.mark.parametrize("hired_men", [0, 1])
def test_an_infinite_metric_is_beyond_every_limit(hired_men):
    """Disparate impact divides by the predicted men: none of them is an infinite quotient, one is a large one."""
    config = {
        "label": "hired",
        "label_values_or_threshold": [1],
        "predicted_label": "predicted",
        "facet": [{"name_or_index": "sex", "value_or_threshold": ["f"]}],
        "methods": {"post_training_bias": {"methods": ["DI"]}},
    }
    measures = BiasMeasures.of(AnalysisConfig.from_json(json.dumps(config)))
    monitor = BiasMonitor(measures, Tolerances(with_intervals=False, ranges={"DI": (0.5, 2.0)}), find_causes=False)

    def create_people(predicted_women, predicted_men):
        predicted = [1] * predicted_women + [0] * (50 - predicted_women)
        predicted += [1] * predicted_men + [0] * (50 - predicted_men)
        return pd.DataFrame({"sex": ["f"] * 50 + ["m"] * 50, "hired": [0, 1] * 50, "predicted": predicted})

    baseline = run_baseline(create_people(20, 25), monitor, engine="local")
    check_results = run_monitoring(create_people(25, hired_men), monitor, baseline, engine="local").results

    assert_statuses_follow(check_results)
    decided = {(metric.status, metric.decided_by) for metric in check_results}
    assert decided == {(CheckStatus.VIOLATED, "limits" if hired_men else "infinite value")}


@pytest.mark.parametrize("options", [{}, {"with_intervals": False}, {"ranges": {"DPL": (-0.1, 0.1)}}])
def test_the_stated_rule_gives_the_status_of_bias(options):
    config = {
        "label": "hired",
        "label_values_or_threshold": [1],
        "facet": [{"name_or_index": "sex", "value_or_threshold": ["f"]}],
        "methods": {"pre_training_bias": {"methods": ["DPL", "KL", "CI"]}},
    }
    measures = BiasMeasures.of(AnalysisConfig.from_json(json.dumps(config)))
    monitor = BiasMonitor(measures, Tolerances(**options), find_causes=False)

    def draw_people(rows, difference):
        random = np.random.default_rng(rows)
        sex = random.choice(["f", "m"], rows)
        hired = random.random(rows) < np.where(sex == "f", 0.45 + difference, 0.5)
        return pd.DataFrame({"sex": sex, "hired": hired.astype(int)})

    baseline = run_baseline(draw_people(5_000, 0.0), monitor, engine="local")
    violations = {}
    for rows, difference in ((1_000, 0.0), (1_001, -0.3), (1_002, 0.4), (60, -0.2), (1_003, -0.05)):
        findings = run_monitoring(draw_people(rows, difference), monitor, baseline, engine="local")
        violations |= assert_statuses_follow(findings.results)

    assert violations


def test_the_stated_rule_gives_the_status_of_attributions():
    monitor = ExplainabilityMonitor()

    def draw_attributions(scales, rows):
        names = ("a", "b", "c")
        no_rows = Attributions(names, ("label0",), "mean_abs", "a,b,c\r\n0,0,0\r\n", np.full(1, 0.25))
        builder = AttributionsBuilder(no_rows)
        values = np.random.default_rng(rows).normal(size=(rows, 1, 3)) * scales
        builder.update(values, np.arange(rows, dtype=np.uint64), exact=rows)
        return builder.state()

    # The baseline
    known_state = draw_attributions((3, 2, 1), 2_000)
    analysis = monitor.metrics(known_state)
    baseline = monitor.stored_baseline(monitor.documents(known_state, analysis)[0], None, known_state)
    # Windows: like it, in another order, changed by a little, and too small
    violations = {}
    for scales, rows in (((3, 2, 1), 2_001), ((1, 2, 3), 2_002), ((3, 2.3, 1), 2_003), ((3, 2, 1), 30)):
        state = draw_attributions(scales, rows)
        judgement = monitor.judge(Sample(state, monitor.metrics(state)), baseline)
        violations |= assert_statuses_follow(judgement.results)

    assert {*violations} == {"lower limit", "interval"}
