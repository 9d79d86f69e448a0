"""Scikit-learn models: skops files, which don't run code when they are loaded, and pickles, which do."""

from __future__ import annotations

import io
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.monitors.predictors import (
    PICKLES,
    AdditivePredictor,
    Model,
    Predict,
    register_predictor,
    select_columns,
)
from spark_model_monitor.monitors.predictors.sums import Leaves, Linear, Sum, Tree

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray
    from sklearn.base import BaseEstimator


TRUSTED = frozenset(
    {
        "collections.OrderedDict",
        "sklearn.tree._tree.Tree",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "xgboost.core.Booster",
        "xgboost.sklearn.XGBClassifier",
        "xgboost.sklearn.XGBRegressor",
        "lightgbm.basic.Booster",
        "lightgbm.sklearn.LGBMClassifier",
        "lightgbm.sklearn.LGBMRegressor",
    }
)
"""Types that skops doesn't know; they contain a model's parameters, and don't run code."""


LINEAR = ("LinearRegression", "Ridge")
FORESTS = tuple(
    f"{forest}{task}"
    for forest in ("DecisionTree", "ExtraTree", "RandomForest", "ExtraTrees")
    for task in ("Regressor", "Classifier")
)
"""Models whose answers are sums over columns or trees."""


@register_predictor(
    "sklearn",
    endings=(".skops", *PICKLES),
    remedy="install spark-model-monitor[sklearn], and what else the model was made with",
)
def load_sklearn(model: Model) -> Predict:
    """A scikit-learn model; calls predict_proba, else decision_function, else predict. For two classes, the second one's score.

    The labels are the output of predict.
    """
    if model.name.lower().endswith(PICKLES):
        estimator = _load_pickle(model)
    else:
        estimator = open_skops(model)
    names = ["predict"] if model.labels else ["predict_proba", "decision_function", "predict"]
    name = next((name for name in names if hasattr(estimator, name)), None)
    if name is None:
        raise BadConfiguration(f"{model.name}: {type(estimator).__name__} has no predict; save a fitted model")
    compute_scores = getattr(estimator, name)
    # If a model was fitted on an array, it has no names, and warns about every frame with column names
    feature_names = list(getattr(estimator, "feature_names_in_", ()))

    def predict(frame: pd.DataFrame) -> NDArray[np.generic]:
        scores: NDArray[np.generic] = compute_scores(
            select_columns(frame, feature_names) if feature_names else frame.to_numpy()
        )
        # Both columns add up to 1, so the second one is enough
        if name == "predict_proba" and scores.shape[1] == 2:
            return scores[:, 1]
        return scores

    return AdditivePredictor(predict, partial(_find_additive_model, estimator))


def _find_additive_model(estimator: BaseEstimator) -> Sum | None:
    """The model as a sum: the weights of a linear model, or the leaves of trees. Log-odds are a sum only for two classes."""
    if type(estimator).__module__.startswith("xgboost.") and np.isnan(estimator.missing):
        from spark_model_monitor.monitors.predictors.xgboost import convert_booster_to_sum

        booster = estimator.get_booster()
        best_iteration = booster.attr("best_iteration")  # the last one that is used, if training stopped early
        if best_iteration is not None:
            booster = booster[: int(best_iteration) + 1]
        return convert_booster_to_sum(booster)
    if not type(estimator).__module__.startswith("sklearn."):
        return None
    class_name = type(estimator).__name__
    names = tuple(getattr(estimator, "feature_names_in_", ()))
    class_count = len(getattr(estimator, "classes_", ()))
    if class_name in LINEAR:
        return Sum(Linear(np.atleast_2d(estimator.coef_)), names)
    # A multinomial fit of two classes uses a softmax, whose log-odds are twice as large
    is_multinomial = getattr(estimator, "multi_class", "") == "multinomial"
    if class_name == "LogisticRegression" and class_count == 2 and not is_multinomial:
        return Sum(Linear(estimator.coef_), names, sums_log_odds=True)
    is_boosted = class_name == "GradientBoostingRegressor" or (
        class_name == "GradientBoostingClassifier" and class_count == 2 and estimator.loss == "log_loss"
    )
    leaves = None
    # Other initial models aren't constant
    if is_boosted and estimator.init in (None, "zero"):
        leaves = Leaves.of(_read_tree(tree, estimator.learning_rate) for tree in estimator.estimators_.ravel())
    # A forest answers with the mean of its trees, so each tree is scaled by 1 / their number
    if class_name in FORESTS and estimator.n_outputs_ == 1:
        trees = getattr(estimator, "estimators_", [estimator])
        leaves = Leaves.of(_read_tree(tree, 1 / len(trees), class_count) for tree in trees)
    if leaves is None:
        return None
    return Sum(leaves, names, sums_log_odds=is_boosted and class_count == 2)


def _read_tree(estimator: BaseEstimator, scale: float, class_count: int = 0) -> Tree:
    """A tree whose leaves have one value for each class, or one number. In sklearn, cells equal to the threshold go left."""
    tree = estimator.tree_
    values = tree.value[:, 0, :]
    # Before release 1.3, leaves contained counts of rows, since then shares
    if class_count:
        values = values / values.sum(axis=1, keepdims=True)
    # Of two classes, the second one's share is enough
    if class_count == 2:
        values = values[:, 1:]
    missing_left = getattr(tree, "missing_go_to_left", np.zeros(tree.node_count)).astype(bool)
    # `<= t` is equivalent to `< the next double`, the form that `Leaves` uses
    below = np.nextafter(tree.threshold, np.inf)
    left = tree.children_left.tolist()
    right = tree.children_right.tolist()
    return Tree(left, right, tree.feature.tolist(), below.tolist(), missing_left.tolist(), scale * values)


def open_skops(model: Model) -> Any:
    from skops import io as skops

    trusted = TRUSTED.union(model.trusted)
    names = sorted(set(skops.get_untrusted_types(data=model.content)) - trusted)
    if names:
        raise BadConfiguration(
            f"{model.name} holds {', '.join(names)}, which may run code; if you trust it, write "
            f"--set trust_type={','.join(names)}"
        )
    return skops.loads(model.content, trusted=sorted(trusted))


def _load_pickle(model: Model) -> Any:
    if not model.allows_pickle:
        raise BadConfiguration(
            f"{model.name} is a pickle, and a pickle runs code when it is loaded; save the model by skops, or write "
            "--set allow_pickle=yes if you trust whoever can write the file"
        )
    import joblib

    return joblib.load(io.BytesIO(model.content))
