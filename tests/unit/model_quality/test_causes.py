"""A loss of a model, or of fairness, in one segment, in some files, or everywhere: what is said of it."""

import logging

import numpy as np
import pandas as pd
import pytest

from spark_model_monitor import (
    AnalysisConfig,
    BiasMeasures,
    BiasMonitor,
    ModelQualityMonitor,
    OutcomePlan,
    ProblemType,
    outcomes,
    run_baseline,
    run_monitoring,
)
from spark_model_monitor.errors import BadInput
from spark_model_monitor.monitors.causes import describe_fault
from spark_model_monitor.monitors.contributions import BinnedChange, Key, compute_shares, create_ordered_tests

BINARY = OutcomePlan(ProblemType.BINARY_CLASSIFICATION)
NUMBERS = OutcomePlan(ProblemType.REGRESSION)
FACET = '{"label": "label", "label_values_or_threshold": [1], "facet": [{"name_or_index": "sex", "value_or_threshold": ["f"]}]}'
PEOPLE = BiasMonitor(BiasMeasures.of(AnalysisConfig.from_json(FACET)))


def users(rows, seed, bad=lambda rows: np.zeros(len(rows), bool)):
    """Answers of a model, one in ten of them wrong; where rows are bad most of them are, and no label of a woman is positive."""
    random = np.random.default_rng(seed)
    plan = random.choice(["basic", "business", "free"], rows, p=[0.4, 0.3, 0.3])
    frame = pd.DataFrame({"plan": plan, "age": random.integers(18, 90, rows), "sex": random.choice(["f", "m"], rows)})
    is_bad = bad(frame)
    label = (random.random(rows) < 0.4).astype(int)
    wrong = random.random(rows) < np.where(is_bad, 0.8, 0.1)
    frame["label"] = np.where(is_bad & (frame.sex == "f"), 0, label)
    frame["prediction"] = np.where(wrong, 1 - frame.label, frame.label)
    frame["guessed"] = 50 + random.normal(0, 2, rows) + 15 * is_bad
    frame["real"] = 50.0
    return frame


def spell_otherwise(frame):
    """Labels as booleans: the same classes as predictions of 0 and 1."""
    return frame.drop(columns=["guessed", "real"]).assign(label=frame["label"].astype(bool))


def in_business(frame):
    return (frame["plan"] == "business").to_numpy()


def everywhere(frame):
    return np.random.default_rng(9).random(len(frame)) < 0.3


KINDS = {
    "classes": (
        ModelQualityMonitor(BINARY),
        lambda rows: outcomes(rows.drop(columns=["guessed", "real"]), BINARY, engine="local"),
    ),
    "classes spelt otherwise": (
        ModelQualityMonitor(BINARY),
        lambda rows: outcomes(spell_otherwise(rows), BINARY, engine="local"),
    ),
    "numbers": (
        ModelQualityMonitor(NUMBERS),
        lambda rows: outcomes(
            rows.drop(columns=["label", "prediction"]), NUMBERS, label="real", prediction="guessed", engine="local"
        ),
    ),
    "bias": (PEOPLE, lambda rows: rows.drop(columns=["guessed", "real", "prediction"])),
}


@pytest.fixture(scope="module", params=KINDS)
def kind(request):
    monitor, make_data = KINDS[request.param]
    before = make_data(users(20_000, 1))  # kept while the baseline is used
    yield monitor, make_data, run_baseline(before, monitor, engine="local")
    del before


def violated(findings):
    return [finding for finding in findings.results if finding.is_violation]


def test_the_segment_of_a_loss_is_named(kind):
    monitor, make_data, baseline = kind
    bad = violated(run_monitoring(make_data(users(4_000, 2, in_business)), monitor, baseline, engine="local"))

    assert bad
    assert {finding.segment for finding in bad} == {"plan=business"}
    assert all(finding.where.startswith("only in one segment of plan: ") for finding in bad)


def test_a_loss_that_is_everywhere_alike_names_none(kind):
    monitor, make_data, baseline = kind
    bad = violated(run_monitoring(make_data(users(4_000, 3, everywhere)), monitor, baseline, engine="local"))

    assert bad
    assert not any(finding.where or finding.cause for finding in bad)


@pytest.mark.parametrize(
    ("in_segment", "segments"),
    [pytest.param(in_business, {"plan=business"}, id="one segment"), pytest.param(everywhere, {None}, id="everywhere")],
)
def test_the_segment_is_found_in_the_rest_if_the_group_itself_did_not_change(in_segment, segments):
    monitor, make_data = KINDS["bias"]
    before = make_data(users(20_000, 1))
    baseline = run_baseline(before, monitor, engine="local")
    # Only men get more positive labels
    window = users(4_000, 2)
    window.loc[in_segment(window) & (window.sex == "m"), "label"] = 1
    bad = violated(run_monitoring(make_data(window), monitor, baseline, engine="local"))

    assert bad
    assert {finding.segment for finding in bad} == segments


def test_nothing_is_read_again_when_nobody_wants_it(kind):
    from dataclasses import replace

    monitor, make_data, baseline = kind
    quiet = replace(monitor, find_causes=False)
    bad = violated(run_monitoring(make_data(users(4_000, 2, in_business)), quiet, baseline, engine="local"))

    assert bad
    assert not any(finding.where for finding in bad)


def test_the_page_says_where_the_loss_is(kind, tmp_path):
    monitor, make_data, baseline = kind
    run_monitoring(make_data(users(4_000, 2, in_business)), monitor, baseline, engine="local").write(str(tmp_path))

    assert "only in plan=business: " in (tmp_path / "report.html").read_text()


def test_classes_and_segments_are_hidden_together():
    monitor, make_data = KINDS["classes"]
    before = make_data(users(20_000, 1))
    baseline = run_baseline(before, monitor, engine="local")
    hiding = ModelQualityMonitor(BINARY, hide_values=True)
    bad = violated(run_monitoring(make_data(users(4_000, 2, in_business)), hiding, baseline, engine="local"))

    assert {finding.segment for finding in bad} == {None}
    assert all("business" not in finding.where for finding in bad)


def test_the_files_of_a_loss_are_reported(tmp_path):
    for number in range(20):
        fill = np.ones if number in (3, 4) else np.zeros
        users(200, number, lambda rows, fill=fill: fill(len(rows), bool)).to_csv(
            tmp_path / f"{number:02d}.csv", index=False
        )
    before = outcomes(users(20_000, 1), BINARY, engine="local")
    baseline = run_baseline(before, ModelQualityMonitor(BINARY), engine="local")
    data = outcomes(str(tmp_path), BINARY, engine="local")
    bad = violated(run_monitoring(data, ModelQualityMonitor(BINARY), baseline, engine="local"))

    assert bad
    assert {finding.cause[0].words for finding in bad} == {"all of it comes from 2 of 20 files"}


def test_files_that_lost_more_and_less_are_reported_together():
    """The worst of them is the clearest alone, and what is left beside it is no sound window."""
    random = np.random.default_rng(1)
    files = np.repeat(np.arange(20), 200)
    share = np.select([files == 3, files == 4], [1.0, 0.5], 0.05)
    bins = np.where(random.random(4_000) < share, 3, 2).astype(np.int16)
    before = np.where(random.random(20_000) < 0.05, 3, 2).astype(np.int16)
    change = BinnedChange(bins, compute_shares(before, 4), create_ordered_tests(4), before)
    cause = change.search(Key("file", files, 20, may_be_several=True), num_tests=10)

    assert cause is not None
    assert (cause.parts, cause.share, cause.p < 1e-9) == ([3, 4], pytest.approx(1, abs=0.1), True)


def test_rows_that_are_there_no_longer_leave_the_alarm_without_a_cause(caplog):
    monitor, make_data = KINDS["classes"]
    baseline = run_baseline(make_data(users(20_000, 1)), monitor, engine="local")
    with caplog.at_level(logging.INFO, logger="spark_model_monitor"):
        bad = violated(run_monitoring(make_data(users(4_000, 2, in_business)), monitor, baseline, engine="local"))

    assert bad
    assert not any(finding.where for finding in bad)
    assert "the origin of a loss is unknown: the frame that the baseline was made from is not stored" in caplog.text
    assert not [record for record in caplog.records if record.levelname == "WARNING"]


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (BadInput("p: has no column 'plan'; name another"), "p: has no column 'plan'; name another"),
        (ValueError("Ada Lovelace"), "ValueError; see whether the files are as they were, else make the baseline anew"),
    ],
)
def test_why_rows_cannot_be_read_again_is_a_sentence_without_values(fault, sentence):
    assert describe_fault(fault) == sentence
