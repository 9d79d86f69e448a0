"""Models that are called without an endpoint of the service: each flavour is a registered loader in its own file.

A loader takes a `Model` and returns a function from a pandas frame to one score or several per row, or to labels if
those are requested. It is called once per Python worker, and imports its library then. Imported by executors: neither
pyspark nor pydantic.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from os import PathLike
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spark_model_monitor.monitors.predictors.sums import Sum
from spark_model_monitor.registry import Registry
from spark_model_monitor.value_class import value_class

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike

Cells: TypeAlias = NDArray[np.generic]
"""shape (rows, features): doubles, or objects with None for missing cells"""

Predict: TypeAlias = Callable[["pd.DataFrame"], "ArrayLike"]

PICKLES = (".pkl", ".pickle", ".joblib")  # endings of files that run code when they are loaded


@value_class
class Model:
    """The facts about a model that are needed to load it.

    flavour: its loader.
    name: its path, address or `module:function`, as given.
    content: the bytes of its file.
    function: for the flavour `callable`.
    allows_pickle: whether a file may run code when loaded.
    trusted: types that a skops file may contain besides those that we know.
    request: the form of an endpoint's requests and responses, as the members of `predictor`.
    labels: whether to return labels instead of scores.
    sha256: the required digest of the file, in hexadecimal digits; None: any.
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

    @property
    def tells_labels(self) -> bool:
        """Whether its answers have labels; an endpoint may return them along with scores."""
        has_label_member = self.request.get("label") is not None
        return has_label_member and (self.flavour == "http" or self.request.get("probability") is None)

    @property
    def runs_code(self) -> bool:
        """Whether its file runs code when it is loaded, as the user allowed: only this process may know its classes."""
        is_pickle = self.allows_pickle and self.name.lower().endswith(PICKLES)
        return is_pickle or any(name.startswith("__main__.") for name in self.trusted)


ModelSource: TypeAlias = Model | Predict | str | PathLike[str]  # also its path, its address or `module:function`


@dataclass
class Summing:
    """A model's function with the model as a sum. find_sum: returns the sum, None if the model is none."""

    predict: Predict
    find_sum: Callable[[], Sum | None]

    def __call__(self, frame: pd.DataFrame) -> ArrayLike:
        return self.predict(frame)

    @cached_property
    def sum(self) -> Sum | None:
        return self.find_sum()


LoadModel = Callable[[Model], Predict]

PREDICTORS: Registry[LoadModel] = Registry("flavour of models")


def register_predictor(
    name: str, *, endings: tuple[str, ...] = (), remedy: str = "install it where the jobs and their executors run"
) -> Callable[[LoadModel], LoadModel]:
    """Decorator that enters a flavour. endings: of its files. remedy: what to do where its library is missing."""
    return PREDICTORS.register(name, endings=endings, remedy=remedy)
