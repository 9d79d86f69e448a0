"""A code keeps its meaning when its column's type changes: the integer 1 is the double 1.0 and true, `01` is another."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence

import pandas as pd
import pytest
from tests.rotation import every_combination

from spark_model_monitor import AnalysisConfig, BiasMeasures, BiasMonitor, run_baseline, run_monitoring
from spark_model_monitor.statistics.states.contingency_plan import normalize_code

Code = int | float | bool | str

FORMS: dict[str, list[Code]] = {
    "integers": [1, 0],
    "doubles": [1.0, 0.0],
    "booleans": [True, False],
    "texts": ["1", "0"],
    "texts of doubles": ["1.0", "0.0"],
    "texts of booleans": ["True", "False"],
}
"""The same two codes, as files have them."""

CONFIGURED = [1, 1.0, True, "1", "1.0", "true"]

PADDED = ["01", "00"]


def make_monitor(configured: Sequence[Code]) -> BiasMonitor:
    facet: dict[str, str | Sequence[Code]] = {"name_or_index": "sex"}
    if configured:
        facet["value_or_threshold"] = configured
    config = {"label": "hired", "label_values_or_threshold": [1], "facet": [facet]}
    return BiasMonitor(BiasMeasures.of(AnalysisConfig.from_json(json.dumps(config))))


def people(codes: Sequence[Code], labels: Sequence[Code] = (1, 0), hired: int = 50) -> pd.DataFrame:
    """100 rows of each code. hired: how many of the first code have the first label; half of the second have it."""
    first_code, second_code = codes
    positive, negative = labels
    rows = [(first_code, positive)] * hired
    rows += [(first_code, negative)] * (100 - hired)
    rows += [(second_code, positive)] * 50
    rows += [(second_code, negative)] * 50
    return pd.DataFrame(rows, columns=["sex", "hired"])


def outcomes(monitor: BiasMonitor, baseline: pd.DataFrame, window: pd.DataFrame) -> str | None:
    outcome = run_monitoring(window, monitor, run_baseline(baseline, monitor)).outcome
    if outcome is None:
        return None
    return outcome.value


@every_combination(form=FORMS, configured=CONFIGURED)
def test_a_window_with_the_same_codes_in_another_type_is_judged(configured, form):
    monitor = make_monitor([configured])

    assert outcomes(monitor, people(FORMS["integers"]), people(FORMS[form])) == "unchanged"
    assert outcomes(monitor, people(FORMS["integers"]), people(FORMS[form], hired=5)) == "changed"


@pytest.mark.parametrize("form", [form for form in FORMS if form != "doubles"])
def test_a_baseline_in_another_type_is_judged(form):
    monitor = make_monitor([1])

    assert outcomes(monitor, people(FORMS[form]), people(FORMS["doubles"])) == "unchanged"
    assert outcomes(monitor, people(FORMS[form]), people(FORMS["doubles"], hired=5)) == "changed"


@pytest.mark.parametrize("form", ["integers", "doubles", "texts", "texts of doubles"])
def test_where_every_value_is_a_group_the_codes_are_the_same_groups(form):
    monitor = make_monitor([])

    assert outcomes(monitor, people(FORMS["integers"]), people(FORMS[form])) == "unchanged"
    assert outcomes(monitor, people(FORMS["integers"]), people(FORMS[form], hired=5)) == "changed"


@pytest.mark.parametrize("form", FORMS)
def test_labels_in_another_type_are_the_same_labels(form):
    monitor = make_monitor(["F"])
    baseline = people(["F", "M"])

    assert outcomes(monitor, baseline, people(["F", "M"], FORMS[form])) == "unchanged"
    assert outcomes(monitor, baseline, people(["F", "M"], FORMS[form], hired=5)) == "changed"


@pytest.mark.parametrize("form", FORMS)
def test_a_code_with_a_leading_zero_is_another(form):
    assert outcomes(make_monitor([1]), people(FORMS[form]), people(PADDED)) != "unchanged"
    assert outcomes(make_monitor(["01"]), people(PADDED), people(FORMS[form])) == "cannot tell"


@pytest.mark.parametrize(
    ("configured", "baseline", "reason"),
    [
        pytest.param(["f"], people(["F", "M"]), "'f'", id="another case"),
        pytest.param(["01"], people([1, 0]), "'01'", id="a leading zero"),
        pytest.param([1], people([1.0, 0.0]), "threshold 1", id="a double is a threshold"),
    ],
)
def test_a_value_that_the_baseline_lacks_is_named_in_each_window(caplog, configured, baseline, reason):
    monitor = make_monitor(configured)
    with caplog.at_level(logging.WARNING):
        baseline_run = run_baseline(baseline, monitor)
        baseline_run.files_of_data()
    assert any("facet 'sex'" in record.getMessage() for record in caplog.records)

    findings = run_monitoring(baseline, monitor, baseline_run)

    assert findings.outcome.value == "cannot tell"
    assert all(reason in feature.reason and "make it again" in feature.advice for feature in findings.unsure)


@pytest.mark.parametrize("window_labels", [["yes", "no"], [2, 0]], ids=["renamed", "another code"])
def test_a_window_without_a_positive_label_is_not_unchanged(window_labels):
    monitor = make_monitor(["F"])

    assert outcomes(monitor, people(["F", "M"]), people(["F", "M"], window_labels)) == "cannot tell"
    assert outcomes(monitor, people(["F", "M"], window_labels), people(["F", "M"])) == "cannot tell"


def test_positive_labels_that_a_short_window_lacks_by_chance_are_judged():
    monitor = make_monitor(["F"])
    few_hired = pd.concat([people(["F", "M"], hired=0).query("sex == 'F'"), people(["F", "M"]).query("sex == 'M'")])
    window = few_hired.query("hired == 0").iloc[:5]

    baseline = run_baseline(few_hired, monitor)

    reasons = {feature.reason for feature in run_monitoring(window, monitor, baseline).unsure}
    assert not any("of the window's labels" in (reason or "") for reason in reasons)


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (1, "1"),
        (1.0, "1"),
        ("1.0", "1"),
        (True, "1"),
        ("TRUE", "1"),
        ("false", "0"),
        ("01", "01"),
        ("00", "00"),
        (" 1", " 1"),
        (2.5, "2.5"),
        ("2.50", "2.5"),
        ("0", "0"),
        ("0.5", "0.5"),
        ("F", "F"),
        ("nan", "nan"),
        (2**60, str(2.0**60)),
    ],
)
def test_spellings_of_one_code(value, code):
    assert normalize_code(value) == code
