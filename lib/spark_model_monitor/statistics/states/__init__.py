"""States: small mergeable results of a scan. Executors make them, the driver adds them; numpy, pyarrow and stdlib only.

Every state is a frozen value with addition and bytes (for the guarantees, see `encoding.State`); a state that depends
on the order of values, or is made from many blocks, has a builder. This package exports the states of a profile;
`decode` imports the modules of the others on demand.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import reduce
from operator import add
from typing import cast

from spark_model_monitor.statistics.states.data_types import DataType, DataTypeCounts, VectorCounts
from spark_model_monitor.statistics.states.date_texts import DateTexts, DateTextsBuilder
from spark_model_monitor.statistics.states.distinct import DistinctBuilder, DistinctRegisters
from spark_model_monitor.statistics.states.encoding import State, decode
from spark_model_monitor.statistics.states.ends import Ends, TextLengths, TextShapes
from spark_model_monitor.statistics.states.frequencies import Frequencies, FrequenciesBuilder
from spark_model_monitor.statistics.states.hash_samples import Repeats, RepeatsBuilder, RowRepeats, Words
from spark_model_monitor.statistics.states.kll import HistogramBin, KllBuilder, KllSketch
from spark_model_monitor.statistics.states.moments import Moments, MomentsBuilder
from spark_model_monitor.statistics.states.profile import ColumnType, FeatureProfile, Profile
from spark_model_monitor.statistics.states.row_counts import (
    Requests,
    RequestsBuilder,
    RowCounts,
    RowGroups,
    RowRun,
    RowRuns,
)

__all__ = [
    "State",
    "decode",
    "add_states",
    "Profile",
    "FeatureProfile",
    "ColumnType",
    "DataTypeCounts",
    "DataType",
    "VectorCounts",
    "Moments",
    "MomentsBuilder",
    "KllSketch",
    "KllBuilder",
    "HistogramBin",
    "DateTexts",
    "DateTextsBuilder",
    "DistinctRegisters",
    "DistinctBuilder",
    "Ends",
    "TextLengths",
    "TextShapes",
    "Repeats",
    "RepeatsBuilder",
    "RowRepeats",
    "Words",
    "Frequencies",
    "FrequenciesBuilder",
    "RowCounts",
    "RowGroups",
    "RowRuns",
    "RowRun",
    "Requests",
    "RequestsBuilder",
]


def add_states(states: Iterable[State]) -> State:
    """The sum of one or more states, from left to right: KLL's levels depend on the order."""
    following = iter(states)
    first = next(following)
    if isinstance(first, KllSketch):
        return first.add_all(cast("Iterator[KllSketch]", following))
    return reduce(add, following, first)
