"""The plan of a scan of outcomes, and when two spellings of a label are one class."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TypeAlias

from spark_model_monitor.arguments import require_instance
from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.statistics.states.scores import SCORE_LIMIT
from spark_model_monitor.statistics.user_choices import ProblemType

ClassKey: TypeAlias = float | str  # the value that all spellings of a class have in common: a number or a text
DEFAULT_POSITIVES = ("1", "true")  # the default positive class

_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_NUMBER_BY_BOOLEAN: Mapping[str, float] = {"true": 1.0, "false": 0.0}


def class_key(label: str) -> ClassKey:
    """The number that a label spells, else its text, stripped. True and false are 1 and 0, as in pandas and in bias: one of
    labels and predictions may be booleans, the other numbers.

    A number has decimal digits only: `nan`, `0x1` and `1_000` are not numbers.
    """
    text = label.strip()
    if _NUMBER.fullmatch(text):
        number = float(text)
        if math.isfinite(number):
            return number
    return _NUMBER_BY_BOOLEAN.get(text.lower(), text)


def is_positive(label: str, positive_label: str | None) -> bool:
    """Whether a label is in the positive class. positive_label: None for 1 or true."""
    positives = DEFAULT_POSITIVES if positive_label is None else (positive_label,)
    return class_key(label) in {class_key(positive) for positive in positives}


THRESHOLD = 0.5  # the score above which the positive class is predicted. Source: C5.4.


@dataclass(frozen=True, slots=True)
class OutcomePlan:
    """The plan of a scan of outcomes: what rows contain, and what to compute.

    Parameters
    ----------
    problem_type : ProblemType
        What the model predicts.
    with_scores : bool, default False
        Whether each row has a probability: of the positive class, or of the predicted class if there are many.
    with_predictions : bool, default True
        Whether each row has a prediction; without predictions, in binary problems only, a score above `threshold` predicts
        the positive class.
    threshold : float, default 0.5
        Probability (0 to 1) above which the positive class is predicted.
    positive_label : str, optional
        The positive class. By default 1 or true.
    score_limit : int
        Maximum number of distinct scores that are kept exactly (0 for all).
    values : tuple of str
        Names of the user's own metrics.
    segments : tuple of str
        How the rows of a table are cut into segments: `plan` by value, `age:30:50` by range, `plan*age:40` by both. Each segment
        is measured, too.
    labels : mapping of str to sequence of str
        The segments of a baseline, by cut; all other segments count as one.
    group_column : str, optional
        The column that groups rows that belong together; they are put into one block.

    Examples
    --------
    >>> from spark_model_monitor import OutcomePlan, ProblemType
    >>> OutcomePlan(ProblemType.BINARY_CLASSIFICATION, with_scores=True).is_binary
    True
    """

    problem_type: ProblemType
    with_scores: bool = False
    with_predictions: bool = True
    threshold: float = THRESHOLD
    positive_label: str | None = None
    score_limit: int = SCORE_LIMIT
    values: tuple[str, ...] = ()
    segments: tuple[str, ...] = field(default=(), compare=False)
    labels: Mapping[str, Sequence[str]] = field(default_factory=dict, compare=False)
    group_column: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.problem_type, ProblemType):
            problem_types = ", ".join(map(str, ProblemType))
            raise BadConfiguration(f"problem_type is {self.problem_type!r}; write one of: {problem_types}")

    @property
    def reads_features(self) -> bool:
        """Whether rows need other columns than their outcome."""
        return bool(self.segments) or self.group_column is not None

    @property
    def is_binary(self) -> bool:
        return self.problem_type is ProblemType.BINARY_CLASSIFICATION

    @property
    def is_regression(self) -> bool:
        return self.problem_type is ProblemType.REGRESSION

    def to_json(self) -> str:
        """The plan as text; equal plans have equal texts."""
        members = asdict(self) | {"problem_type": self.problem_type.value}
        excluded_members = {"segments", "labels"}
        if self.group_column is None:
            excluded_members.add("group_column")
        return json.dumps({name: members[name] for name in members.keys() - excluded_members}, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> OutcomePlan:
        """The plan that `to_json` wrote."""
        members = json.loads(text)
        members |= {"problem_type": ProblemType(members["problem_type"]), "values": tuple(members["values"])}
        return cls(**members)


def require_plan(plan: OutcomePlan) -> None:
    """Raises BadConfiguration unless it is a plan."""
    require_instance("plan", plan, OutcomePlan, "OutcomePlan(ProblemType.REGRESSION)")
