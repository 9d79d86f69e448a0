"""The same rows in another file, precision or dialect are the same; what damaged them is still found."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from itertools import permutations

import pandas as pd
import pytest
from tests.at_hand import defer_to_night
from tests.unit.data_quality.all_kinds import (
    BASELINES_OF_KINDS,
    FORMS_OF_KINDS,
    KINDS,
    list_violations,
    make_baseline_of_kinds,
)
from tests.unit.data_quality.written_forms import FORMS, Cell, make_frame, make_table, save_parquet, write_bytes
from tests.unit.data_quality.written_inputs import Collection, Input, Outcome, draw_inputs

from spark_model_monitor import BadInput, DataQualityMonitor, run_baseline, run_monitoring
from spark_model_monitor.statistics.spellings import match_spellings

SEED = 90
DRAWN = [*draw_inputs(SEED)]  # `python -m tests.unit.data_quality.written_inputs` scores all
SCORED = [drawn if number % 2 == 0 else defer_to_night(drawn) for number, drawn in enumerate(DRAWN[::8])]


@pytest.fixture(scope="module")
def collection():
    return Collection(SEED)


@pytest.mark.parametrize("drawn_input", SCORED, ids=str)
def test_inputs_come_out_as_expected(drawn_input: Input, collection):
    scored = collection.score(drawn_input)
    assert scored.outcome is Outcome.RIGHT, scored.sentence


first_baseline, *further_baselines = BASELINES_OF_KINDS


@pytest.fixture(
    scope="module",
    params=[first_baseline, *(pytest.param(form, marks=pytest.mark.nightly) for form in further_baselines)],
)
def baseline(request, tmp_path_factory):
    return make_baseline_of_kinds(request.param, tmp_path_factory.mktemp("baseline"))


OF_EACH_READER = ("CSV, 32 bits in doubles", "JSON Lines", "Parquet with doubles for integers", "pandas", "captures")


@pytest.mark.parametrize("form", [form if form in OF_EACH_READER else defer_to_night(form) for form in FORMS_OF_KINDS])
def test_the_same_rows_in_another_form_are_no_alarm(form, baseline, tmp_path):
    assert list_violations(form, tmp_path, KINDS, baseline) == set()


FLAGS = {
    "texts": [str(flag) for flag in KINDS["flag"]],
    "booleans": KINDS["flag"],
    "bits": [int(flag) for flag in KINDS["flag"]],
    "fractions": [float(flag) for flag in KINDS["flag"]],
    "bits as texts": [str(int(flag)) for flag in KINDS["flag"]],
}


@pytest.mark.parametrize(("before", "now"), [*permutations(FLAGS, 2)])
def test_flags_are_bits(before, now):
    baseline = run_baseline(make_frame({"flag": FLAGS[before]}), DataQualityMonitor(), engine="local")
    findings = run_monitoring(make_frame({"flag": FLAGS[now]}), DataQualityMonitor(), baseline, engine="local")
    assert findings.count == 0

    # What moved is found, and the window's own statistics say how it was written
    moved = FLAGS[now][:1] * len(FLAGS[now])
    findings = run_monitoring(make_frame({"flag": moved}), DataQualityMonitor(), baseline, engine="local")
    assert [violation.feature_name for violation in findings.violations.violations][:1] == ["flag"]
    (feature,) = json.loads(findings.files()["statistics.json"])["features"]
    (alone,) = run_baseline(make_frame({"flag": moved}), DataQualityMonitor(), engine="local").statistics.features
    assert feature["inferred_type"] == alone.inferred_type.value


ZONES = {"none": "", "Z": "Z", "+00:00": "+00:00", "UTC": " UTC", "+02:00": "+02:00"}


@pytest.mark.parametrize(("before", "now"), [*permutations(ZONES, 2)])
def test_times_without_a_zone_are_in_utc(before, now):
    frames = [make_frame({"time": [f"{time}{ZONES[zone]}" for time in KINDS["time"]]}) for zone in (before, now)]
    baseline = run_baseline(frames[0], DataQualityMonitor(), engine="local")
    findings = run_monitoring(frames[1], DataQualityMonitor(), baseline, engine="local")
    assert (findings.count > 0) == ({before, now} == {"none", "+02:00"})


@pytest.mark.parametrize("now", ["integers", "fractions"])
def test_codes_that_became_numbers_lost_their_zeros(now):
    codes = KINDS["eastern_postcode"]
    convert = {"integers": int, "fractions": float}[now]
    baseline = run_baseline(make_frame({"code": codes}), DataQualityMonitor(), engine="local")
    findings = run_monitoring(
        make_frame({"code": [convert(code) for code in codes]}), DataQualityMonitor(), baseline, engine="local"
    )
    assert [finding.check for finding in findings.results if finding.is_violation] == ["code_length_check"]


DAMAGES: Mapping[str, tuple[str, Callable[[Cell], Cell]]] = {
    "leading zeros": ("postcode", lambda text: str(int(text))),
    "leading zeros of codes": ("eastern_postcode", lambda text: text[1:]),
    "another unit": ("cents", lambda number: number * 100),
    "another unit of decimals": ("decimal", lambda number: number * 1000),
    "rounded doubles": ("gauss", lambda number: round(number, 2)),
    "rounded positions": ("latitude", lambda number: round(number, 2)),
    "rounded skewed numbers": ("exponential", lambda number: round(number, 1)),
    "rounded to tenths": ("cents", lambda number: round(number, 1)),
    "texts": ("age", lambda number: f"{number} years"),
    "texts for flags": ("flag", lambda flag: "Yes" if flag else "No"),
    "one cent": ("price", lambda number: round(number + 0.01, 2)),
    "the opposite": ("flag", lambda flag: not flag),
    "another order of dates": ("day", lambda day: f"{day:%d/%m/%Y}"),
    "other capitals": ("country", str.lower),
    "halves": ("age", lambda number: number + 0.5),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_columns_are_found(damage, tmp_path, undamaged):
    name, change = DAMAGES[damage]
    columns = {"gauss": KINDS["gauss"], name: [*map(change, KINDS[name])]}
    violations = list_violations("CSV", tmp_path, columns, undamaged[name])
    assert [violation for violation in violations if violation.startswith(name)]


@pytest.fixture(scope="module")
def undamaged(tmp_path_factory):
    baselines = {}
    for name in {name for name, _ in DAMAGES.values()}:
        folder = tmp_path_factory.mktemp("undamaged")
        path = FORMS["CSV"](folder, {"gauss": KINDS["gauss"], name: KINDS[name]})
        baselines[name] = run_baseline(path, DataQualityMonitor())
    return baselines


@pytest.mark.parametrize("ending", ["T00:00:00.000", " 00:00:00", "T00:00Z"])
def test_midnight_beside_a_day_says_nothing(ending, tmp_path):
    days = pd.date_range("2026-01-01", periods=400).strftime("%Y-%m-%d")
    for baseline, now in ((days, days + ending), (days + ending, days)):
        before = run_baseline(pd.DataFrame({"day": baseline, "x": 1}), DataQualityMonitor(), engine="local")
        findings = run_monitoring(pd.DataFrame({"day": now, "x": 1}), DataQualityMonitor(), before, engine="local")
        assert findings.count == 0


def test_another_precision_is_one_hint(tmp_path):
    columns = {"price": KINDS["price"], "gauss": KINDS["gauss"], "age": KINDS["age"]}
    before = run_baseline(FORMS["CSV"](tmp_path, columns), DataQualityMonitor())
    path = FORMS["CSV, 32 bits in doubles"](tmp_path, columns)
    hints = run_monitoring(path, DataQualityMonitor(), before).hints
    assert [hint.features for hint in hints] == [("price", "gauss")]


@pytest.mark.parametrize(
    ("names", "difference"),
    [
        pytest.param(("age", "monthly income"), "but for capitals,", id="capitals"),
        pytest.param(("Age ", " Monthly Income"), "but for capitals, blanks, _,", id="blanks"),
        pytest.param(("\u200bAge", "Monthly_Income"), "but for capitals, blanks, _,", id="underscore"),
        pytest.param(("'Age'", "monthly_income"), "but for capitals, blanks, _,", id="all"),
        pytest.param(("age", "monthly-income"), "but for capitals, blanks, _, -, .,", id="hyphen"),
        pytest.param(("age", "monthlyIncome"), "but for capitals, blanks, _, -, .,", id="camel case"),
        pytest.param(("Age", "Monthly.Income"), "but for capitals, blanks, _, -, .,", id="point"),
        pytest.param(("orders.Age", "orders.monthly_income"), "but for capitals, blanks, _, -, .,", id="table"),
    ],
)
def test_columns_whose_names_are_nearly_the_baselines_are_compared(names, difference, tmp_path, caplog):
    columns = {"Age": KINDS["age"], "Monthly Income": KINDS["cents"]}
    before = run_baseline(FORMS["CSV"](tmp_path, columns), DataQualityMonitor())
    renamed = dict(zip(names, columns.values(), strict=True))
    findings = run_monitoring(make_frame(renamed), DataQualityMonitor(), before)
    assert not any(finding.is_violation for finding in findings.results)
    assert [record.message for record in caplog.records if difference in record.message]
    # The service knows no spelling
    service = DataQualityMonitor(as_service=True)
    replayed = run_monitoring(
        make_frame({**renamed, "x": KINDS["age"]}), service, run_baseline(make_frame(columns), service)
    )
    assert any(finding.is_violation for finding in replayed.results)


@pytest.mark.parametrize(
    ("name", "other_name"),
    [("f_11", "f_1_1"), ("v1.5", "v15"), ("a", "b.c"), ("c+", "c-"), ("t-1", "t1-1"), ("-1", "1")],
)
def test_other_names_are_no_spellings(name, other_name):
    assert match_spellings([name, "x"], [other_name, "x"]) == {}


def test_a_header_line_that_the_format_leaves_out_is_named(tmp_path, caplog):
    columns = {"age": KINDS["age"], "price": KINDS["price"]}
    path = FORMS["CSV with ; and points"](tmp_path, columns)
    without_header = '{"csv": {"separator": ";"}}'
    sentence = r"a\.csv: line 1 looks like the names of columns.*\"header\": true"

    run_baseline(path, DataQualityMonitor(), dataset_format=without_header, engine="local")
    assert re.search(sentence, caplog.text)
    before = run_baseline(make_frame(columns), DataQualityMonitor(), engine="local")
    with pytest.raises(BadInput, match=sentence):
        run_monitoring(path, DataQualityMonitor(), before, dataset_format=without_header, engine="local")


def test_a_column_without_name_and_value_is_none(tmp_path):
    columns = {"age": KINDS["age"], "price": KINDS["price"]}
    before = run_baseline(make_frame(columns), DataQualityMonitor(), engine="local")
    for cell, count in (("", 0), ("1", 1)):
        lines = FORMS["CSV"](tmp_path, columns).read_text().splitlines()
        path = write_bytes(tmp_path / "b.csv", "\n".join([f"{lines[0]},", *(f"{line},{cell}" for line in lines[1:])]))
        findings = run_monitoring(path, DataQualityMonitor(), before, engine="local")
        assert findings.count == count


def test_two_columns_that_become_one_are_refused():
    before = run_baseline(make_frame({"Age": KINDS["age"], "x": KINDS["gauss"]}), DataQualityMonitor())
    later = make_frame({"age": KINDS["age"], "Age ": KINDS["age"], "x": KINDS["gauss"]})
    with pytest.raises(BadInput, match="both called 'Age'"):
        run_monitoring(later, DataQualityMonitor(), before)


@pytest.mark.parametrize("is_partition", [True, False], ids=["window", "baseline"])
def test_a_partition_is_no_column_of_its_table(is_partition, tmp_path, caplog):
    caplog.set_level("INFO")
    folder = tmp_path / "table" / "dt=2024-02-01"
    folder.mkdir(parents=True)
    columns = {"age": KINDS["age"], "price": KINDS["price"]}
    save_parquet(folder / "part-0.parquet", make_table(columns))
    # A table has the column that its folders' names are
    table = save_parquet(folder / "dt=1.parquet", make_table({**columns, "dt": KINDS["day"]}))
    baseline, window = (table, folder / "part-0.parquet") if is_partition else (folder / "part-0.parquet", table)
    before = run_baseline(baseline, DataQualityMonitor(), engine="local")
    findings = run_monitoring(window, DataQualityMonitor(), before, engine="local")
    assert not any(finding.is_violation for finding in findings.results)
    assert "not compared, as folders' names on one side alone: dt" in caplog.messages
