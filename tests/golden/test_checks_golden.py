"""The checks, as `--compat service` runs them, find what the real runs found; texts are the real ones to the last letter."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from spark_model_monitor.documents.check_results import CheckStatus, Violations
from spark_model_monitor.documents.constraints import Constraints
from spark_model_monitor.documents.statistics import Statistics
from spark_model_monitor.monitors.data_quality import messages
from spark_model_monitor.monitors.data_quality.baseline.quality_baseline import QualityBaseline
from spark_model_monitor.monitors.data_quality.baseline_comparison import WindowComparison
from spark_model_monitor.monitors.data_quality.distribution.feature_distribution import (
    create_distributions,
    read_distributions,
)
from spark_model_monitor.monitors.data_quality.evaluation import check_all
from spark_model_monitor.monitors.protocol import create_violations
from spark_model_monitor.statistics.states import (
    ColumnType,
    DataTypeCounts,
    FeatureProfile,
    FrequenciesBuilder,
    KllBuilder,
    MomentsBuilder,
    Profile,
)
from spark_model_monitor.statistics.states.data_types import classify, parse_numbers

NUMBER = r"(-?\d+\.\d+(?:E-?\d+)?)"


def make_profile(names: list[str], rows: list[list[str]]) -> Profile:
    """The states of text columns in one partition, in file order."""
    columns = zip(*rows, strict=True)
    return Profile(len(rows), tuple(map(make_feature, names, columns)))


def make_feature(name: str, cells: tuple[str, ...]) -> FeatureProfile:
    texts = pa.array([cell or None for cell in cells], pa.string())
    kinds = classify(texts, accept_exponents=False)
    moments = MomentsBuilder()
    kll = KllBuilder()
    frequencies = FrequenciesBuilder()
    kll.update(moments.update(parse_numbers(texts, kinds)))
    counts = texts.drop_null().value_counts()
    frequencies.update(counts.field("values"), counts.field("counts").to_numpy())
    states = [DataTypeCounts.from_kinds(kinds), moments.state(), kll.state(), frequencies.state()]
    return FeatureProfile.of(name, ColumnType.TEXT, states)


def read_captured_rows(path: Path) -> list[list[str]]:
    """The records of a capture file, output half first (G13)."""
    records = [json.loads(line)["captureData"] for line in path.read_text().splitlines()]
    return [f"{record['endpointOutput']['data']},{record['endpointInput']['data']}".split(",") for record in records]


def as_set(violations: Violations) -> set[tuple[str | None, str, str]]:
    """Violations without their order, which the service does not keep (G17)."""
    violation_texts = [(v.feature_name, v.constraint_check_type, v.description) for v in violations.violations]
    assert len(set(violation_texts)) == len(violation_texts)
    return set(violation_texts)


def read_violations(path: Path) -> Violations:
    return Violations.from_json(path.read_bytes(), str(path))


@pytest.fixture(scope="module")
def churn(golden) -> Callable[..., WindowComparison]:
    """The churn run beside its baseline."""
    folder = golden / "dq-churn"
    constraints = Constraints.from_json((folder / "constraints.json").read_bytes())
    names = [feature.name for feature in constraints.features]
    with (folder / "input.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    assert header == names
    baseline = make_profile(names, rows)
    current = make_profile(names, read_captured_rows(folder / "run" / "capture.reconstructed.jsonl"))

    def comparison(*, as_service: bool = False) -> WindowComparison:
        quality_baseline = QualityBaseline(constraints, create_distributions(baseline))
        return WindowComparison(quality_baseline, current, as_service=as_service)

    return comparison


def test_the_churn_run_has_the_sixty_violations_of_the_real_one(golden, churn):
    folder = golden / "dq-churn" / "run"

    violation_texts = as_set(create_violations(check_all(churn(as_service=True))))

    assert len(violation_texts) == 60
    assert violation_texts == as_set(read_violations(folder / "expected-violations.derived.json"))
    assert violation_texts >= as_set(read_violations(folder / "violations.first10.as-displayed.json"))


def test_by_default_the_churn_run_has_one_more_which_the_service_lost_with_the_ties(golden, churn):
    expected = as_set(read_violations(golden / "dq-churn" / "run" / "expected-violations.derived.json"))

    (more,) = as_set(create_violations(check_all(churn()))) - expected

    assert more[:2] == ("Churn", "baseline_drift_check")
    distance = re.fullmatch(rf"Baseline drift distance: {NUMBER} exceeds threshold: 0\.1", more[2])[1]
    assert float(distance) == pytest.approx(0.8057, abs=5e-5)  # G16


def test_every_feature_of_churn_has_its_numbers_whether_it_is_violated_or_not(churn):
    outcomes = [outcome for outcome in check_all(churn(as_service=True)) if outcome.check == "baseline_drift_check"]

    assert len(outcomes) == 70
    assert {outcome.status for outcome in outcomes} == {CheckStatus.PASSED}
    assert all(outcome.observed is not None and outcome.n and outcome.m for outcome in outcomes)


def test_the_published_traffic_breaks_churns_types_by_the_one_row_that_is_fractional(golden, churn):
    """Its first row is fractional in 59 columns that are Integral in the baseline; the other 333 are not."""
    with (golden / "dq-churn" / "run" / "test-dataset-input-cols.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    constraints = churn().constraints
    features = constraints.model_copy(update={"features": constraints.features[1:]})
    names = [feature.name for feature in features.features]

    violation_texts = as_set(
        create_violations(
            check_all(WindowComparison(QualityBaseline(features, {}), make_profile(names, rows), as_service=True))
        )
    )

    assert len(violation_texts) == 59
    share = messages.format_java_double(333 / 334 * 100)
    assert {text for _, _, text in violation_texts} == {
        "Data type match requirement is not met. Expected data type: Integral, Expected match: 100.0%. "
        f"Observed: Only {share}% of data is Integral."
    }


def test_the_cookbook_run_has_the_two_violations_of_the_real_one(golden):
    folder = golden / "dq-cookbook"
    constraints = Constraints.from_json((folder / "run" / "baseline-constraints-used.json").read_bytes())
    statistics = Statistics.from_json((folder / "baseline" / "statistics.json").read_bytes())
    names = [feature.name for feature in constraints.features]
    current = make_profile(names, read_captured_rows(folder / "run" / "capture.reconstructed.jsonl"))

    baseline = QualityBaseline(constraints, read_distributions(statistics))

    outcomes = check_all(WindowComparison(baseline, current, as_service=True))

    assert as_set(create_violations(outcomes)) == as_set(read_violations(folder / "run" / "constraint_violations.json"))
    drift = [outcome for outcome in outcomes if outcome.check == "baseline_drift_check"]
    assert [outcome.status for outcome in drift] == [CheckStatus.PASSED] * 5


def drift_text(distance: str, threshold: str) -> str:
    return messages.drift(float(distance), float(threshold))


def data_type_text(expected: str, required: str, observed: str) -> str:
    return messages.data_type(expected, float(required) / 100, float(observed) / 100)


FORMATTED = {
    "baseline_drift_check": (rf"\D+: {NUMBER} .*: {NUMBER}", drift_text),
    "data_type_check": (rf".*type: (\w+), .*: {NUMBER}%\..* {NUMBER}% of data is \1\.", data_type_text),
    "missing_column_check": (r".*dataset: (\d+), .*: (\d+)", lambda n, m: messages.missing_columns(int(n), int(m))),
    "extra_column_check": (r".*dataset: (\d+), .*: (\d+)", lambda n, m: messages.extra_columns(int(n), int(m))),
    "completeness_check": (rf"Value: {NUMBER} .*", lambda share: messages.requirement_not_met(float(share))),
    "categorical_values_check": (rf"Value: {NUMBER} .*", lambda share: messages.requirement_not_met(float(share))),
}
"""By check: what takes the numbers out of a text, and what makes a text of them."""

OLD_WORDING_IN_USE = ("completeness_check", "categorical_values_check")
"""Of these no newer text than that of 2019 is known (C11.2)."""


def test_every_text_that_was_found_is_the_one_made_of_its_numbers(golden):
    compared = set()
    for line in (golden / "messages.jsonl").read_text().splitlines():
        recorded_text = json.loads(line)
        check = recorded_text["check"]
        text = recorded_text["description"]
        obsolete = "obsolete" in recorded_text.get("era", "") and check not in OLD_WORDING_IN_USE
        if check not in FORMATTED or obsolete:
            continue
        pattern, format_message = FORMATTED[check]
        assert format_message(*re.fullmatch(pattern, text).groups()) == text
        compared.add(check)

    assert compared == set(FORMATTED)


@pytest.mark.parametrize(
    "name",
    [
        "dq-cookbook/run/constraint_violations.json",
        "schema-examples/missing_column.constraint_violations.json",
        "schema-examples/extra_column.constraint_violations.json",
        "schema-examples/multiclass.constraint_violations.json",
        "schema-examples/old-container-2019.constraint_violations.json",
    ],
)
def test_a_violations_file_of_the_service_is_written_back_byte_for_byte(golden, name):
    text = (golden / name).read_text(encoding="utf-8")

    assert Violations.from_json(text, name).to_json() == text.removesuffix("\n")
