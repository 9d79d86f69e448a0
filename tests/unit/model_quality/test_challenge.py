"""Two models beside each other, held against scikit-learn, scipy and definitions."""

import math

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy import stats
from sklearn import metrics

from spark_model_monitor.data.records.outcome_values import OF_CLASSES
from spark_model_monitor.documents.challenge_file import TrialVerdict
from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.monitors.model_quality.model_comparison import (
    Answers,
    compare_answers,
    decide_verdict,
    delong_covariance,
    find_disagreeing_segments,
    mcnemar,
    measure_disagreement,
)
from spark_model_monitor.statistics.states.blocks import assign_blocks
from spark_model_monitor.statistics.states.outcome_plan import OutcomePlan
from spark_model_monitor.statistics.user_choices import ProblemType
from spark_model_monitor.statistics.verdicts.sequential_boundary import boundary

SCORED = OutcomePlan(ProblemType.BINARY_CLASSIFICATION, with_scores=True)
MANY = OutcomePlan(ProblemType.MULTICLASS_CLASSIFICATION)
MANY_SCORED = OutcomePlan(ProblemType.MULTICLASS_CLASSIFICATION, with_scores=True)
NUMBERS = OutcomePlan(ProblemType.REGRESSION)


def texts(values):
    return pa.array([str(value) for value in values], pa.string())


def scored(labels, scores, first=0):
    keys = np.arange(first, first + len(labels), dtype=np.uint64)
    return Answers(SCORED, texts(labels), texts((scores > 0.5).astype(int)), scores, keys)


def make_answers(rows, better, seed=5, first=0):
    """Labels and scores of two models, of which the second one is better by so much."""
    random = np.random.default_rng(seed)
    labels = (random.random(rows) < 0.4).astype(int)
    signal = labels + random.normal(0, 1, rows)
    scores = [1 / (1 + np.exp(-2 * (signal + random.normal(0, noise, rows) - 0.5))) for noise in (1.0, 1.0 - better)]
    return scored(labels, np.round(scores[0], 2), first), scored(labels, np.round(scores[1], 2), first)


def placements(positive, scores):
    """DeLong's components by their definition: of each row the share of the other class that it beats, ties half."""
    wins = (scores[positive][:, None] > scores[~positive][None, :]) + 0.5 * (
        scores[positive][:, None] == scores[~positive][None, :]
    )
    return wins.mean(axis=1), wins.mean(axis=0)


def test_delong_is_what_its_definition_says_row_by_row_with_ties():
    champion, challenger = make_answers(400, 0.4)
    positive = champion.positive

    areas, covariance = delong_covariance(positive, champion.scores, challenger.scores)

    of_positives, of_negatives = zip(
        *(placements(positive, answers.scores) for answers in (champion, challenger)), strict=True
    )
    expected = np.cov(of_positives) / positive.sum() + np.cov(of_negatives) / (~positive).sum()
    assert covariance == pytest.approx(expected, abs=1e-12)
    assert areas == pytest.approx(
        [metrics.roc_auc_score(positive, answers.scores) for answers in (champion, challenger)], abs=1e-12
    )


def test_areas_their_covariance_and_the_p_of_a_pair_are_those_of_proc():
    """pROC 1.18.0 of R: roc.test(roc(label, a), roc(label, b), method = "delong", paired = TRUE), var and cov, by digits = 17."""
    i = np.arange(120)
    labels = ((i * i + 3 * i) % 7 < 3).astype(int)
    a = ((i * 37) % 41 + 12 * labels) / 60
    b = ((i * 53) % 29 + 15 * labels) / 50

    areas, covariance = delong_covariance(labels == 1, a, b)
    difference = compare_answers(scored(labels, a), scored(labels, b), paired=True, planned_rows=120).differences["auc"]

    assert areas == pytest.approx([0.73983193277310921, 0.87361344537815122], abs=1e-12)
    product = 0.00011029248080843803
    expected = np.array([[0.0023677997941638348, product], [product, 0.0011044003167258005]])
    assert covariance == pytest.approx(expected, abs=1e-12)
    assert (difference.champion, difference.challenger) == pytest.approx(tuple(areas), abs=1e-12)
    assert difference.p == pytest.approx(0.018971013155155893, abs=1e-9)


def test_mcnemar_is_the_binomial_test_of_the_rows_that_one_of_them_got_right():
    for gained, lost in [(0, 0), (3, 0), (12, 5), (700, 810), (9, 9)]:
        if gained + lost:
            expected = stats.binomtest(gained, gained + lost).pvalue
        else:
            expected = 1.0
        assert mcnemar(gained, lost) == pytest.approx(expected, abs=1e-9)


def test_the_metrics_of_both_are_those_of_scikit_learn():
    champion, challenger = make_answers(3_000, 0.4)
    differences = compare_answers(champion, challenger, paired=True, planned_rows=3_000).differences
    truth = champion.positive
    expected = {
        "auc": lambda answers: metrics.roc_auc_score(truth, answers.scores),
        "accuracy": lambda answers: metrics.accuracy_score(truth, answers.scores > 0.5),
        "f1": lambda answers: metrics.f1_score(truth, answers.scores > 0.5),
        "precision": lambda answers: metrics.precision_score(truth, answers.scores > 0.5),
        "recall": lambda answers: metrics.recall_score(truth, answers.scores > 0.5),
        "brier_score": lambda answers: metrics.brier_score_loss(truth, answers.scores),
        "log_loss": lambda answers: metrics.log_loss(truth, answers.scores),
    }

    for name, metric in expected.items():
        assert differences[name].champion == pytest.approx(metric(champion), abs=1e-9), name
        assert differences[name].challenger == pytest.approx(metric(challenger), abs=1e-9), name
        assert differences[name].difference == pytest.approx(metric(challenger) - metric(champion), abs=1e-9), name


def test_metrics_of_numbers_and_of_many_classes_are_those_of_scikit_learn():
    random = np.random.default_rng(3)
    keys = np.arange(2_000, dtype=np.uint64)
    labels = random.normal(10, 3, 2_000)
    answers = [Answers(NUMBERS, labels, labels + random.normal(0, noise, 2_000), None, keys) for noise in (1.0, 0.8)]
    differences = compare_answers(*answers, paired=True, planned_rows=2_000).differences
    for name, metric in [
        ("mae", metrics.mean_absolute_error),
        ("rmse", lambda *label_pairs: math.sqrt(metrics.mean_squared_error(*label_pairs))),
        ("r2", metrics.r2_score),
    ]:
        assert differences[name].challenger == pytest.approx(metric(labels, answers[1].predictions), abs=1e-9)

    classes = random.choice(list("abc"), 2_000)
    guesses = [
        np.where(random.random(2_000) < right, classes, random.choice(list("abc"), 2_000)) for right in (0.6, 0.8)
    ]
    many_answers = [Answers(MANY, texts(classes), texts(guess), None, keys) for guess in guesses]
    differences = compare_answers(*many_answers, paired=True, planned_rows=2_000).differences
    assert differences["macro_f1"].champion == pytest.approx(
        metrics.f1_score(classes, guesses[0], average="macro"), abs=1e-9
    )
    assert differences["accuracy"].challenger == pytest.approx(metrics.accuracy_score(classes, guesses[1]), abs=1e-12)


def make_class_answers(rows, noises=(2.0, 1.7), seed=3):
    """Labels of three classes and the probabilities that two models give each, shape (rows, 3)."""
    random = np.random.default_rng(seed)
    labels = random.choice(3, rows, p=[0.5, 0.3, 0.2])
    signals = [np.exp(2 * np.eye(3)[labels] + random.normal(0, noise, (rows, 3))) for noise in noises]
    shares = [(signal / signal.sum(axis=1, keepdims=True)).round(3) for signal in signals]
    models = []
    # The answers of each model
    for model_shares in shares:
        probabilities = [
            [{"name": name, "share": share} for name, share in zip("abc", row, strict=True)]
            for row in model_shares.tolist()
        ]
        classes = [texts(np.array(list("abc"))[which]) for which in (labels, model_shares.argmax(axis=1))]
        keys = np.arange(rows, dtype=np.uint64)
        models.append(
            Answers(MANY_SCORED, *classes, model_shares.max(axis=1), keys, pa.array(probabilities, OF_CLASSES))
        )
    return labels, shares, models


def test_the_mean_area_of_many_classes_is_that_of_scikit_learn():
    labels, shares, models = make_class_answers(1_500)

    differences = compare_answers(*models, paired=True, planned_rows=1_500).differences

    for name, average in (("macro_auc", "macro"), ("weighted_auc", "weighted")):
        areas = [metrics.roc_auc_score(np.eye(3)[labels], share, average=average) for share in shares]
        assert (differences[name].champion, differences[name].challenger) == pytest.approx(areas, abs=1e-9), name
        assert differences[name].method == "paired blocks"


def test_the_error_of_a_difference_of_mean_areas_is_that_of_its_rows():
    """DeLong's components of each class by their definition: what a row adds to the mean of the areas of one model."""
    labels, shares, models = make_class_answers(3_000)
    adds = np.zeros((2, len(labels)))
    for model, share in enumerate(shares):
        for number in range(3):
            positive = labels == number
            for rows, parts in zip((positive, ~positive), placements(positive, share[:, number]), strict=True):
                adds[model, rows] += (parts - parts.mean()) / rows.mean() / 3
    expected = np.std(adds[1] - adds[0]) / math.sqrt(len(labels))

    difference = compare_answers(*models, paired=True, planned_rows=3_000).differences["macro_auc"]

    assert difference.standard_error == pytest.approx(expected, rel=0.25)  # 64 blocks know it to 9 %


def test_pairs_say_more_than_two_samples_of_the_same_rows():
    champion, challenger = make_answers(3_000, 0.2)
    pairs, samples = (
        compare_answers(champion, challenger, paired=paired, planned_rows=3_000).differences for paired in (True, False)
    )

    for name in ("auc", "accuracy", "f1", "brier_score"):
        assert pairs[name].standard_error < samples[name].standard_error, name


@pytest.mark.parametrize("paired", [True, False])
def test_the_error_of_blocks_is_that_of_the_rows_for_a_mean(paired):
    # The mean absolute error is a mean, so its standard error is known: that of the differences, or of both.
    random = np.random.default_rng(8)
    keys = np.arange(20_000, dtype=np.uint64)
    labels = random.normal(0, 1, 20_000)
    answers = [Answers(NUMBERS, labels, labels + random.normal(0, noise, 20_000), None, keys) for noise in (1.0, 0.9)]

    difference = compare_answers(*answers, paired=paired, planned_rows=20_000).differences["mae"]

    errors = [np.abs(answer.predictions - labels) for answer in answers]
    if paired:
        spread = np.var(errors[1] - errors[0])
    else:
        spread = np.var(errors[0]) + np.var(errors[1])
    assert difference.standard_error == pytest.approx(math.sqrt(spread / 20_000), rel=0.25)  # 64 blocks know it to 9 %


def test_the_error_of_blocks_is_that_of_a_bootstrap_of_the_same_blocks():
    """F1 by its definition, of blocks that are drawn with replacement, the same ones for both models."""
    champion, challenger = make_answers(6_000, 0.4)
    blocks = assign_blocks(champion.keys)
    counts = []  # by model and block: found, found falsely, missed
    for answers in (champion, challenger):
        predicted = answers.scores > 0.5
        true = answers.positive
        counts.append(
            [
                np.bincount(blocks, is_counted, minlength=64)
                for is_counted in (predicted & true, predicted & ~true, ~predicted & true)
            ]
        )
    draws = np.random.default_rng(1).multinomial(64, np.full(64, 1 / 64), size=2_000)
    true_positives, falsely, missed = np.moveaxis(np.array(counts) @ draws.T, 1, 0)
    of_draws = 2 * true_positives / (2 * true_positives + falsely + missed)

    ours = compare_answers(champion, challenger, paired=True, planned_rows=6_000).differences["f1"]

    assert ours.standard_error == pytest.approx(np.std(of_draws[1] - of_draws[0]), rel=0.1)


def test_an_interval_is_as_wide_as_its_boundary_says():
    difference = compare_answers(*make_answers(3_000, 0.3), paired=True, planned_rows=6_000).differences["auc"]
    half = (difference.interval[1] - difference.interval[0]) / 2

    assert half / difference.standard_error == pytest.approx(
        boundary(3_000, 6_000), rel=0.02
    )  # Student's with 1,100 degrees


def verdict(comparison, **options):
    return decide_verdict(
        comparison, options.get("metric"), options.get("planned", 3_000), options.get("least_gain", 0.0)
    )[1:]


def test_the_better_model_is_promoted_and_the_worse_one_is_not():
    champion, challenger = make_answers(3_000, 0.6)

    assert verdict(compare_answers(champion, challenger, paired=True, planned_rows=3_000))[0] is TrialVerdict.PROMOTE
    assert verdict(compare_answers(challenger, champion, paired=True, planned_rows=3_000))[0] is TrialVerdict.KEEP


def test_errors_that_fall_are_a_gain():
    random = np.random.default_rng(3)
    keys = np.arange(2_000, dtype=np.uint64)
    labels = random.normal(10, 3, 2_000)
    answers = [Answers(NUMBERS, labels, labels + random.normal(0, noise, 2_000), None, keys) for noise in (1.0, 0.7)]

    assert verdict(compare_answers(*answers, paired=True, planned_rows=2_000), planned=2_000)[0] is TrialVerdict.PROMOTE


def test_a_gain_that_is_not_worth_it_keeps_the_champion():
    comparison = compare_answers(*make_answers(3_000, 0.02), paired=True, planned_rows=3_000)

    assert verdict(comparison)[0] is TrialVerdict.CANNOT_TELL
    assert verdict(comparison, least_gain=0.2)[:2] == (TrialVerdict.KEEP, "the challenger gains less than 0.2 of auc")


def test_what_cannot_be_distinguished_says_how_many_rows_would_tell():
    finding, _, rows = verdict(compare_answers(*make_answers(400, 0.4), paired=True, planned_rows=3_000))

    assert finding is TrialVerdict.CANNOT_TELL
    assert rows is not None
    assert 400 < rows <= 3_000


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        pytest.param(
            make_answers(30, 0.3), "30 rows with labels are too few for an interval; it takes 100", id="30 rows"
        ),
        pytest.param(
            (scored(np.ones(200, int), np.linspace(0, 1, 200)),) * 2,
            "all labels of one side are of one class, so nothing says how well the other one is recognised",
            id="one class",
        ),
        pytest.param(
            (scored((np.arange(200) < 3).astype(int), np.linspace(0, 1, 200)),) * 2,
            "3 rows of one class are too few for an interval; it takes 10",
            id="three rows of a class",
        ),
        pytest.param((make_answers(200, 0.3)[0],) * 2, "both answer alike", id="the same model"),
    ],
)
def test_where_nobody_can_tell_there_is_a_sentence(answers, reason):
    comparison = compare_answers(*answers, paired=True, planned_rows=1_000)

    assert verdict(comparison) == (TrialVerdict.CANNOT_TELL, reason, None)


def test_a_metric_that_is_not_there_is_named_with_those_that_are():
    with pytest.raises(
        BadConfiguration, match="metric is 'rmse', which these answers don't give; write one of recall, "
    ):
        verdict(compare_answers(*make_answers(200, 0.3), paired=True, planned_rows=200), metric="rmse")


def test_disagreement_is_the_share_of_pairs_that_both_answer_differently():
    labels = np.array([0, 1, 0, 1])
    scores = np.array([0.1, 0.9, 0.2, 0.8])

    assert measure_disagreement(scored(labels, scores), scored(labels, scores[::-1])).tolist() == [1, 1, 1, 1]
    assert measure_disagreement(scored(labels, scores), scored(labels, np.array([0.1, 0.9, 0.7, 0.8]))).tolist() == [
        0,
        0,
        1,
        0,
    ]


def make_questions(random, rows):
    numbers = random.normal(size=(rows, 4))
    plans = random.choice(["free", "pro", "business", "team"], rows, p=[0.55, 0.3, 0.09, 0.06])
    return pd.DataFrame(numbers, columns=list("wxyz")).assign(plan=plans)


@pytest.mark.parametrize("share", [0.1, 0.01])
@pytest.mark.nightly
def test_where_models_disagree_by_chance_no_segment_is_reported_however_small_or_rare(share):
    random = np.random.default_rng(8)

    probabilities = [
        find_disagreeing_segments(make_questions(random, 2_000), (random.random(2_000) < share).astype(float))
        for _ in range(100)
    ]

    assert sum(map(bool, probabilities)) <= 5  # 0.01 of each: above that with a chance below 0.001


def test_the_value_and_the_quarter_at_which_models_disagree_are_reported_first():
    random = np.random.default_rng(9)
    rows = make_questions(random, 2_000)
    of_plan = find_disagreeing_segments(
        rows, (random.random(2_000) < np.where(rows["plan"] == "pro", 0.3, 0.1)).astype(float)
    )
    of_numbers = find_disagreeing_segments(
        rows, np.where(rows["x"] > rows["x"].quantile(0.75), 3.0, 1.0) + random.random(2_000)
    )

    assert (of_plan[0].feature, of_plan[0].value) == ("plan", "pro")
    assert of_plan[0].disagreement == pytest.approx(0.3, abs=0.06)
    assert of_plan[0].rows == (rows["plan"] == "pro").sum()
    assert of_numbers[0].feature == "x"
    assert of_numbers[0].disagreement == pytest.approx(3.5, abs=0.1)
