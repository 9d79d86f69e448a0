"""What every column metric promises beside the laws of all states, tested for each that is found in
`statistics/states/columns/`.
"""

from collections import Counter

import numpy as np
import pytest

from spark_model_monitor.errors import BadConfiguration, BadState
from spark_model_monitor.statistics.states.columns import COLUMN_METRICS, ColumnMetricBuilder, select_metrics
from spark_model_monitor.statistics.states.encoding import pack, unpack
from spark_model_monitor.statistics.states.moments import BLOCK_VALUES

every_metric = pytest.mark.parametrize(
    "metric", [entry.function for entry in COLUMN_METRICS.values()], ids=COLUMN_METRICS
)

VALUES = np.random.default_rng(7).lognormal(size=3 * BLOCK_VALUES + 1000)
VALUES.setflags(write=False)  # what takes a block has no right to change it: others take it, too


def gathered(metric, *pieces):
    builder = ColumnMetricBuilder(metric.KIND)
    for piece in pieces:
        builder.update(piece)
    return builder.state()


def add_states(states, zero):
    for state in states:
        zero += state
    return zero


@every_metric
@pytest.mark.parametrize("parts", [2, 7, len(VALUES) // 5])
def test_the_numbers_of_a_sum_are_those_of_all_values(metric, parts):
    total = add_states((gathered(metric, part) for part in np.array_split(VALUES, parts)), metric())

    assert total.numbers() == pytest.approx(gathered(metric, VALUES).numbers(), rel=1e-9)


@every_metric
def test_a_sum_has_the_same_numbers_in_any_grouping(metric):
    first, second, third = (gathered(metric, part) for part in np.array_split(VALUES, 3))

    assert ((first + second) + third).numbers() == pytest.approx((first + (second + third)).numbers(), rel=1e-9)


@every_metric
@pytest.mark.parametrize("size", [1, 1000, BLOCK_VALUES - 1, BLOCK_VALUES, BLOCK_VALUES + 1])
def test_the_state_does_not_depend_on_the_batches(metric, size):
    pieces = np.split(VALUES, range(size, len(VALUES), size))

    assert gathered(metric, *pieces).to_bytes() == gathered(metric, VALUES).to_bytes()


@every_metric
@pytest.mark.parametrize(
    "values",
    [[], [0.0], [3.0, 3.0], [1e308, -1e308, 1e308], [5e-324, -5e-324], [0.1] * 5000],
    ids=["none", "one", "equal ones", "huge ones", "tiny ones", "a block and more of equal ones"],
)
def test_all_numbers_have_a_state_with_the_same_names_that_comes_back(metric, values):
    state = gathered(metric, np.array(values))

    assert list((state + state).numbers()) == list(metric().numbers())
    assert metric.from_bytes(state.to_bytes()).to_bytes() == state.to_bytes()


@every_metric
def test_a_payload_that_is_too_short_or_too_long_is_refused(metric):
    parameters, payload = unpack(gathered(metric, VALUES).to_bytes(), metric.KIND, metric.VERSION)

    for wrong in (payload[:-1], payload + b"\x00", b""):
        with pytest.raises(BadState, match=f"state bytes: .*{metric.KIND}"):
            metric.from_bytes(pack(metric.KIND, metric.VERSION, parameters, wrong))


def test_no_two_metrics_give_a_number_of_the_same_name():
    names = Counter(name for entry in COLUMN_METRICS.values() for name in entry.function().numbers())

    assert [name for name, count in names.items() if count > 1] == []


def test_a_metric_that_is_not_there_is_refused_by_its_name():
    with pytest.raises(BadConfiguration, match="there is no column metric called 'skew'"):
        select_metrics(["skew"])
