"""States: small mergeable results of a scan. Executors make them, the driver adds them; numpy, pyarrow and stdlib only.

Every state is a frozen value with `__add__`, `to_bytes` and `from_bytes` (state.py says what they promise); those that
depend on the order of values, or are made of many blocks, have a builder beside them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import reduce
from operator import add
from typing import cast

from model_monitor.errors import BadState
from model_monitor.states.blocks import BlockSums
from model_monitor.states.confusion import ConfusionCounts
from model_monitor.states.contingency import Contingency
from model_monitor.states.data_types import DataType, DataTypeCounts, InferredType
from model_monitor.states.distinct import DistinctBuilder, DistinctRegisters
from model_monitor.states.encoding import kind_of
from model_monitor.states.frequencies import Frequencies, FrequenciesBuilder
from model_monitor.states.kll import Bucket, KllBuilder, KllSketch
from model_monitor.states.moments import Moments, MomentsBuilder
from model_monitor.states.outcomes import OutcomeBuilder, OutcomePlan, Outcomes, ProblemType
from model_monitor.states.profile import ColumnType, FeatureProfile, Profile
from model_monitor.states.regression import RegressionSums
from model_monitor.states.requests import Requests, RequestsBuilder
from model_monitor.states.rows import RowCounts
from model_monitor.states.scores import ScoreCounts, ScoreCountsBuilder
from model_monitor.states.state import State
from model_monitor.states.vectors import VectorCounts

__all__ = [
    "STATES",
    "State",
    "decode",
    "sum_of",
    "Profile",
    "Contingency",
    "FeatureProfile",
    "ColumnType",
    "DataTypeCounts",
    "DataType",
    "InferredType",
    "Moments",
    "MomentsBuilder",
    "KllSketch",
    "KllBuilder",
    "Bucket",
    "DistinctRegisters",
    "DistinctBuilder",
    "Frequencies",
    "FrequenciesBuilder",
    "VectorCounts",
    "RowCounts",
    "Requests",
    "RequestsBuilder",
    "Outcomes",
    "OutcomeBuilder",
    "OutcomePlan",
    "ProblemType",
    "ConfusionCounts",
    "ScoreCounts",
    "ScoreCountsBuilder",
    "RegressionSums",
    "BlockSums",
]

STATES: dict[str, type[State]] = {
    state.KIND: state
    for state in (
        Profile,
        FeatureProfile,
        DataTypeCounts,
        Moments,
        KllSketch,
        DistinctRegisters,
        Frequencies,
        VectorCounts,
        RowCounts,
        Requests,
        Contingency,
        Outcomes,
        ConfusionCounts,
        ScoreCounts,
        RegressionSums,
        BlockSums,
    )
}
"""Every type of state by its kind."""


def decode(blob: bytes) -> State:
    """The state in these bytes, of whatever kind it is.

    Parameters
    ----------
    blob : bytes
        What a state's `to_bytes` wrote, such as the column `state` of `states/profile.parquet`.

    Returns
    -------
    State
        A value that adds to others of its kind.

    Raises
    ------
    BadState
        If the bytes are no state; it says what is wrong with them.

    Examples
    --------
    >>> from model_monitor import decode_state, read_state
    >>> import pandas as pd
    >>> from model_monitor import DataQualityMonitor, run_baseline
    >>> profile = run_baseline(pd.DataFrame({"items": [1, 3]}), DataQualityMonitor()).state
    >>> decode_state(profile.to_bytes()) == profile
    True
    """
    kind = kind_of(blob)
    if kind not in STATES:
        raise BadState(f"state bytes: {kind!r} is no kind of state here; the kinds are {', '.join(sorted(STATES))}")
    state: State = STATES[kind].from_bytes(blob)
    return state


def sum_of(states: Iterable[State]) -> State:
    """The sum of one state or more from left to right, one at a time: KLL's levels depend on the order."""
    others = iter(states)
    first = next(others)
    if isinstance(first, KllSketch):
        return first.plus(cast("Iterator[KllSketch]", others))
    return reduce(add, others, first)
