"""Shortcuts: the values that all coalitions give, where a model is a sum, and none elsewhere."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from spark_model_monitor.documents.analysis_config import AnalysisConfig
from spark_model_monitor.monitors.explainability.attribution_measures import AttributionMeasures
from spark_model_monitor.monitors.explainability.kernel import Kernel
from spark_model_monitor.monitors.explainability.monitor import ExplainabilityMonitor
from spark_model_monitor.monitors.predictors import Model, sums
from spark_model_monitor.monitors.predictors.model_loading import ModelCaller
from spark_model_monitor.monitors.predictors.sums import Leaves, Tree
from spark_model_monitor.running.runs.monitoring_run import run_baseline
from spark_model_monitor.statistics.user_choices import Algorithm

FEATURES = ("a", "b", "c", "d", "e")
FOUR = np.array([[0.0], [0.0], [0.0], [0.0], [4.0]])
EVERYTHING = 2 ** len(FEATURES)
RANDOM = np.random.default_rng(5)
ROWS = RANDOM.normal(size=(400, len(FEATURES))).round(2)
SIZES = 2 * ROWS[:, 0] + ROWS[:, 1] * ROWS[:, 2] - np.abs(ROWS[:, 3])
CLASSES = (SIZES > 0).astype(int)
LACKING = np.where(RANDOM.random(ROWS.shape) < 0.1, np.nan, ROWS)


def boosted(objective, rows=ROWS, names=None, **members):
    xgboost = pytest.importorskip("xgboost")
    if "multi" in objective:
        labels = CLASSES + (SIZES > 2)
    elif "logistic" in objective:
        labels = CLASSES
    else:
        labels = SIZES
    data = xgboost.DMatrix(rows, labels, feature_names=names)
    booster = xgboost.train({"objective": objective, "max_depth": 4, "nthread": 1, **members}, data, 12)
    return Model("xgboost", "model.json", content=bytes(booster.save_raw("json")))


def fitted(name, labels=None, **members):
    skops = pytest.importorskip("skops.io")
    from sklearn import ensemble, linear_model, tree

    kind = next(getattr(module, name) for module in (ensemble, linear_model, tree) if hasattr(module, name))
    if name == "LinearRegression":
        seeded = {}
    else:
        seeded = {"random_state": 1}
    estimator = kind(**seeded, **members)
    if labels is not None:
        targets = labels
    elif name.endswith(("Regressor", "Regression", "Ridge")):
        targets = SIZES
    else:
        targets = CLASSES
    estimator.fit(ROWS, CLASSES if name == "LogisticRegression" and labels is None else targets)
    trusted = tuple(skops.get_untrusted_types(data=(content := skops.dumps(estimator))))
    return Model("sklearn", "model.skops", content=content, trusted=trusted)


def shortcut(model, baselines, *, with_logit, rows=ROWS, names=FEATURES):
    """The values of the shortcut, None where there is none, and those of all coalitions."""
    caller = ModelCaller(model, names, [True] * len(names))
    baseline = rows[:baselines]
    exactly = caller.build_exact_attribution(baseline, with_logit=with_logit)
    kernel = Kernel(caller, baseline, EVERYTHING, with_logit=with_logit)
    return (exactly and exactly(rows[:40])), kernel.explain(rows[:40]).values


def wrapped(name, **members):
    """A booster in scikit-learn's clothes."""
    skops = pytest.importorskip("skops.io")
    xgboost = pytest.importorskip("xgboost")
    estimator = getattr(xgboost, name)(n_estimators=12, max_depth=4, n_jobs=1, **members)
    targets = CLASSES if name == "XGBClassifier" else SIZES
    estimator.fit(ROWS, targets, eval_set=[(-ROWS, targets)], verbose=False)
    return Model("sklearn", "model.skops", content=skops.dumps(estimator))


SAME = {
    "linear": (lambda: fitted("LinearRegression"), False, 7, 1e-9),
    "ridge": (lambda: fitted("Ridge"), False, 7, 1e-9),
    "logistic": (lambda: fitted("LogisticRegression"), True, 1, 1e-9),
    "trees": (lambda: boosted("reg:squarederror"), False, 7, 1e-5),
    "trees, missing cells": (lambda: boosted("reg:squarederror", LACKING), False, 7, 1e-5),
    "trees of log-odds": (lambda: boosted("binary:logistic"), True, 1, 1e-5),
    "wrapped trees": (lambda: wrapped("XGBRegressor"), False, 7, 1e-5),
    "wrapped trees of log-odds": (lambda: wrapped("XGBClassifier"), True, 1, 1e-5),
    "wrapped trees stopped early": (lambda: wrapped("XGBRegressor", early_stopping_rounds=2), False, 7, 1e-5),
    "a tree": (lambda: fitted("DecisionTreeRegressor", max_depth=5), False, 7, 1e-9),
    "a forest": (lambda: fitted("RandomForestRegressor", n_estimators=5), False, 7, 1e-9),
    "a forest of two classes": (lambda: fitted("RandomForestClassifier", n_estimators=5), False, 7, 1e-9),
    "a forest of three": (
        lambda: fitted("ExtraTreesClassifier", CLASSES + (SIZES > 2), n_estimators=5),
        False,
        7,
        1e-9,
    ),
    "boosted sizes": (lambda: fitted("GradientBoostingRegressor", n_estimators=9), False, 7, 1e-9),
    "boosted log-odds": (lambda: fitted("GradientBoostingClassifier", n_estimators=9), True, 1, 1e-9),
}


@pytest.mark.parametrize("case_name", SAME)
def test_a_sum_has_the_values_of_all_coalitions(case_name):
    make_model, with_logit, baselines, tolerance = SAME[case_name]
    rows = LACKING if "missing" in case_name else ROWS

    attributions, expected = shortcut(make_model(), baselines, with_logit=with_logit, rows=rows)

    assert np.abs(expected).max() > 0.01
    np.testing.assert_allclose(attributions, expected, atol=tolerance)


def grown(random, columns, depth):
    """A tree that splits at random cells of ROWS, and stops early now and then."""
    left = []
    right = []
    split = []
    below = []
    missing = []
    values = []

    def grow(depth):
        node = len(left)
        for each, cell in ((left, -1), (right, -1), (split, 0), (below, 0.0), (missing, False)):
            each.append(cell)
        values.append(random.normal(size=2))
        if depth and random.random() < 0.9:
            split[node], below[node] = int(random.integers(columns)), float(np.float32(random.normal()))
            missing[node] = bool(random.random() < 0.5)
            left[node], right[node] = grow(depth - 1), grow(depth - 1)
        return node

    grow(depth)
    return Tree(left, right, split, below, missing, np.array(values))


def walked(trees, rows):
    """What trees answer, node by node."""
    answers = np.zeros((len(rows), 2))
    for number, row in enumerate(rows.astype(np.float32)):
        for tree in trees:
            node = 0
            while tree.left[node] >= 0:
                cell = row[tree.columns[node]]
                if np.isnan(cell):
                    goes_left = tree.missing_left[node]
                else:
                    goes_left = cell < tree.below[node]
                node = tree.left[node] if goes_left else tree.right[node]
            answers[number] += tree.values[node]
    return answers


@pytest.mark.parametrize("baselines", [1, 100])
@pytest.mark.parametrize("bits", [sums.MAX_BITS, 0], ids=["looked up", "told one by one"])
def test_trees_have_the_values_of_all_coalitions_to_the_ninth_digit(baselines, bits, monkeypatch):
    monkeypatch.setattr(sums, "MAX_BITS", bits)
    monkeypatch.setattr(sums, "CONDITIONS_PER_CALL", 200)  # some rows at a time
    random = np.random.default_rng(baselines)
    trees = [grown(random, 5, depth) for depth in (3, 5, 6)]
    rows = LACKING[:5]
    baseline = LACKING[5 : 5 + baselines]

    attributions = Leaves.of(trees).build_attribution(baseline)(rows)

    kernel = Kernel(lambda cells: walked(trees, cells), baseline, EVERYTHING)
    expected = kernel.explain(rows)
    assert expected.exact == len(rows)
    assert np.abs(expected.values).max() > 0.01
    np.testing.assert_allclose(attributions, expected.values, atol=1e-9)


OTHERS = {
    "probabilities of trees": (lambda: boosted("binary:logistic"), False, 1),
    "log-odds beside ten rows": (lambda: boosted("binary:logistic"), True, 10),
    "log-odds of a size": (lambda: boosted("reg:squarederror"), True, 1),
    "many classes": (lambda: boosted("multi:softprob", num_class=3), False, 1),
    "probabilities of wrapped trees": (lambda: wrapped("XGBClassifier"), False, 1),
    "wrapped trees that miss zeros": (lambda: wrapped("XGBRegressor", missing=0), False, 1),
    "another objective": (lambda: boosted("reg:logistic"), True, 1),
    "trees that are left out by chance": (lambda: boosted("reg:squarederror", booster="dart"), False, 1),
    "probabilities of a logistic regression": (lambda: fitted("LogisticRegression"), False, 1),
    "log-odds of it beside ten rows": (lambda: fitted("LogisticRegression"), True, 10),
    "log-odds of a forest": (lambda: fitted("RandomForestClassifier", n_estimators=5), True, 1),
    "another loss": (lambda: fitted("GradientBoostingClassifier", loss="exponential", n_estimators=5), True, 1),
    "probabilities of boosted trees": (lambda: fitted("GradientBoostingClassifier", n_estimators=5), False, 1),
    "what we can't look into": (lambda: Model("callable", "f", function=lambda frame: frame["a"]), False, 1),
}


@pytest.mark.parametrize("case_name", OTHERS)
def test_what_is_no_sum_has_no_shortcut(case_name):
    make_model, with_logit, baselines = OTHERS[case_name]

    assert (
        ModelCaller(make_model(), FEATURES, [True] * 5).build_exact_attribution(ROWS[:baselines], with_logit=with_logit)
        is None
    )


def test_columns_go_by_the_models_names():
    model = boosted("reg:squarederror", ROWS[:, ::-1], list(FEATURES[::-1]))

    attributions, expected = shortcut(model, 3, with_logit=False)

    np.testing.assert_allclose(attributions, expected, atol=1e-5)


def test_texts_have_no_shortcut():
    caller = ModelCaller(fitted("LinearRegression"), FEATURES, [False] * 5)

    assert caller.build_exact_attribution(ROWS[:1].astype(object), with_logit=False) is None


def test_a_leaf_that_takes_two_columns_is_shared_by_them():
    """By hand: 4 where both are at least 0.5, as infinity is, else 0. Two players that get 4 only together have 2 each."""
    tree = Tree([1, -1, 3, -1, -1], [2, -1, 4, -1, -1], [0, 0, 1, 0, 0], [0.5, 0, 0.5, 0, 0], [True] * 5, FOUR)
    leaves = Leaves.of([tree])

    cells = np.array([[1.0, 1.0], [1.0, 0.0], [0.0, 0.0], [0.5, 0.5], [np.inf, 1.0], [np.inf, -np.inf]])
    leaf_values = leaves.build_attribution(np.zeros((1, 2)))(cells)

    assert leaf_values[:, 0, :].tolist() == [[2, 2], [0, 0], [0, 0], [2, 2], [2, 2], [0, 0]]


@pytest.mark.parametrize("columns", [5, 7, 12, 20])
def test_a_leaf_behind_many_columns_is_shared_by_all_of_them(columns):
    """By hand: 1 where all are at least 0.5, which as many players get only together. Conditions are bits of 8, 16 or 64."""
    left = []
    right = []
    split = []
    for column in range(columns):  # the node of each column and the leaf of those below 0.5
        left = [*left, 2 * column + 1, -1]
        right = [*right, 2 * column + 2, -1]
        split = [*split, column, 0]
    nodes = 2 * columns + 1
    values = np.zeros((nodes, 1))
    values[-1] = 1.0
    tree = Tree([*left, -1], [*right, -1], [*split, 0], [0.5] * nodes, [True] * nodes, values)

    leaf_values = Leaves.of([tree]).build_attribution(np.zeros((1, columns)))(np.ones((1, columns)))

    np.testing.assert_allclose(leaf_values[0, 0], 1 / columns, rtol=1e-12)


def test_a_single_leaf_gives_nobody_anything():
    leaves = Leaves.of([Tree([-1], [-1], [0], [0], [False], np.array([[3.0]]))])

    assert Leaves.of([]) is None
    assert (leaves.build_attribution(ROWS[3:5])(ROWS[:3]) == 0).all()


def test_trees_of_too_many_leaves_have_none(monkeypatch):
    monkeypatch.setattr(sums, "MAX_CONDITIONS", 10)

    assert (
        ModelCaller(boosted("reg:squarederror"), FEATURES, [True] * 5).build_exact_attribution(
            ROWS[:1], with_logit=False
        )
        is None
    )


@pytest.mark.parametrize("algorithm", Algorithm)
def test_a_run_takes_the_shortcut_unless_it_is_reported_not_to(algorithm, caplog):
    caplog.set_level("INFO")
    config = AnalysisConfig.from_json('{"methods": {"shap": {"num_samples": 4, "baseline": [[0, 0, 0, 0, 0]]}}}')
    measures = replace(AttributionMeasures.of(config, fitted("Ridge")), algorithm=algorithm)
    run = run_baseline(pd.DataFrame(ROWS, columns=FEATURES), ExplainabilityMonitor(measures), engine="local")

    takes_it = algorithm is Algorithm.AUTO
    assert (run.state.exact == len(ROWS)) is takes_it
    assert ("all rows are explained exactly, without coalitions" in caplog.text) is takes_it
