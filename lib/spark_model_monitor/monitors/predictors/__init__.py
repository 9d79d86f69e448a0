"""Models that are called without an endpoint of the service. Each flavour of model has a registered loader in its own file.

A loader takes a `Model` and returns a function from a pandas frame to one or several scores per row, or to labels if
these are requested. It is called once per Python worker, and imports the model's library when it is called. Executors import
this package, so it imports neither pyspark nor pydantic.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from os import PathLike
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spark_model_monitor.documents.page import list_names
from spark_model_monitor.errors import BadInput
from spark_model_monitor.monitors.predictors.sums import Sum
from spark_model_monitor.registry import Registry
from spark_model_monitor.value_class import value_class

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike

Cells: TypeAlias = NDArray[np.generic]
"""shape (rows, features): doubles, or objects with None for missing cells"""

Predict: TypeAlias = Callable[["pd.DataFrame"], "ArrayLike"]

PICKLES = (".pkl", ".pickle", ".joblib")  # endings of files that can run code when they are loaded


@value_class
class Model:
    """The information that is needed to load a model.

    flavour: the name of its loader.
    name: its path, address or `module:function`, as the user wrote it.
    content: the bytes of its file.
    function: the function of the flavour `callable`.
    allows_pickle: whether its file may run code when it is loaded.
    trusted: types that a skops file may contain in addition to those in `TRUSTED`.
    request: the format of an endpoint's requests and responses, as in the configuration's `predictor`.
    labels: whether labels are returned instead of scores.
    sha256: the required digest of the file, in hexadecimal digits; None: any.
    features: the columns that it got at the baseline, in their order; empty if these are unknown.
    """

    flavour: str
    name: str
    content: bytes = field(default=b"", repr=False)
    function: Callable[..., Any] | None = None
    allows_pickle: bool = False
    trusted: tuple[str, ...] = ()
    request: Mapping[str, Any] = field(default_factory=dict)
    labels: bool = False
    sha256: str | None = None
    features: tuple[str, ...] = ()

    def select_features(self, names: Sequence[str]) -> tuple[str, ...]:
        """The columns that it gets, of those of a data set: the baseline's, in the baseline's order, if these are known. New
        columns are left out, because it doesn't know them.

        Raises BadInput if the data lacks some of them.
        """
        # Without a baseline, all columns of the data are features
        features = self.features or tuple(names)
        missing_names = [name for name in features if name not in names]
        if missing_names:
            raise BadInput(
                f"the data lacks {list_names(missing_names)}, which the model {self.name} got at the baseline; give it "
                f"these columns: {', '.join(features)}"
            )
        return features

    @property
    def returns_labels(self) -> bool:
        """Whether its responses contain labels; an endpoint may return labels and scores."""
        has_label_member = self.request.get("label") is not None
        return has_label_member and (self.flavour == "http" or self.request.get("probability") is None)

    @property
    def runs_code(self) -> bool:
        """Whether its file runs code when it is loaded, with the user's permission. Only this process may have the
        classes that it needs.
        """
        is_pickle = self.allows_pickle and self.name.lower().endswith(PICKLES)
        return is_pickle or any(name.startswith("__main__.") for name in self.trusted)


# A model, a function, a path or address, or `module:function`
ModelSource: TypeAlias = Model | Predict | str | PathLike[str]


@dataclass
class AdditivePredictor:
    """A model's function, with the model as a sum. find_sum: returns the model as a sum, None if it isn't one."""

    predict: Predict
    find_sum: Callable[[], Sum | None]

    def __call__(self, frame: pd.DataFrame) -> ArrayLike:
        return self.predict(frame)

    @cached_property
    def sum(self) -> Sum | None:
        return self.find_sum()


def select_columns(frame: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """The columns that a model names itself, in its order; all columns if it names none, or the data lacks one of them."""
    if names and set(names) <= set(frame.columns):
        return frame[names]
    return frame


LoadModel = Callable[[Model], Predict]

PREDICTORS: Registry[LoadModel] = Registry("flavour of models")


def register_predictor(
    name: str, *, endings: tuple[str, ...] = (), remedy: str = "install it where the jobs and their executors run"
) -> Callable[[LoadModel], LoadModel]:
    """Decorator that registers a flavour. endings: of its files. remedy: what to do if its library is missing."""
    return PREDICTORS.register(name, endings=endings, remedy=remedy)
