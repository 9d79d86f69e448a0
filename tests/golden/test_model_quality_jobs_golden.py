"""Model quality against what the service displayed for the same inputs, with --compat service.

The service's files themselves were not published: numbers are compared with all digits that a display shows, standard
deviations, which are random, by presence and magnitude (G20).
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

CASES = {
    "mq-churn-binary": (
        "mq-churn-binary/run1-goldmermaid",
        "BinaryClassification",
        (
            *("--inference-attribute", "prediction", "--probability-attribute", "probability"),
            *("--ground-truth-attribute", "label"),
        ),
    ),
    "mq-binary-114rows-no-probability": (
        "mq-binary-114rows-no-probability",
        "BinaryClassification",
        ("--inference-attribute", "prediction", "--ground-truth-attribute", "labels"),
    ),
    "mq-weather-regression": (
        "mq-weather-regression",
        "Regression",
        ("--inference-attribute", "prediction", "--ground-truth-attribute", "label"),
    ),
}
"""Where the displays of a case lie, its problem, and where labels and predictions are."""

VALUE = re.compile(r" with (\S+)( \+/- )?\S* was ")
WINDOW = ("--start-time", "2022-04-18T00:00:00Z", "--end-time", "2022-04-18T01:00:00Z")


@pytest.fixture(scope="module")
def outcome(make_jobs, tmp_path_factory):
    """`outcome(job, output, *flags)` is the output of a model-quality job, which has to end well."""
    jobs = make_jobs(tmp_path_factory.mktemp("jobs"))

    def running(job, output, *flags):
        finished = jobs(job, "--analysis-type", "MODEL_QUALITY", "--output-path", output, *flags)
        assert finished.status == 0, finished.said
        return output

    return running


@pytest.fixture(scope="module")
def run_golden_baseline(outcome, golden, tmp_path_factory):
    """The output path of the baselining job for a golden case, run once for each."""
    done = {}

    def running(case, *more):
        if (case, more) not in done:
            _, problem_type, attributes = CASES[case]
            flags = ("--dataset-source", str(golden / case / "input.csv"), "--dataset-format", "csv")
            flags += ("--problem-type", problem_type, *attributes, *more)
            flags += ("--set", "metric_time=2022-04-18T00:00:00Z")  # else statistics.json has the time of the run
            done[case, more] = outcome("baseline", tmp_path_factory.mktemp(case), *flags)
        return done[case, more]

    return running


def loaded(path):
    return json.loads(Path(path).read_text())


def shown(number):
    """A number with the six significant digits of pandas' displays."""
    if number is None:
        return None
    return float(f"{number:.6g}")


def get_member(document, path):
    """The member at `a.b`."""
    for name in path.split("."):
        document = document[name]
    return document


def whole_path(metrics, displayed):
    """The path that a display means: pandas cuts long ones."""
    if not displayed.endswith("..."):
        return displayed
    beginning = displayed.removesuffix("...")
    paths = [f"{name}.{member}" for name, members in metrics.items() for member in members]
    [path] = [path for path in paths if path.startswith(beginning)]
    return path


def without_numbers(violation):
    """A violation's text but for the metric's value and its deviation; the threshold stays, with all of its digits."""
    return VALUE.sub(r" with …\2… was ", violation["description"])


def parse_value(violation):
    return float(VALUE.search(violation["description"])[1])


@pytest.mark.parametrize("case", CASES)
def test_every_displayed_metric_is_the_services(golden, run_golden_baseline, case):
    statistics = loaded(run_golden_baseline(case, "--compat", "service") / "statistics.json")
    [kind] = [name for name in statistics if name.endswith("_metrics")]
    metrics = statistics[kind]
    for displayed, text in loaded(golden / CASES[case][0] / "baseline-metrics.as-displayed.json").items():
        path = whole_path(metrics, displayed)
        ours = get_member(metrics, path)
        if path.endswith("standard_deviation"):
            assert (ours is None) == (text == "None"), path
            # two runs of the service on one file differ by a factor of two (G20)
            assert ours is None or (ours == 0) == (float(text) == 0), path
            assert ours is None or ours <= 5 * float(text), path
        elif text.startswith("["):
            points = [float(point) for point in text.strip("[]., ").split(", ")]
            assert ours[: len(points)] == points, path
        else:
            # displays have six significant digits or six decimals
            assert shown(ours) == shown(float(text)) or ours == pytest.approx(float(text), abs=5e-7), path


@pytest.mark.parametrize("case", CASES)
def test_every_displayed_constraint_is_the_services(golden, run_golden_baseline, case):
    constraints = loaded(run_golden_baseline(case, "--compat", "service") / "constraints.json")
    [kind] = [name for name in constraints if name.endswith("_constraints")]
    displayed = loaded(golden / CASES[case][0] / "baseline-constraints.as-displayed.json")

    assert list(constraints[kind]) == list(displayed)
    for name, theirs in displayed.items():
        assert constraints[kind][name]["comparison_operator"] == theirs["comparison_operator"], name
        assert shown(constraints[kind][name]["threshold"]) == theirs["threshold"], name


@pytest.fixture(scope="module")
def merged(golden, tmp_path_factory):
    """The hour of run 1 merged by hand: every capture with the label of its inference id (G19)."""
    run = golden / "mq-churn-binary" / "run1-goldmermaid"
    labels = {}
    for line in (run / "ground-truth.reconstructed.jsonl").read_text().splitlines():
        record = json.loads(line)
        labels[record["eventMetadata"]["eventId"]] = record["groundTruthData"]
    hour = tmp_path_factory.mktemp("merged") / "endpoint" / "AllTraffic" / "2022" / "04" / "18" / "00"
    hour.mkdir(parents=True)
    with (hour / "part-00000.jsonl").open("w") as file:
        for line in (run / "capture.reconstructed.jsonl").read_text().splitlines():
            record = json.loads(line)
            truth = labels[record["eventMetadata"]["inferenceId"]]
            file.write(json.dumps({"groundTruthData": truth, **record}) + "\n")
    return hour.parents[5]


def monitored(outcome, merged, baseline, output, *flags):
    source = ("--dataset-source", str(merged), "--dataset-format", "merged", "--problem-type", "BinaryClassification")
    attributes = ("--probability-attribute", "0", "--set", "probability_threshold_attribute=0.5", *WINDOW)
    return outcome("monitor", output, *source, *attributes, "--baseline", str(baseline), *flags)


@pytest.fixture(scope="module")
def report(outcome, run_golden_baseline, merged, tmp_path_factory):
    """What the monitoring job says of that hour, as the service would."""
    baseline = run_golden_baseline("mq-churn-binary", "--compat", "service")
    flags = ("--compat", "service", "--set", "publish_cloudwatch_metrics=Enabled")
    return monitored(outcome, merged, baseline, tmp_path_factory.mktemp("report"), *flags)


def test_the_whole_run_of_an_hour_is_the_services(golden, report):
    """Confusion matrix, violations with their thresholds' last digits, and the names of the metrics.

    The last digit of the area under the curve depends on how many partitions MLlib added it up in, which nobody knows of that
    run: one partition gives …948, two give the displayed …9481 (tests/spark/model_quality/test_mllib.py).
    """
    run = golden / "mq-churn-binary" / "run1-goldmermaid"
    ours = {
        violation["metric_name"]: violation for violation in loaded(report / "constraint_violations.json")["violations"]
    }
    theirs = {violation["metric_name"]: violation for violation in loaded(run / "violations.as-displayed.json")}

    assert ours.keys() == theirs.keys()
    for name, violation in theirs.items():
        assert without_numbers(ours[name]) == without_numbers(violation)
        assert parse_value(ours[name]) == pytest.approx(parse_value(violation), rel=1e-14)
        assert ours[name]["constraint_check_type"] == violation["constraint_check_type"]
    expected = loaded(run / "monitor-input.json")["confusion_matrix"]
    assert loaded(report / "statistics.json")["binary_classification_metrics"]["confusion_matrix"] == expected
    message = "CompletedWithViolations: Job completed successfully with 10 violations."
    assert (report / "message").read_text().strip() == message
    lines = [json.loads(line) for line in (report / "metrics" / "cloudwatch_metrics.jsonl").read_text().splitlines()]
    names = set((run / "cloudwatch-metric-names.txt").read_text().split())
    assert names | {"total_number_of_violations"} <= {line["MetricName"] for line in lines}


def test_our_own_merge_of_the_captures_and_labels_leads_to_the_same_run(
    outcome, golden, run_golden_baseline, report, tmp_path
):
    """The two jobs of a schedule's execution, one behind the other."""
    run = golden / "mq-churn-binary" / "run1-goldmermaid"
    hour = Path("2022", "04", "18", "00")
    for name, folder in (
        ("capture.reconstructed.jsonl", tmp_path / "captures" / "endpoint" / "AllTraffic" / hour),
        ("ground-truth.reconstructed.jsonl", tmp_path / "labels" / hour),
    ):
        folder.mkdir(parents=True)
        shutil.copy(run / name, folder / "records.jsonl")
    sources = ("--dataset-source", str(tmp_path / "captures"), "--ground-truth-source", str(tmp_path / "labels"))
    joined = outcome("merge", tmp_path / "merged", *sources, *WINDOW)
    baseline = run_golden_baseline("mq-churn-binary", "--compat", "service")
    ours = monitored(outcome, joined, baseline, tmp_path / "report", "--compat", "service")

    for name in ("statistics.json", "constraint_violations.json", "checks.json"):
        assert (ours / name).read_bytes() == (report / name).read_bytes(), name


def test_the_default_finds_the_same_fall_in_quality(outcome, run_golden_baseline, merged, tmp_path):
    report = monitored(outcome, merged, run_golden_baseline("mq-churn-binary"), tmp_path)
    violated = {violation["metric_name"] for violation in loaded(report / "constraint_violations.json")["violations"]}

    assert {"auc", "recall", "accuracy", "f1"} <= violated
    assert loaded(report / "ledger.json")["records"]["kept"] == 3318
