"""The page of a model-quality run: each metric beside its threshold, the confusion matrix, the curves."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from tests.unit.outputs.report.test_report_rendering import HOSTILE, Elements

from spark_model_monitor.documents.alarms import group_into_alarms
from spark_model_monitor.documents.change_description import format_chance
from spark_model_monitor.documents.check_results import CheckStatus
from spark_model_monitor.documents.headline import write_headline
from spark_model_monitor.documents.page import CurveChart, Highlight, PageTable
from spark_model_monitor.monitors.model_quality.evidence import build_evidence
from spark_model_monitor.monitors.model_quality.measurement import BARE, measure, suggest
from spark_model_monitor.monitors.model_quality.outcome_baseline import ModelBaseline
from spark_model_monitor.monitors.model_quality.quality_checks import check_all
from spark_model_monitor.monitors.model_quality.quality_page import create_page
from spark_model_monitor.reports.page.page_files import render_html
from spark_model_monitor.statistics.states import KllSketch

from .outcomes_made import BINARY, BY_THRESHOLD, MULTICLASS, REGRESSION, make_outcomes, measure_counts, measured


def page(measurement, baseline):
    return create_page(measurement, check_all(measurement, ModelBaseline(suggest(baseline, BARE))))


def rows(page):
    [table] = [section.blocks[0] for section in page.sections if section.heading == "All metrics"]
    return [dict(zip([column.title for column in table.columns], line.cells, strict=True)) for line in table.lines]


def evidence(page):
    [section] = [candidate for candidate in page.sections if candidate.heading == "What the predictions are like"]
    return section.blocks


def test_what_broke_its_threshold_stands_first_with_both_numbers():
    quality_page = page(measure_counts(60, 10, 90, 40), measure_counts(80, 10, 90, 20))
    recall = next(row for row in rows(quality_page) if row["metric"] == "recall")
    card = next(card for card in quality_page.sections[0].blocks[0].cards if card.name == "recall")

    assert quality_page.sections[0].heading == "Worse than asked for"
    assert card.change == "is 0.6, the baseline asks for at least 0.8"
    assert card.evidence.startswith("100 rows")
    assert (card.picture.points[0].value, card.picture.points[0].reference) == (0.6, 0.8)
    assert (recall["verdict"], recall["value"], recall["threshold"]) == ("✗ violated", "0.6", "at least 0.8")
    assert recall["rows"] == "100"
    verdicts = [row["verdict"] == "✗ violated" for row in rows(quality_page)]
    assert verdicts == sorted(verdicts, reverse=True)


def test_without_a_violation_no_metric_is_called_wrong():
    same = measure_counts(80, 10, 90, 20)

    assert "Worse than asked for" not in [section.heading for section in page(same, same).sections]
    assert create_page(same, ()).headline.mark is Highlight.NONE


def test_the_confusion_matrix_is_by_label_then_by_prediction():
    quality_page = create_page(measure_counts(60, 10, 90, 40), ())
    [table] = [block for block in evidence(quality_page) if isinstance(block, PageTable)]

    assert [line.cells for line in table.lines] == [("0", "90", "10"), ("1", "40", "60")]
    assert table.shades == ((0.9, 0.1), (0.4, 0.6))


def test_whoever_hides_values_has_classes_by_their_places():
    quality_page = create_page(measured(MULTICLASS, ["secret", "a"], ["a", "a"]), (), hide_values=True)

    assert "secret" not in repr(quality_page)
    assert "'class 2', '1', '0'" in repr(quality_page)  # secret, predicted as a


def test_curves_go_through_the_points_that_every_distinct_score_gives():
    # scores from the top: 0.9 positive, 0.8 negative, 0.3 positive
    quality_page = create_page(measured(BY_THRESHOLD, [1, 0, 1], None, [0.9, 0.8, 0.3]), ())
    roc, precision_and_recall, _ = [block for block in evidence(quality_page) if isinstance(block, CurveChart)]

    assert roc.points == ((0, 0), (0, 0.5), (1, 0.5), (1, 1))
    assert roc.words.endswith("area 0.5")
    assert precision_and_recall.points == ((0.5, 1), (0.5, 0.5), (1, pytest.approx(2 / 3)))


def test_residuals_are_the_quantiles_that_numpy_finds():
    random = np.random.default_rng(2)
    labels = random.normal(50, 9, 1_500)
    predictions = random.normal(50, 9, 1_500)
    quality_page = create_page(measured(REGRESSION, labels, predictions), ())
    [curve] = [block for block in evidence(quality_page) if isinstance(block, CurveChart)]

    quantiles = np.quantile(labels - predictions, np.arange(1, 100) / 100, method="inverted_cdf")
    low = quantiles[0]
    high = quantiles[-1]
    np.testing.assert_allclose([y for _, y in curve.points], (quantiles - low) / (high - low), atol=1e-12)
    assert curve.axes == ("share of rows, 0.01 to 0.99", f"residual, {low:.4g} to {high:.4g}".replace("-", "−"))
    words = (
        f"label less prediction, median {quantiles[49]:.3g}; of half the rows from {quantiles[24]:.3g} to {quantiles[74]:.3g}, "
        f"of 98 % from {low:.3g} to {high:.3g}"
    )
    assert curve.words == words.replace("-", "−")


def test_residuals_of_some_rows_alone_are_not_drawn():
    older = replace(make_outcomes(REGRESSION, [1, 2], [0, 0]), residuals=KllSketch())
    outcomes = older + make_outcomes(REGRESSION, [3], [4])

    assert [section.heading for section in create_page(measure(build_evidence(outcomes)), ()).sections] == [
        "All metrics",
        "How to read this",
    ]


def test_a_curve_of_many_scores_has_few_points():
    random = np.random.default_rng(1)
    measurement = measured(BY_THRESHOLD, random.integers(0, 2, 5_000), None, random.random(5_000))
    roc = next(block for block in evidence(create_page(measurement, ())) if isinstance(block, CurveChart))

    assert len(roc.points) <= 200
    assert (roc.points[0], roc.points[-1]) == ((0, 0), (1, 1))


def test_calibration_is_that_of_scikit_learn():
    random = np.random.default_rng(3)
    scores = random.beta(2, 3, 4_000).round(3)
    labels = random.random(4_000) < scores**2
    quality_page = create_page(measured(BY_THRESHOLD, labels.astype(int), None, scores), ())
    *_, calibration = [block for block in evidence(quality_page) if isinstance(block, CurveChart)]

    shares, means = calibration_curve(labels, scores, n_bins=10)
    np.testing.assert_allclose(calibration.points, np.column_stack([means, shares]), rtol=1e-12)
    rows = np.histogram(scores, np.linspace(0, 1, 11) + 1e-9)[0]  # a tenth has its upper end
    distance = np.average(np.abs(means - shares), weights=rows[rows > 0])
    assert f"on average {distance:.4g} from the diagonal" in calibration.words


def test_regression_has_metrics_and_residuals():
    quality_page = create_page(measured(REGRESSION, [1, 2, 3], [1.5, 2, 3]), ())

    headings = [section.heading for section in quality_page.sections]
    assert headings == ["All metrics", "What the predictions are like", "How to read this"]
    assert [block.title for block in evidence(quality_page)] == ["Residuals"]


def test_hostile_names_of_classes_are_texts():
    elements_found = Elements(render_html(create_page(measured(MULTICLASS, [HOSTILE, "b"], ["b", HOSTILE]), ())))

    assert not {"script", "img"} & set(elements_found.tags)
    assert HOSTILE.replace("\x07", "\\x07") in {value for _, value in elements_found.attributes}


def test_metrics_that_say_the_same_are_one_card_and_one_finding():
    before = measure_counts(80, 10, 90, 20)
    now = measure_counts(60, 10, 90, 40)
    results = group_into_alarms(check_all(now, ModelBaseline(suggest(before, BARE))), {})
    names = [card.name for card in create_page(now, results).sections[0].blocks[0].cards]
    recall = next(card for card in create_page(now, results).sections[0].blocks[0].cards if card.name == "recall")

    assert not {"true_positive_rate", "false_negative_rate"} & set(names)
    assert recall.hints[-1] == "also: true_positive_rate, false_negative_rate"
    assert write_headline(results).text.startswith(f"{len(names)} of ")


def test_a_calm_page_names_the_metric_that_is_closest_to_its_threshold():
    same = measure_counts(80, 10, 90, 20)
    headline = write_headline(check_all(same, ModelBaseline(suggest(same, BARE))))

    assert "none is beyond its threshold by more than chance" in headline.text
    assert "The closest is recall: 0.8, at least 0.8 is asked for." in headline.detail  # of equal ones the first


def test_a_calm_page_names_the_metric_that_chance_explains_least():
    before = measure_counts(800, 100, 900, 200)
    now = measure_counts(780, 100, 900, 220)
    state = make_outcomes(BINARY, "1" * 800 + "0" * 1_000 + "1" * 200, "1" * 900 + "0" * 1_100)

    check_results = check_all(now, ModelBaseline.from_documents(suggest(before), None, state))
    detail = write_headline(check_results).detail

    tested = [metric for metric in check_results if metric.p is not None]
    rarest = min(tested, key=lambda metric: metric.p)
    [precision] = [metric for metric in check_results if metric.metric == "precision"]
    assert rarest.p < precision.p
    assert f"The closest is {rarest.metric}: " in detail
    assert detail.endswith(f"; by chance alone: {format_chance(rarest.p)}.")


def test_a_remark_does_not_repeat_the_value_and_the_threshold_of_its_row():
    state = make_outcomes(BINARY, "1" * 800 + "0" * 1_000 + "1" * 200, "1" * 900 + "0" * 1_100)
    baseline = ModelBaseline.from_documents(suggest(measure_counts(800, 100, 900, 200)), None, state)
    now = measure_counts(66, 10, 90, 34)
    check_results = check_all(now, baseline)
    [recall] = [metric for metric in check_results if metric.metric == "recall"]

    assert recall.status is CheckStatus.CANNOT_TELL
    assert recall.reason.startswith("it is 0.66, beyond its threshold of 0.8; of 100 rows this may be chance")
    [remark] = [cells["remark"] for cells in rows(create_page(now, check_results)) if cells["metric"] == "recall"]
    assert remark.startswith("of 100 rows this may be chance")
