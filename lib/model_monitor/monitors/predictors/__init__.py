"""Models that are called without an endpoint of the service: each flavour a registered loader in a file of its own.

A loader takes a `Model` and gives the function that answers: a frame of pandas in, one score or several for each row out, or its
label if that is asked for. It is called once for each Python worker, and imports its library then. What executors import:
neither pyspark nor pydantic.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

from model_monitor.monitors.predictors.sums import Sum
from model_monitor.registry import Registry

if TYPE_CHECKING:
    import pandas as pd

Predict: TypeAlias = Callable[["pd.DataFrame"], Any]


@dataclass(frozen=True)
class Model:
    """A model, as far as it has to be known to load it.

    flavour: its loader. name: its path, address or `module:function`, as it was given. content: the bytes of its file.
    function: that of the flavour `callable`. allows_pickle: whether a file may run code when it is loaded. trusted: types of a
    skops file that may be loaded beside those that we know. request: what an endpoint is sent and what it answers, by the
    members of `predictor`. labels: whether it is asked for labels in the place of scores. sha256: what the file has to have, in
    hexadecimal digits; None: whatever it has.
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
        """Whether its answer has labels; those of an endpoint may stand beside scores."""
        told = self.request.get("label") is not None
        return told and (self.flavour == "http" or self.request.get("probability") is None)


@dataclass
class Summing:
    """A model's function that knows how the model is a sum. found: says how, None if it is none."""

    predict: Predict
    found: Callable[[], Sum | None]

    def __call__(self, frame: pd.DataFrame) -> Any:
        return self.predict(frame)

    @cached_property
    def sum(self) -> Sum | None:
        return self.found()


FLAVOURS = ("callable", "http", "sklearn", "xgboost")  # what a model may be

PREDICTORS: Registry[Callable[[Model], Predict]] = Registry("flavour of models")
"""Facts: `endings` of the files that are of this flavour; `library`, what has to be installed."""
