"""Metrics of a model by segment: what is measured and judged of each, and what a window's rows lack."""

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spark_model_monitor import ModelQualityMonitor, OutcomePlan, ProblemType, outcomes, run_baseline, run_monitoring
from spark_model_monitor.documents.check_results import CheckStatus, remove_values
from spark_model_monitor.documents.headline import write_headline
from spark_model_monitor.errors import BadConfiguration, BadState
from spark_model_monitor.statistics.states.outcomes import Outcomes

PLANS = ("basic", "business", "free", "team")
CUTS = ("plan", "age:30:50", "plan*age:40")


def make_plan(*segments, problem=ProblemType.BINARY_CLASSIFICATION, **more):
    return OutcomePlan(problem, segments=segments, **more)


def answers(rows=8_000, seed=1, wrong=0.1, broken="", by=0.6):
    """Labels and predictions, of which a share is wrong; in the broken plan a larger one."""
    random = np.random.default_rng(seed)
    plan = random.choice(PLANS, rows)
    label = random.random(rows) < 0.4
    off = random.random(rows) < np.where(plan == broken, by, wrong)
    columns = {"label": label.astype(int), "prediction": (label ^ off).astype(int)}
    return pd.DataFrame(columns | {"plan": plan, "age": random.integers(18, 80, rows)})


def make_baseline(data, *segments, **more):
    plan = make_plan(*segments, **more)
    return run_baseline(outcomes(data, plan), ModelQualityMonitor(plan), engine="local")


def judge_window(baseline, data, *, hide_values=False):
    monitor = ModelQualityMonitor(make_plan(), hide_values=hide_values)
    return run_monitoring(data, monitor, baseline, engine="local")


def violated(findings):
    return [result for result in findings.results if result.status is CheckStatus.VIOLATED]


def test_a_segment_is_measured_as_its_rows_alone_are():
    data = answers()
    segments = make_baseline(data, *CUTS).state.segments
    chosen = data[(data.plan == "team") & (data.age >= 40)]

    assert {cut: len(segments) for cut, segments in segments.items()} == {"plan": 4, "age:30:50": 3, "plan*age:40": 8}
    assert segments["plan*age:40"]["plan=team & age>=40"] == make_baseline(chosen).state


@pytest.mark.parametrize("problem", [ProblemType.BINARY_CLASSIFICATION, ProblemType.REGRESSION])
def test_the_segments_of_each_cut_add_up_to_all_rows(problem):
    full_state = make_baseline(answers(), *CUTS, problem=problem).state

    for segments in full_state.segments.values():
        first, *other_segments = segments.values()
        total = sum(other_segments, first)
        assert total.item_count == full_state.item_count == 8_000
        assert dict(total.confusion.counts) == dict(full_state.confusion.counts)
        for sums in ("rows", "errors", "squares"):
            if hasattr(full_state.regression, sums):
                np.testing.assert_allclose(
                    getattr(total.regression, sums).sum(), getattr(full_state.regression, sums).sum(), rtol=1e-12
                )


def test_the_state_is_read_as_it_was_written_and_without_segments_has_the_bytes_it_had():
    data = answers(400)
    state = make_baseline(data, *CUTS).state
    bare = make_baseline(data).state

    assert Outcomes.from_bytes(state.to_bytes()) == state
    assert b"segments" not in bare.to_bytes()
    assert state + bare != bare + bare
    assert (state + state).segments["plan"]["plan=team"].item_count == 2 * state.segments["plan"][
        "plan=team"
    ].item_count


def test_a_state_whose_segments_lack_rows_is_refused():
    state = make_baseline(answers(400), "plan").state
    del state.segments["plan"]["plan=team"]

    with pytest.raises(BadState, match="the rows of its segments are not its own"):
        Outcomes.from_bytes(state.to_bytes())


def test_healthy_windows_raise_nothing_and_the_ledger_adds_up_to_the_budget():
    baseline = make_baseline(answers(), *CUTS)
    findings = judge_window(baseline, answers(seed=2))
    families = findings.budget.families

    assert not violated(findings)
    assert [family.family for family in families] == ["model quality", "segments"]
    assert sum(family.level for family in families) == pytest.approx(findings.budget.false_alarm_budget)
    # 15 segments, in each of which the metrics say the same as often as in the whole
    assert families[1].tests == 15 * families[0].tests
    assert baseline.constraints.segments == tuple(sorted(CUTS))


def test_what_is_broken_in_one_segment_alone_is_reported_by_it():
    baseline = make_baseline(answers(), "plan", "age:30:50")
    # a sixteenth of the rows is 60 % wrong: of the whole that is 3 points, which the window's 1,200 rows don't show
    random = np.random.default_rng(5)
    data = answers(1_200, seed=4, broken="team")
    data = data[(data.plan != "team") | (random.random(len(data)) < 0.25)]
    findings = judge_window(baseline, data)

    assert {result.segment for result in violated(findings)} == {"plan=team"}
    first = next(result for result in violated(findings) if result.metric == "accuracy")
    assert first.where == "in one segment of plan"
    assert "in plan=team" in str(write_headline(findings.results).text)
    assert "team" not in str(write_headline([*map(remove_values, findings.results)]).text)
    assert "team" not in (first.words or "")
    assert first.description.endswith("in plan=team")


def test_a_change_of_all_rows_is_a_violation_of_the_whole_and_names_no_segment():
    baseline = make_baseline(answers(), "plan")
    findings = judge_window(baseline, answers(seed=6, wrong=0.3))
    [of_all, *of_segments] = [result for result in findings.results if result.metric == "accuracy"]

    assert of_all.is_violation
    assert of_all.segment is None
    assert {result.reason for result in of_segments} == {"accuracy is violated, and this is the same change"}


def test_a_violation_of_the_whole_says_in_which_segment_it_is_clearest():
    # each age is worse, too, as a quarter of its rows is of the broken plan
    baseline = make_baseline(answers(), "plan", "age:40")
    findings = judge_window(baseline, answers(seed=7, broken="free"))
    of_all = next(result for result in findings.results if result.metric == "accuracy")

    assert of_all.is_violation
    assert (of_all.segment, of_all.where) == ("plan=free", "clearest in one segment of plan")


def test_segments_are_in_the_files_and_on_the_page():
    baseline = make_baseline(answers(), "plan")
    findings = judge_window(baseline, answers(seed=8, broken="free"))
    files = {name.rpartition("/")[2]: content for name, content in findings.files().items()}
    document = json.loads(files["metrics.json"])
    checks = pq.read_table(pa.BufferReader(files["checks.parquet"])).to_pylist()
    summary = pq.read_table(pa.BufferReader(files["summary.parquet"])).to_pylist()

    assert [(segment["cut"], segment["segment"]) for segment in document["segments"]] == [
        ("plan", f"plan={name}") for name in PLANS
    ]
    assert {row["segment"] for row in checks} >= {f"plan={name}" for name in PLANS}
    assert {row["part"] for row in summary} == {"", *(f"plan={name}" for name in PLANS)}
    page = findings.report().html
    assert "By segment" in page
    assert "plan=free" in page


def test_hidden_values_are_names_of_no_segment_anywhere_but_in_the_states():
    baseline = make_baseline(answers(), "plan")
    findings = judge_window(baseline, answers(seed=9, broken="free"), hide_values=True)
    documents = findings.files()

    assert violated(findings)
    assert not [name for name, content in documents.items() if b"plan=free" in content and "states" not in name]
    assert "one segment of plan" in str(write_headline(findings.results).text)


@pytest.mark.parametrize(
    ("window", "message"),
    [
        pytest.param(
            lambda data: data.drop(columns="plan"), "segments by 'plan': the data lacks the column", id="no column"
        ),
        pytest.param(
            lambda data: data.assign(plan=range(len(data))),
            "100 % of the rows have values that the baseline lacks",
            id="another type, one row a segment",
        ),
    ],
)
def test_a_window_that_cant_be_cut_is_reported_and_the_whole_is_judged(window, message):
    findings = judge_window(make_baseline(answers(), "plan"), window(answers(seed=10)))

    assert [hint for hint in findings.hints if message in hint.description]
    assert any(result.metric == "accuracy" and result.status is CheckStatus.PASSED for result in findings.results)


def test_a_segment_without_rows_in_the_window_is_not_judged():
    data = answers(seed=11)
    findings = judge_window(make_baseline(answers(), "plan"), data[data.plan != "team"])
    [gone] = [
        finding for finding in findings.results if finding.segment == "plan=team" and finding.metric == "accuracy"
    ]

    assert gone.status is CheckStatus.NOT_JUDGED
    assert gone.reason == "the window has no rows in this segment from which it could be judged"
    assert not violated(findings)


def test_a_column_of_many_values_is_fifty_segments_and_a_rest_that_the_log_tells(caplog):
    data = answers(30_000).assign(id=lambda rows: [f"row {number}" for number in range(len(rows))])
    baseline = make_baseline(data, "id")

    assert len(baseline.state.segments["id"]) == 51
    assert baseline.state.segments["id"]["id=(others)"].item_count == 30_000 - 50
    assert "there are more than 50 values, and 99.8 % of the rows have others" in caplog.text
    assert not violated(judge_window(baseline, data))


def test_a_column_that_is_missing_from_the_baseline_or_has_lists_is_refused():
    with pytest.raises(BadConfiguration, match="'colour' of 'colour' is no column of the data; they are label"):
        make_baseline(answers(100), "colour")
    with pytest.raises(BadConfiguration, match="'tags' has lists or maps, which cut no rows; write another column"):
        make_baseline(answers(100).assign(tags=[[1, 2]] * 100), "tags")
