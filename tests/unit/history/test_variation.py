"""history.parquet and parts.parquet: what windows leave, which windows a reference names, and what damage does."""

import shutil
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.unit.data_quality.comparisons import make_profile, number_feature

from spark_model_monitor.data.reading.ledger import Ledger
from spark_model_monitor.errors import BadState
from spark_model_monitor.monitors.data_quality.distribution.window_history import Variation
from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from spark_model_monitor.reports.history.baseline_extension import sum_windows
from spark_model_monitor.reports.history.history_file import (
    HISTORY,
    MAX_EXAMPLES,
    MAX_WINDOWS,
    WindowEntry,
    read_history,
    write_history,
)
from spark_model_monitor.reports.history.state_files import (
    PARTS,
    decode_block_variation,
    encode_block_variation,
    encode_statistics_table,
)
from spark_model_monitor.reports.outputs.run_files import publish
from spark_model_monitor.running.runs.results import Baseline
from spark_model_monitor.statistics.verdicts.window_statistics import FIELDS

RAW = dict.fromkeys(FIELDS, 1.5)


def entry(hour, *, baseline="b", alarmed=False):
    day, hour_of_day = divmod(hour, 24)
    time = f"2026-03-{day + 1:02}T{hour_of_day:02}:00:00Z"
    return WindowEntry(time, time, f"{hour:04}", f"x/_runs/{hour:04}", baseline, alarmed)


def make_history(tmp_path, *entries):
    history = read_history(str(tmp_path / "2026/03/01/00"))
    for window_entry in entries:
        history = history.with_window(window_entry, [("baseline", "age", RAW | {"rows": float(window_entry.run_id)})])
    return history


def rows(past):
    if past:
        return past["age"]["rows"].tolist()
    return []


def test_a_window_is_what_its_last_run_stated(tmp_path):
    history = make_history(tmp_path, entry(1), entry(2), WindowEntry(**{**list_members(entry(1)), "run_id": "0009"}))

    write_history(history)
    later_history = read_history(str(tmp_path / "2026/03/01/07"))

    assert (tmp_path / HISTORY).is_file()
    assert sorted(rows(later_history.select_statistics("baseline"))) == [2.0, 9.0]
    assert [window_entry.run_id for window_entry in later_history.entries] == ["0009", "0002"]


def test_a_window_is_one_entry_however_many_features_it_has(tmp_path):
    features = [("baseline", name, RAW) for name in ("age", "plan")]
    history = read_history(str(tmp_path / "2026/03/01/00"))

    assert history.entries == []
    assert history.with_window(entry(1, alarmed=True), features).entries == [entry(1, alarmed=True)]


def test_a_rerun_of_a_window_leaves_the_same_bytes(tmp_path):
    write_history(make_history(tmp_path, entry(1), entry(2)))
    content = (tmp_path / HISTORY).read_bytes()

    write_history(make_history(tmp_path, entry(1)))

    assert (tmp_path / HISTORY).read_bytes() == content


def list_members(window_entry):
    return {name: getattr(window_entry, name) for name in WindowEntry.__dataclass_fields__}


def test_a_feature_counts_as_it_is_beside_the_hour_that_is_its_own(tmp_path):
    """Where a window has that: two windows lie far from the hour by the clock since people have another one."""
    history = read_history(str(tmp_path / "2026/03/01/00"))
    for hour in range(4):
        statistics = [("clock:day", name, RAW | {"rows": float(hour)}) for name in ("age", "plan")]
        if hour > 1:
            statistics.append(("clock:day-1h", "age", RAW | {"rows": 10.0 * hour, "alarmed": hour == 3}))
        history = history.with_window(entry(hour), statistics)

    past = history.select_statistics("clock:day", "b", other_references={"age": "clock:day-1h"})

    assert sorted(rows(past)) == [0.0, 1.0, 20.0]
    assert sorted(past["plan"]["rows"]) == [0.0, 1.0, 2.0, 3.0]


def test_windows_with_an_alarm_are_no_examples_even_if_somebody_accepts_it(tmp_path):
    history = make_history(tmp_path, entry(1), entry(2, alarmed=True))
    accepted = history.mark_accepted(entry(2).window)

    assert rows(history.select_statistics("baseline")) == [1.0]
    assert rows(accepted.select_statistics("baseline")) == [1.0]
    assert rows(accepted.mark_accepted(entry(2).window).select_statistics("baseline")) == [1.0]  # once more
    assert [window.alarmed for window in accepted.entries] == [False, False]


def test_a_window_that_could_not_tell_is_no_example_of_that_feature_until_somebody_accepts_it(tmp_path):
    unsure_age = RAW | {"rows": 3.0, "outcome": "cannot tell"}
    unchanged_plan = RAW | {"rows": 3.0, "outcome": "unchanged"}
    history = make_history(tmp_path, entry(1))
    history = history.with_window(entry(3), [("baseline", "age", unsure_age), ("baseline", "plan", unchanged_plan)])
    write_history(history)
    history = read_history(str(tmp_path / "2026/03/01/00"))
    accepted = history.mark_accepted(entry(3).window, ["age"])

    past = history.select_statistics("baseline")
    assert past["age"]["rows"].tolist() == [1.0]
    assert past["plan"]["rows"].tolist() == [3.0]
    assert sorted(rows(accepted.select_statistics("baseline"))) == [1.0, 3.0]


def test_what_could_not_be_told_is_an_example_unless_a_change_was_seen_in_any_window_of_the_feature(tmp_path):
    seen_changes = {"age": [False, False], "plan": [False, True], "city": [False, None]}
    history = read_history(str(tmp_path / "2026/03/01/00"))
    for hour in (0, 1):
        statistics = []
        for name, are_seen in seen_changes.items():
            raw = RAW | {"rows": float(hour), "outcome": "cannot tell", "possible_change": are_seen[hour]}
            statistics.append(("baseline", name, raw))
        history = history.with_window(entry(hour), statistics)

    past = history.select_statistics("baseline")
    assert {name: past[name]["rows"].tolist() for name in past} == {"age": [0.0, 1.0]}


def test_a_history_of_another_release_begins_anew_and_says_how_to_make_it_again(tmp_path, caplog):
    history = make_history(tmp_path, entry(1), entry(2, alarmed=True))
    write_history(replace(history, table=history.table.drop_columns(["tail1"])))

    assert rows(read_history(str(tmp_path / "2026/03/01/00")).select_statistics("baseline")) == []
    assert "merge-states --history" in caplog.text


def test_a_window_knows_nothing_of_later_ones_nor_of_another_baseline(tmp_path):
    history = make_history(tmp_path, entry(1), entry(2, baseline="other"), entry(5))

    assert rows(history.select_before(entry(5).time).select_statistics("baseline", "b")) == [1.0]
    assert rows(history.select_statistics("previous:8")) == []


@pytest.mark.long
def test_it_keeps_the_last_windows(tmp_path):
    """And the first ones, which show how the feature varies; of another baseline they are gone."""
    history = make_history(tmp_path, *(entry(hour) for hour in range(MAX_WINDOWS + 50)))

    first_windows = range(MAX_EXAMPLES)
    last_windows = range(50, MAX_WINDOWS + 50)
    assert list_hours(history) == [*first_windows, *last_windows]
    later_entry = entry(MAX_WINDOWS + 50, baseline="other")
    history = history.with_window(later_entry, [("baseline", "age", RAW)])
    assert list_hours(history) == [*range(51, MAX_WINDOWS + 51)]


def list_hours(history):
    """The hours of the history's windows, which are the ids of their runs."""
    return [int(window.run_id) for window in history.entries]


def create_history(tmp_path, *outcomes):
    """Windows with these outcomes, each with its number as its rows."""
    history = read_history(str(tmp_path / "2026/03/01/00"))
    for hour, outcome in enumerate(outcomes):
        is_alarm = outcome == "changed"
        raw = RAW | {"rows": float(hour), "alarmed": is_alarm, "outcome": outcome}
        history = history.with_window(entry(hour), [("baseline", "age", raw)])
    return history


def test_the_first_windows_are_examples_and_a_change_that_lasts_is_not_learnt(tmp_path):
    outcomes = ["unchanged"] * (MAX_EXAMPLES + 20)
    history = create_history(tmp_path, *outcomes)

    assert rows(history.select_statistics("baseline", "b")) == [*range(MAX_EXAMPLES)]


def test_what_could_not_be_judged_is_an_example_once_it_is_accepted_and_a_change_is_none(tmp_path):
    outcomes = ["unchanged", "changed", "cannot tell", *["unchanged"] * MAX_EXAMPLES]
    history = create_history(tmp_path, *outcomes)

    examples = [0, *range(3, MAX_EXAMPLES + 2)]
    assert rows(history.select_statistics("baseline", "b")) == examples
    history = history.mark_accepted(entry(1).window)
    history = history.mark_accepted(entry(2).window, ["age"])
    accepted_rows = rows(history.select_statistics("baseline", "b"))
    assert sorted(accepted_rows) == [0, 2, *examples[1:-1]]


def published(tmp_path, hour, value):
    state = make_profile(number_feature("age", [value]))
    monitor = DataQualityMonitor()
    metrics = monitor.metrics(state)
    folder = f"2026/03/{hour // 24 + 1:02}/{hour % 24:02}"
    baseline = Baseline(monitor, state, metrics, Ledger((), read=1, kept=1))
    run = publish(baseline.files(), str(tmp_path / folder))
    return WindowEntry(entry(hour).time, entry(hour).window, run.run_id, f"{folder}/_runs/{run.run_id}")


@pytest.fixture(scope="module")
def hours(tmp_path_factory):
    """Thirty hours, each with its number as its one value."""
    tmp_path = tmp_path_factory.mktemp("hours")
    history = read_history(str(tmp_path / "2026/03/01/00"))
    for hour in range(30):
        history = history.with_window(published(tmp_path, hour, float(hour)), [("baseline", "age", RAW)])
    return history


@pytest.mark.parametrize(
    ("reference", "now", "values"),
    [
        ("previous", 30, [29]),
        ("previous:3", 30, [27, 28, 29]),
        ("previous:3", 5, [2, 3, 4]),
        ("previous:8", 5, None),
        ("seasonal:10", 30, [0, 10, 20]),
        ("seasonal:2", 30, [*range(2, 30, 2)]),  # fourteen seasons
        ("seasonal:24", 30, [6]),
        ("seasonal:24", 20, None),
    ],
)
def test_a_reference_is_the_sum_of_the_windows_that_it_names(hours, reference, now, values):
    profile = sum_windows(hours, reference, entry(now).time, {"age"})

    quantiles = None
    if profile is not None:
        quantiles = sorted(profile.feature("age").kll.levels[0].tolist())
    assert quantiles == values


def test_a_window_that_was_an_alarm_is_no_reference_of_that_feature_until_somebody_accepts_it(hours):
    """Of the last three hours 28 was an alarm of the age; of another feature 27 was."""
    alarms = [("baseline", "age", RAW | {"alarmed": True})]
    statistics = [("baseline", "plan", RAW | {"alarmed": True}), ("baseline", "age", RAW)]
    entries = {window_entry.time: window_entry for window_entry in hours.entries}
    fault = entries[entry(28).time]
    alarmed = entries[entry(27).time]
    history = hours.with_window(fault, alarms).with_window(alarmed, statistics)

    def ages(some):
        return sorted(sum_windows(some, "previous:3", entry(30).time, {"age"}).feature("age").kll.levels[0].tolist())

    assert ages(history) == [26, 27, 29]
    assert ages(history.mark_accepted(fault.window)) == [27, 28, 29]
    before = sum_windows(history, "previous", entry(29).time, {"age"})
    assert before.feature("age").kll.levels[0].tolist() == [28]  # as it says


def test_without_enough_windows_that_were_no_alarm_there_is_no_reference(hours):
    history = hours
    for window_entry in hours.entries[-8:]:
        history = history.with_window(window_entry, [("baseline", "age", RAW | {"alarmed": True})])

    assert (
        sum_windows(history, "previous:3", entry(30).time, {"age"}) is None
    )  # nine windows are looked at, one of them is healthy
    assert sum_windows(history, "previous:1", entry(22).time, {"age"}).feature("age").kll.levels[0].tolist() == [21]


def test_a_window_with_an_alarm_is_no_reference_until_somebody_accepts_it(hours):
    """Hours 26 to 28 had a fault; the hour after it is compared with those before."""
    history = hours
    for window_entry in hours.entries[26:29]:
        history = history.with_window(replace(window_entry, alarmed=True), [("baseline", "age", RAW)])

    def values(history, reference, now):
        return sorted(sum_windows(history, reference, entry(now).time, {"age"}).feature("age").kll.levels[0].tolist())

    assert values(history, "previous:3", 29) == [23, 24, 25]
    assert values(history, "previous:3", 30) == [24, 25, 29]
    assert values(history, "seasonal:2", 30) == [*range(2, 26, 2)]
    assert values(history, "previous", 29) == [28]  # the window before, as it says
    assert values(history.mark_accepted(entry(28).window), "previous:3", 30) == [25, 28, 29]


def test_a_window_whose_states_are_gone_leaves_no_reference(hours, tmp_path):
    some = replace(hours, folder=str(tmp_path / "some"))
    shutil.copytree(hours.folder, some.folder)
    shutil.rmtree(tmp_path / "some/2026/03/02/04")

    assert sum_windows(some, "previous:2", entry(30).time, {"age"}) is None


def test_a_damaged_history_begins_anew_and_says_so(tmp_path, caplog):
    write_history(make_history(tmp_path, entry(1)))
    (tmp_path / HISTORY).write_bytes(b"PAR1 and no more")

    assert read_history(str(tmp_path / "2026/03/01/00")).entries == []
    assert "the history of windows begins anew" in caplog.text


@pytest.mark.parametrize(
    ("column", "value"), [("time", "noon"), ("time", None), ("window", None), ("alarmed", None), ("rows", None)]
)
def test_a_history_of_windows_that_are_none_begins_anew(tmp_path, caplog, column, value):
    history = make_history(tmp_path, entry(1))
    index = history.table.schema.get_field_index(column)
    column_values = pa.array([value], history.table.schema.field(column).type)
    write_history(replace(history, table=history.table.set_column(index, column, column_values)))

    assert read_history(str(tmp_path / "2026/03/01/00")).entries == []
    assert "the history of windows begins anew" in caplog.text


def test_parts_are_read_as_they_were_written():
    random = np.random.default_rng(1)
    past = {name: {field: random.random(9).astype(np.float32) for field in FIELDS} for name in ("b", "a")}

    [(name, content)] = encode_block_variation(Variation(past, {"s": "sorted"})).items()
    parts = decode_block_variation(content, "here")

    assert (name, parts.unfit) == (PARTS, {"s": "sorted"})
    for feature, raw in past.items():
        for field in FIELDS:
            np.testing.assert_array_equal(parts.past[feature][field], raw[field])


def test_parts_of_another_release_are_a_sentence_that_says_how_to_make_them_again():
    [content] = encode_block_variation(Variation({"a": {field: np.zeros(9) for field in FIELDS}})).values()
    table = pq.read_table(pa.BufferReader(content)).drop_columns(["tail1"])

    with pytest.raises(
        BadState, match="here: another release wrote it, without the column tail1; make the baseline again"
    ):
        decode_block_variation(encode_statistics_table(table), "here")


@pytest.mark.parametrize("content", [b"", b"PAR1", b"{}"])
def test_damaged_parts_are_a_sentence(content):
    with pytest.raises(BadState, match="here: is no such file of ours"):
        decode_block_variation(content, "here")


@pytest.mark.parametrize("unfit", [b"", b"1", b"[]", b'{"a": "\\ud800"}', b"[" * 9999])
def test_parts_that_say_nothing_of_unfit_features_are_a_sentence(unfit):
    [content] = encode_block_variation(Variation({}, {})).values()
    table = pq.read_table(pa.BufferReader(content))
    written = encode_statistics_table(table.replace_schema_metadata({b"unfit": unfit}))

    with pytest.raises(BadState, match=r"here: is no parts\.parquet of ours"):
        decode_block_variation(written, "here")
