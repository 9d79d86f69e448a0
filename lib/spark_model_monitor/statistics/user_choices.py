"""What users choose for a model with its options. This module doesn't load what computes with the choices."""

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
    """How attributions are computed. AUTO: without coalitions if the model is a sum and this gives equal results. KERNEL:
    always with coalitions.
    """

    AUTO = "auto"
    KERNEL = "kernel"
