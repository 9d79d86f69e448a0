"""Bias metrics against what the real service, and smclarify, gave for the same rows; without Spark."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from spark_model_monitor.documents.clarify_files import BiasReport, BiasViolations
from spark_model_monitor.monitors.bias.bias_analysis import analyse_contingency
from spark_model_monitor.monitors.bias.bias_baseline import BiasBaseline
from spark_model_monitor.monitors.bias.bias_metrics import PERFORMANCE, compute_performance
from spark_model_monitor.monitors.bias.choices import NO_POSITIVE_PREDICTION, NO_THRESHOLD
from spark_model_monitor.monitors.bias.metric_comparison import Tolerances
from spark_model_monitor.monitors.bias.monitor import BiasMonitor
from spark_model_monitor.monitors.protocol import Sample
from spark_model_monitor.statistics.states.contingency_plan import ContingencyPlan, ValuedColumn

from ..unit.bias.counting import counted, read_rows

GOLDEN = Path(__file__).resolve().parents[3] / "shared" / "golden"
EXPECTED = GOLDEN / "bias-oracle" / "synthetic" / "expected.json"
CASES = json.loads(EXPECTED.read_text())["cases"] if EXPECTED.exists() else []

PARTS = ("pre_training", "post_training")

WHOLE_PART = {"cont_no_threshold": NO_THRESHOLD}
"""Where smclarify raises for a whole part, ours says the same in every metric of it (B2.1)."""

case_of_the_oracle = pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])


def make_plan(config, *, untyped):
    values = tuple(config["label_values_or_threshold"])
    facets = ((facet["name_or_index"], tuple(facet.get("value_or_threshold", []))) for facet in config["facet"])
    return ContingencyPlan(
        tuple(ValuedColumn(*facet) for facet in facets),
        ValuedColumn(config["label"], values),
        ValuedColumn(config["predicted_label"], values),
        config["group_variable"],
        untyped_texts=untyped,
    )


def analysed(golden, case):
    rows = read_rows(golden / "bias-oracle" / "synthetic" / case["csv"])
    plan = make_plan(case["config"], untyped=not case["read_as_strings"])
    return analyse_contingency(counted(rows, plan), plan)


def summarize_metric(name, value, error):
    """What is compared of a metric: its error, or its value as the files have it."""
    text = {float("inf"): "Infinity", float("-inf"): "-Infinity"}.get(value, value)
    return name, error or text


def approximately(metrics):
    return [
        (name, pytest.approx(value, rel=1e-12, abs=1e-15) if isinstance(value, float) else value)
        for name, value in metrics
    ]


@case_of_the_oracle
def test_the_metrics_are_those_of_smclarify(golden, case):
    analysis = analysed(golden, case)

    for part in PARTS:
        expected = case["expected"][part]
        if isinstance(expected, dict):
            text = WHOLE_PART.get(case["name"], NO_POSITIVE_PREDICTION)
            assert expected["error"] == f"ValueError: {text}"
            assert {metric.error for group in analysis.groups for metric in getattr(group, part)} == {text}
            continue
        groups = {group.choice.shown: getattr(group, part) for group in analysis.groups}
        assert set(groups) == {entry["value_or_threshold"] for entry in expected}
        for entry in expected:
            mine = [
                summarize_metric(m.name, m.value, m.error)
                for m in groups[entry["value_or_threshold"]]
                if m.name != "FT"
            ]
            theirs = [
                summarize_metric(m["name"], m["value"], m.get("error")) for m in entry["metrics"] if m["name"] != "FT"
            ]
            assert mine == approximately(theirs)


@pytest.mark.parametrize(
    "case",
    [case for case in CASES if "error" not in case["expected"]["model_performance"]],
    ids=lambda case: case["name"],
)
def test_the_models_performance_is_that_of_smclarify(golden, case):
    expected = case["expected"]["model_performance"]
    everyone = analysed(golden, case).groups[0].counts.all

    for (name, value), theirs in zip(
        compute_performance(everyone).items(), expected["model_performance_metrics"], strict=True
    ):
        assert (name, PERFORMANCE[name]) == (theirs["name"], theirs["description"])
        assert value == pytest.approx(float(str(theirs["value"]).replace("Infinity", "inf")))


def adult(golden, name):
    """The analysis of one of the two published data sets of the real run, without the flip test."""
    values = (1,)
    plan = ContingencyPlan(
        (ValuedColumn("Sex", (0,)),),
        ValuedColumn("Target", values),
        ValuedColumn("predicted_label", values),
        "Age",
        untyped_texts=True,
    )
    analysis = analyse_contingency(counted(read_rows(golden / "bias-oracle" / "adult" / name), plan), plan)
    [group] = analysis.groups
    return analysis, {metric.name: metric.value for metric in group.metrics if metric.name != "FT"}


def test_the_metrics_of_the_real_baseline_are_those_of_the_service(golden):
    report = BiasReport.from_json((golden / "bias-oracle" / "adult" / "aws_baseline_analysis.json").read_text())
    real = {
        metric.name: metric.value
        for part in report.parts
        for metric in part.facets["Sex"][0].metrics
        if metric.name != "FT"
    }

    _, metrics = adult(golden, "baseline.csv")

    assert len(metrics) == 20
    assert metrics == pytest.approx(real, rel=1e-12)


@pytest.mark.parametrize(
    "path",
    [
        "bias-oracle/adult/aws_baseline_analysis.json",
        "bias-adult-batch-json/baseline/analysis.json",
        "clarify-german-credit/analysis.json",
        "schema-examples/clarify-bias-no-group-variable.analysis.json",
        "schema-examples/clarify-explainability.analysis.json",
    ],
)
def test_a_real_report_is_written_as_it_was_read(golden, path):
    text = (golden / path).read_text()

    report = BiasReport.from_json(text)

    assert json.loads(report.to_json()) == json.loads(text)
    if path.startswith("bias"):  # the others were indented by those who published them
        assert report.to_json() == text.rstrip("\n")


def test_real_violations_are_written_as_they_were_read(golden):
    text = (golden / "bias-oracle" / "adult" / "aws_constraint_violations_run2.json").read_text()

    assert json.loads(BiasViolations.from_json(text).to_json()) == json.loads(text)


def test_the_violations_of_the_real_run_are_those_of_the_service(golden):
    folder = golden / "bias-oracle" / "adult"
    baseline = BiasReport.from_json((folder / "aws_baseline_analysis.json").read_text())
    analysis, _ = adult(golden, "monitor.csv")
    monitor = BiasMonitor(tolerances=Tolerances(with_intervals=False, neutral_di=False))

    violations = monitor.violations(
        monitor.judge(Sample(None, analysis), monitor.stored_baseline(baseline, None, None)).results
    )

    real = json.loads((folder / "aws_constraint_violations.json").read_text())["violations"]
    assert len(real) == 8
    assert sorted(map(sorted, (v.plain().items() for v in violations.violations))) == sorted(
        map(sorted, (violation.items() for violation in real))
    )


def test_a_threshold_is_matched_by_its_lower_end(golden):
    """The upper end of an interval is the maximum of the data, which another window does not share."""
    report = BiasReport.from_json((golden / "clarify-german-credit" / "analysis.json").read_text())
    with (golden / "clarify-german-credit" / "train_data.derived.csv").open() as file:
        names = json.loads((golden / "clarify-german-credit" / "analysis_config.json").read_text())["headers"]
        rows = [dict(zip(names, line.strip().split(","), strict=True)) for line in file]
    plan = ContingencyPlan(
        (ValuedColumn("ForeignWorker", (0,)), ValuedColumn("Age", (40,))),
        ValuedColumn("Class1Good2Bad", (1,)),
        group="A151",
        untyped_texts=True,
    )
    counts = counted([row for row in rows if int(row["Age"]) < 70], plan)

    analysis = analyse_contingency(counts, plan)

    age = analysis.groups[1]
    assert age.choice.shown == "(40, 68]"
    baseline_values = BiasBaseline(report).values(report, "pre_training", "Age", age.choice)
    assert baseline_values is not None
    assert baseline_values["CI"] == 0.4575
