"""Models of scikit-learn: skops files, which run no code, and pickles, which do."""

from __future__ import annotations

import io
from typing import Any

from model_monitor.errors import BadConfiguration
from model_monitor.predictors import PREDICTORS, Model, Predict

SKOPS, PICKLES = (".skops",), (".pkl", ".pickle", ".joblib")

TRUSTED = frozenset(
    {
        *("collections.OrderedDict", "sklearn.tree._tree.Tree"),
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        *("xgboost.core.Booster", "xgboost.sklearn.XGBClassifier", "xgboost.sklearn.XGBRegressor"),
        *("lightgbm.basic.Booster", "lightgbm.sklearn.LGBMClassifier", "lightgbm.sklearn.LGBMRegressor"),
    }
)
"""Types that skops doesn't know, and that hold parameters of a model and nothing that runs."""


@PREDICTORS.register(
    "sklearn",
    endings=(*SKOPS, *PICKLES),
    remedy="install spark-model-monitor[sklearn], and what else the model was made with",
)
def of_sklearn(model: Model) -> Predict:
    """A model of scikit-learn; predict_proba, else decision_function, else predict. Of two classes the second one's score."""
    estimator = _unpickled(model) if model.name.lower().endswith(PICKLES) else _opened(model)
    for name in ("predict_proba", "decision_function", "predict"):
        scores = getattr(estimator, name, None)
        if scores is not None:
            break
    else:
        raise BadConfiguration(f"{model.name}: {type(estimator).__name__} has no predict; save a fitted model")
    by_name = hasattr(estimator, "feature_names_in_")

    def predict(frame: Any) -> Any:
        found = scores(frame if by_name else frame.to_numpy())
        return found[:, 1] if name == "predict_proba" and found.shape[1] == 2 else found

    return predict


def _opened(model: Model) -> Any:
    from skops import io as skops

    unknown = set(skops.get_untrusted_types(data=model.content)) - TRUSTED - set(model.trusted)
    if unknown:
        names = sorted(unknown)
        raise BadConfiguration(
            f"{model.name} holds {', '.join(names)}, which may run code; if you trust it, write --trust-type {','.join(names)}"
        )
    return skops.loads(model.content, trusted=sorted(TRUSTED | set(model.trusted)))


def _unpickled(model: Model) -> Any:
    if not model.allows_pickle:
        raise BadConfiguration(
            f"{model.name} is a pickle, and a pickle runs code when it is loaded; save the model by skops, or write "
            "--allow-pickle if you trust whoever can write the file"
        )
    import joblib

    return joblib.load(io.BytesIO(model.content))
