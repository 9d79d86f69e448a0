"""Rows that belong together say less of a model than so many rows by themselves, and a worse model is still found."""

import numpy as np
import pandas as pd
import pytest
from tests.running_jobs import JobsHere

from spark_model_monitor import ModelQualityMonitor, OutcomePlan, ProblemType, outcomes, run_baseline, run_monitoring
from spark_model_monitor.errors import BadConfiguration, BadState
from spark_model_monitor.monitors.protocol import NAMED_COLUMNS, Sample
from spark_model_monitor.statistics.states.outcomes import Outcomes


def classified(random, groups, size, worse=0.0):
    """So many equal rows of each group. worse: the share of groups whose label is the other one."""
    score = random.random(groups)
    happened = random.random(groups) < score
    label = np.where(random.random(groups) < worse, ~happened, happened).astype(int)
    return pd.DataFrame({"label": label.repeat(size), "prediction": (score > 0.5).astype(int).repeat(size)})


def predicted(random, groups, size, worse=0.0):
    value = random.standard_normal(groups)
    label = value + random.standard_normal(groups) * (1 + 2 * worse)
    return pd.DataFrame({"label": label.repeat(size), "prediction": value.repeat(size)})


@pytest.mark.parametrize(
    ("rows_of", "problem"),
    [(classified, ProblemType.BINARY_CLASSIFICATION), (predicted, ProblemType.REGRESSION)],
    ids=["classes", "numbers"],
)
def test_groups_of_ten_equal_rows_are_silent_and_a_worse_model_is_found(rows_of, problem):
    monitor = ModelQualityMonitor(OutcomePlan(problem))
    random = np.random.default_rng(3)
    baseline = run_baseline(rows_of(random, 2000, 10), monitor, engine="local")

    def judge_window(**changes):
        return run_monitoring(rows_of(random, 200, 10, **changes), monitor, baseline, engine="local")

    healthy = [judge_window() for _ in range(20)]
    assert [findings.violations.violations for findings in healthy] == [()] * 20
    assert all(judge_window(worse=0.5).violations.violations for _ in range(5))
    reasons = [finding.reason or "" for window in healthy for finding in window.results]
    assert any("rows that follow each other are alike" in reason for reason in reasons)


def test_rows_by_themselves_count_each():
    monitor = ModelQualityMonitor(OutcomePlan(ProblemType.REGRESSION))
    random = np.random.default_rng(4)
    baseline = run_baseline(predicted(random, 2000, 1), monitor, engine="local")

    evaluation = run_monitoring(predicted(random, 2000, 1), monitor, baseline, engine="local")
    assert evaluation.baseline.groups == 1.0


def scored(random, groups, size, worse=0.0):
    score = random.random(groups)
    happened = random.random(groups) < score
    label = np.where(random.random(groups) < worse, ~happened, happened).astype(int)
    rows = {"label": label, "prediction": (score > 0.5).astype(int), "probability": score}
    return pd.DataFrame(rows | {"plan": random.integers(0, 2, groups)}).loc[np.arange(groups).repeat(size)]


def make_four_classes(random, groups, size, worse=0.0):
    label = random.integers(0, 4, groups)
    prediction = np.where(random.random(groups) < 0.25 + worse, random.integers(0, 4, groups), label)
    return pd.DataFrame({"label": label, "prediction": prediction}).loc[np.arange(groups).repeat(size)]


LAWS = {
    "scores": (scored, {"problem_type": ProblemType.BINARY_CLASSIFICATION, "with_scores": True}),
    "two": (scored, {"problem_type": ProblemType.BINARY_CLASSIFICATION}),
    "classes": (make_four_classes, {"problem_type": ProblemType.MULTICLASS_CLASSIFICATION}),
    "numbers": (predicted, {"problem_type": ProblemType.REGRESSION}),
}


def make_user_rows(law, random, groups, size=10, **more):
    """Rows of users that lie scattered, each the same some times."""
    rows = law(random, groups, size, **more)
    rows["user"] = random.integers(0, 2**40, groups).repeat(size)
    return rows.iloc[random.permutation(len(rows))].reset_index(drop=True)


@pytest.mark.parametrize("law", ["two", "classes", "numbers"])
def test_scattered_rows_of_named_users_count_as_users(law):
    (rows_of, plan), random = LAWS[law], np.random.default_rng(5)
    alarms = {}
    for group_column in (None, "user"):
        monitor = ModelQualityMonitor(OutcomePlan(**plan, group_column=group_column), find_causes=False)
        baseline = run_baseline(make_user_rows(rows_of, random, 1000), monitor, engine="local")
        windows = (make_user_rows(rows_of, random, 40, 60) for _ in range(3))
        evaluations = (run_monitoring(window, monitor, baseline, engine="local") for window in windows)
        alarms[group_column] = sum(bool(findings.violations.violations) for findings in evaluations)
    # The last monitor is the one that names users
    worse = run_monitoring(make_user_rows(rows_of, random, 400, worse=0.5), monitor, baseline, engine="local")

    assert alarms["user"] == 0 < alarms[None]
    assert worse.violations.violations


@pytest.mark.parametrize("law", ["scores", "classes"])
@pytest.mark.parametrize(("size", "low", "high"), [(10, 6, 15), (1, 1, 1.7)])
def test_ten_equal_rows_count_as_one_of_every_metric_and_rows_by_themselves_as_rows(law, size, low, high):
    rows_of, plan = LAWS[law]
    monitor = ModelQualityMonitor(OutcomePlan(**plan, group_column="user"))
    metrics = run_baseline(
        make_user_rows(rows_of, np.random.default_rng(6), 1000, size), monitor, engine="local"
    ).metrics
    metric_names = ("recall", "precision", "accuracy", "auc", "f1", "weighted_precision", "weighted_f2", "macro_f1")

    assert all(low <= metrics.metrics[name].design_effect <= high for name in metric_names if name in metrics.metrics)


@pytest.mark.parametrize(
    "rename",
    [str, "user {}".format, "0{}".format, (2**60).__add__],
    ids=["digits", "texts", "zeros in front", "numbers that no fraction tells apart"],
)
def test_groups_may_have_any_names(rename):
    monitor = ModelQualityMonitor(OutcomePlan(**LAWS["scores"][1], group_column="user"))
    rows = make_user_rows(scored, np.random.default_rng(6), 300)
    codes = pd.Series(pd.factorize(rows["user"])[0])
    renamed_rows = rows.assign(user=codes.map(rename))
    metrics = run_baseline(renamed_rows, monitor, engine="local").metrics.metrics

    assert 6 <= metrics["accuracy"].design_effect <= 15  # ten equal rows of each


def test_few_groups_say_nothing():
    monitor = ModelQualityMonitor(OutcomePlan(ProblemType.BINARY_CLASSIFICATION, group_column="user"))
    random = np.random.default_rng(7)
    baseline = run_baseline(make_user_rows(scored, random, 1000), monitor, engine="local")

    for users in (1, 6):
        window = run_monitoring(
            make_user_rows(scored, random, users, 200, worse=0.6), monitor, baseline, engine="local"
        )
        assert not window.violations.violations


def test_a_segment_has_the_groups_of_all_rows():
    plan = OutcomePlan(**LAWS["scores"][1], group_column="user", segments=("plan",))
    monitor = ModelQualityMonitor(plan, find_causes=False)
    random = np.random.default_rng(8)
    baseline = run_baseline(make_user_rows(scored, random, 1000), monitor, engine="local")
    windows = [
        run_monitoring(make_user_rows(scored, random, 60, 30), monitor, baseline, engine="local") for _ in range(2)
    ]

    # All rows first, then the segment
    accuracy, before = (evaluation.metrics.metrics["accuracy"] for evaluation in (windows[0].current, baseline))
    finding = next(
        candidate for candidate in windows[0].results if candidate.metric == "accuracy" and candidate.segment is None
    )
    assert (finding.n, finding.m) == (before.estimate.n, accuracy.estimate.n)
    assert accuracy.counted == f"1,800 rows, which count as {finding.m:,},"
    segment = windows[0].current.metrics.segments["plan"]["plan=1"]
    assert segment.metrics["recall"].design_effect == windows[0].current.metrics.metrics["recall"].design_effect > 10
    assert not any(findings.violations.violations for findings in windows)


def test_blocks_are_part_of_the_state_and_add():
    plan = OutcomePlan(**LAWS["scores"][1], group_column="user")
    monitor = ModelQualityMonitor(plan)
    rows = make_user_rows(scored, np.random.default_rng(9), 50)
    parts = [run_baseline(part, monitor, engine="local").state for part in (rows[:200], rows[200:])]
    full_state = run_baseline(rows, monitor, engine="local").state
    merged_state = parts[0] + parts[1]
    read = Outcomes.from_bytes(full_state.to_bytes())

    assert merged_state.confusions == full_state.confusions == read.confusions
    assert [scores.to_bytes() for scores in merged_state.coarse_scores] == [
        scores.to_bytes() for scores in read.coarse_scores
    ]
    assert sum(confusion.total > 0 for confusion in full_state.confusions) < 64
    with pytest.raises(BadState, match="the plan"):
        full_state + run_baseline(rows, ModelQualityMonitor(OutcomePlan(**LAWS["scores"][1])), engine="local").state


def test_a_window_takes_the_column_from_its_baseline_and_needs_it():
    named, plain = (OutcomePlan(ProblemType.REGRESSION, group_column=name) for name in ("user", None))
    rows = make_user_rows(predicted, np.random.default_rng(1), 40)
    baseline = run_baseline(rows, ModelQualityMonitor(named), engine="local")

    evaluation = run_monitoring(rows, ModelQualityMonitor(plain), baseline, engine="local")
    assert np.count_nonzero(evaluation.current.state.regression.rows) < 40
    with pytest.raises(BadConfiguration, match="--group-column: 'user' is no column; they are label"):
        run_monitoring(rows.drop(columns="user"), ModelQualityMonitor(plain), baseline, engine="local")
    assert "group_column" not in plain.to_json()


@pytest.mark.parametrize("made_for", [None, "other"])
def test_a_data_set_that_was_made_without_the_column_is_refused(made_for):
    named = OutcomePlan(ProblemType.REGRESSION, group_column="user")
    rows = make_user_rows(predicted, np.random.default_rng(1), 40).assign(other=1)
    dataset = outcomes(rows, OutcomePlan(ProblemType.REGRESSION, group_column=made_for), engine="local")
    monitor = ModelQualityMonitor(named)
    baseline = run_baseline(outcomes(rows, named, engine="local"), monitor)

    for run in (lambda: run_baseline(dataset, monitor), lambda: run_monitoring(dataset, monitor, baseline)):
        with pytest.raises(BadConfiguration, match="rows count by 'user' here, and this data set was made without it"):
            run()


def test_a_column_of_lists_names_no_groups():
    rows = predicted(np.random.default_rng(1), 40, 1)
    rows["user"] = [["a"]] * len(rows)

    with pytest.raises(BadConfiguration, match="--group-column has lists or maps"):
        run_baseline(
            rows, ModelQualityMonitor(OutcomePlan(ProblemType.REGRESSION, group_column="user")), engine="local"
        )


@pytest.mark.parametrize("law", ["scores", "classes", "numbers"])
@pytest.mark.parametrize("share", [0.0, 0.7])
def test_rows_that_lose_their_names_count_as_in_the_baseline(law, share):
    (rows_of, plan), random = LAWS[law], np.random.default_rng(11)
    monitor = ModelQualityMonitor(OutcomePlan(**plan, group_column="user"), find_causes=False)
    baseline = run_baseline(make_user_rows(rows_of, random, 1000, 20), monitor, engine="local")

    def judge_window(users, **more):
        rows = make_user_rows(rows_of, random, users, 20, **more)
        rows["user"] = rows["user"].where(random.random(len(rows)) < share)
        return run_monitoring(rows, monitor, baseline, engine="local")

    healthy = [judge_window(60) for _ in range(3)]
    assert not any(findings.violations.violations for findings in healthy)
    assert judge_window(400, worse=0.5).violations.violations
    assert all([hint.hint for hint in findings.hints] == ["group_column"] for findings in healthy)


@pytest.mark.parametrize("law", ["scores", "classes", "numbers"])
def test_a_name_of_its_own_for_each_row_names_no_groups(law):
    """As of a row's id in place of its user's."""
    (rows_of, plan), random = LAWS[law], np.random.default_rng(11)
    monitor = ModelQualityMonitor(OutcomePlan(**plan, group_column="user"), find_causes=False)
    baseline = run_baseline(make_user_rows(rows_of, random, 1000, 20), monitor, engine="local")

    def judge_window(users, **more):
        rows = make_user_rows(rows_of, random, users, 20, **more)
        return run_monitoring(rows.assign(user=np.arange(len(rows))), monitor, baseline, engine="local")

    healthy = [judge_window(60) for _ in range(3)]
    assert not any(findings.violations.violations for findings in healthy)
    assert judge_window(400, worse=0.5).violations.violations
    [hint] = healthy[0].hints
    assert hint.description == (
        "'user' names no groups: nearly each row has a name of its own, and counts as in the baseline, where it did"
    )
    named_rows = make_user_rows(rows_of, random, 1000, 20).assign(user=np.arange(20_000))
    state = run_baseline(named_rows, monitor, engine="local").state
    [hint] = monitor.judge(Sample(state, monitor.metrics(state), NAMED_COLUMNS), None).hints
    assert hint.description == "'user' names no groups: nearly each row has a name of its own, and counts as one"
    assert monitor.judge(Sample(baseline.state, monitor.metrics(baseline.state), NAMED_COLUMNS), None).hints == ()


def test_users_who_are_there_once_in_a_window_and_come_again_are_rows_by_themselves():
    """As in hours of a baseline of a month: that each row has a name of its own then says nothing."""
    random = np.random.default_rng(13)
    users = classified(random, 2_000, 1, worse=0.0)
    monitor = ModelQualityMonitor(
        OutcomePlan(ProblemType.BINARY_CLASSIFICATION, group_column="user"), find_causes=False
    )

    def drawn(count, worse=0.0):
        user = random.integers(0, len(users), count)
        label = users["label"].to_numpy()[user]
        return users.iloc[user].assign(user=user, label=np.where(random.random(count) < worse, 1 - label, label))

    baseline = run_baseline(drawn(20_000), monitor, engine="local")
    evaluations = [run_monitoring(drawn(400), monitor, baseline, engine="local") for _ in range(20)]
    assert sum(bool(findings.hints) for findings in evaluations) <= 2
    assert sum(bool(findings.violations.violations) for findings in evaluations) <= 1
    worse = [run_monitoring(drawn(400, 0.3), monitor, baseline, engine="local") for _ in range(5)]
    assert all(findings.violations.violations for findings in worse)


def test_a_window_of_the_command_counts_by_the_column_of_its_baseline_alone(tmp_path, capsys):
    jobs = JobsHere(tmp_path)
    random = np.random.default_rng(12)
    for name in ("baseline", "window"):
        make_user_rows(predicted, random, 40).assign(other=1).to_csv(tmp_path / f"{name}.csv", index=False)
    flags = ("--analysis-type", "MODEL_QUALITY", "--problem-type", "Regression", "--engine", "local")
    flags += ("--ground-truth-attribute", "label", "--inference-attribute", "prediction")
    for kind, column in (("named", ["--group-column", "user"]), ("plain", [])):
        created = jobs("baseline", "--dataset-source", "baseline.csv", "--output-path", kind, *flags, *column)
        assert created.status == 0, created.said
        for column_name in ("other", "no column"):
            window = ("--dataset-source", "window.csv", "--output-path", f"{kind} {column_name}", *flags)
            ended = jobs("monitor", *window, "--baseline", kind, "--group-column", column_name)
            error_text = ended.said + capsys.readouterr().err
            assert (ended.status, "--group-column is of baseline, and has no effect here" in error_text) == (2, True)


def test_blocks_count_as_evenly_as_they_are_filled():
    monitor = ModelQualityMonitor(OutcomePlan(**LAWS["two"][1], group_column="user"))
    random = np.random.default_rng(13)
    rows = make_user_rows(scored, random, 1000)
    heavy_user_rows = rows.assign(
        user=rows["user"].where(random.random(len(rows)) < 0.5, 7)
    )  # half of the rows are one user's
    even, uneven = (
        run_baseline(frame, monitor, engine="local").metrics.metrics["accuracy"].estimate
        for frame in (rows, heavy_user_rows)
    )
    assert 50 < even.blocks < 64
    assert 3 < uneven.blocks < 5
