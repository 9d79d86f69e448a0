"""What users choose for a model by the words of its options: known without what is computed from it."""

from __future__ import annotations

from enum import Enum

FLAVOURS = ("callable", "http", "sklearn", "xgboost")  # the kinds of models


class ProblemType(Enum):
    """Type of prediction, named as in the contract.

    Examples
    --------
    >>> from spark_model_monitor import ProblemType
    >>> [problem.value for problem in ProblemType]
    ['BinaryClassification', 'MulticlassClassification', 'Regression']
    """

    BINARY_CLASSIFICATION = "BinaryClassification"
    MULTICLASS_CLASSIFICATION = "MulticlassClassification"
    REGRESSION = "Regression"


class ValueKind(str, Enum):
    """How a column is interpreted, if that is configured and not inferred from its values."""

    CATEGORICAL = "categorical"
    CONTINUOUS = "continuous"


class Algorithm(str, Enum):
    """How attributions are computed: without coalitions if a model is a sum with equal results, or always with them."""

    AUTO = "auto"
    KERNEL = "kernel"
