"""Two models' answers, read, met by their ids, and told."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from tests.spark.merging.records import make_label
from tests.unit.records.captured_lines import format_capture

from spark_model_monitor import OutcomePlan, ProblemType, Trial, challenge
from spark_model_monitor.cli import main
from spark_model_monitor.documents.challenge_file import Challenge
from spark_model_monitor.errors import BadConfiguration, BadInput, NoData

BINARY = OutcomePlan(ProblemType.BINARY_CLASSIFICATION)
SCORED = OutcomePlan(ProblemType.BINARY_CLASSIFICATION, with_scores=True)
NUMBERS = OutcomePlan(ProblemType.REGRESSION)
ROWS = 600


def answers(noise: float = 1.0, rows: int = ROWS, seed: int = 4) -> pd.DataFrame:
    """A table of answers to the same rows, whatever the noise."""
    random = np.random.default_rng(seed)
    labels = (random.random(rows) < 0.4).astype(int)
    signal = labels + random.normal(0, 0.7, rows)
    amount = random.normal(0, 1, rows)
    score = 1 / (1 + np.exp(-3 * (signal + random.normal(0, noise, rows) - 0.5)))
    return pd.DataFrame(
        {
            "id": [f"i{number}" for number in range(rows)],
            "label": labels,
            "prediction": (score > 0.5).astype(int),
            "probability": score.round(4),
            "amount": amount,
        }
    )


BLUE = answers(3.0)
GREEN = answers(0.1)
TRIAL = Trial(BINARY, planned_rows=ROWS, identity="id")
WITH_SCORES = Trial(SCORED, planned_rows=ROWS, identity="id")


def test_models_that_answered_the_same_ids_are_compared_pair_by_pair_in_any_order():
    trial_report = challenge(BLUE, GREEN.sample(frac=1, random_state=2), TRIAL).document

    assert (trial_report.design.value, trial_report.rows, trial_report.verdict.value, trial_report.unfair) == (
        "shadow",
        ROWS,
        "promote",
        (),
    )
    assert trial_report.disagreement == pytest.approx((BLUE["prediction"] != GREEN["prediction"]).mean())
    assert challenge(GREEN, BLUE, TRIAL).verdict == "keep"


def test_rows_without_a_partner_are_counted_and_left_out():
    trial_report = challenge(BLUE[:500], GREEN[100:], TRIAL).document

    assert (trial_report.rows, trial_report.champion.unmatched, trial_report.challenger.unmatched) == (400, 100, 100)


def test_models_that_have_no_id_in_common_had_split_traffic():
    later = answers(0.1, seed=5).assign(id=[f"j{number}" for number in range(ROWS)])

    trial_report = challenge(BLUE, later, TRIAL).document

    assert (trial_report.design.value, trial_report.rows, trial_report.disagreement, trial_report.unfair) == (
        "split",
        2 * ROWS,
        None,
        (),
    )


def with_classes(frame, one_side=None):
    """The same answers as those of two classes by name, with the probabilities of both."""
    names = {0: "stays", 1: "goes"}
    probabilities = [json.dumps({"stays": 1 - share, "goes": share}) for share in frame["probability"]]
    named = {name: frame[name].map(names) for name in ("label", "prediction")}
    return frame.assign(**named, probability=probabilities if one_side is None else one_side)


MANY = Trial(OutcomePlan(ProblemType.MULTICLASS_CLASSIFICATION, with_scores=True), planned_rows=ROWS, identity="id")


def test_many_classes_are_compared_by_their_mean_area_too():
    two = challenge(BLUE, GREEN, WITH_SCORES).document.metrics[0]
    trial = replace(MANY, metric="macro_auc")

    trial_report = challenge(with_classes(BLUE), with_classes(GREEN).sample(frac=1, random_state=1), trial).document

    assert (trial_report.metric, trial_report.verdict.value) == ("macro_auc", "promote")
    assert trial_report.metrics[0].difference == pytest.approx(
        two.difference, abs=1e-9
    )  # of two classes both areas are one
    assert challenge(with_classes(BLUE), with_classes(GREEN), MANY).document.metric == "accuracy"


def test_the_mean_area_takes_the_probabilities_of_all_classes_on_both_sides():
    with_numbers = with_classes(BLUE, one_side=BLUE["probability"].clip(lower=0.5))

    with pytest.raises(
        BadConfiguration, match="metric is 'macro_auc', which these answers don't give; write one of acc"
    ):
        challenge(with_classes(BLUE), with_numbers, replace(MANY, metric="macro_auc"))


def test_a_split_that_is_not_fair_is_said_first():
    later = answers(0.1, seed=5).assign(id=[f"j{number}" for number in range(ROWS)])
    later["amount"] += 3
    result = challenge(BLUE, later[:500], Trial(BINARY, planned_rows=ROWS, identity="id", share=0.1))

    assert result.document.unfair[0] == "the challenger has 45.5 % of the rows, and 10 % were planned"  # 500 of 1,100
    means = [float(table["amount"].mean()) for table in (BLUE, later[:500])]  # three were added
    assert result.document.unfair[1].startswith(f"amount is {means[1] - means[0]:.2f} higher, ")
    assert f" (mean {means[0]:.4g} → " in result.document.unfair[1]
    assert str(result.report().page.headline).startswith("Not a fair trial: the challenger has 45.5 %")


def test_labels_may_be_a_table_of_their_own():
    labels = BLUE[["id", "label"]].rename(columns={"label": "churned"})[:550]
    trial = Trial(BINARY, planned_rows=ROWS, identity="id", label="churned")
    blue, green = (answers.drop(columns="label") for answers in (BLUE, GREEN))

    trial_report = challenge(blue, green, trial, ground_truth=labels).document

    expected_report = challenge(BLUE[:550], GREEN[:550], TRIAL).document
    assert trial_report.metrics == expected_report.metrics
    assert trial_report.champion.unmatched == 50


def captured(folder, frame, hour="2026/03/01/10"):
    """A variant's captures: prediction and score, asked with an amount."""
    hour_folder = folder / hour
    hour_folder.mkdir(parents=True)
    lines = []
    for row in frame.itertuples():
        answer = f"{row.prediction},{row.probability}"
        time = f"{hour[:10].replace('/', '-')}T{hour[-2:]}:05:00Z"
        event_id = f"{folder.name}-{row.id}"
        lines.append(format_capture(f"{row.amount:.3f}", answer, event_id, time, inferenceId=row.id))
    (hour_folder / "x.jsonl").write_text("".join(lines), encoding="utf-8")
    return str(folder)


def labelled(folder, frame):
    """Ground truth of captures, as the merge takes it."""
    hour_folder = folder / "2026/03/01/10"
    hour_folder.mkdir(parents=True)
    labels = [make_label(row.id, str(row.label)) for row in frame.itertuples()]
    (hour_folder / "labels.jsonl").write_text("\n".join(map(json.dumps, labels)), encoding="utf-8")
    return str(folder)


def test_variants_of_an_endpoint_give_what_the_same_answers_in_tables_give(tmp_path):
    variants = [captured(tmp_path / name, frame) for name, frame in (("blue", BLUE), ("green", GREEN))]
    trial = Trial(SCORED, planned_rows=ROWS, prediction="0", probability="1")

    trial_report = challenge(*variants, trial, ground_truth=labelled(tmp_path / "labels", BLUE)).document

    expected_report = challenge(BLUE, GREEN, WITH_SCORES).document
    assert trial_report.design.value == "shadow"
    assert trial_report.metrics == expected_report.metrics


def test_where_both_answer_differently_is_reported_by_what_they_were_requested(tmp_path):
    wrong_there = BLUE.assign(prediction=np.where(BLUE["amount"] > 0.7, 1 - BLUE["prediction"], BLUE["prediction"]))
    of_tables = challenge(BLUE, wrong_there.sample(frac=1, random_state=3), TRIAL).document.segments
    capture_folders = [captured(tmp_path / name, frame) for name, frame in (("blue", BLUE), ("green", wrong_there))]
    trial = Trial(BINARY, planned_rows=ROWS, prediction="0")
    of_captures = challenge(*capture_folders, trial, ground_truth=labelled(tmp_path / "labels", BLUE)).document.segments

    for segments in (of_tables, of_captures):
        assert segments[0].rows == ROWS / 4
        assert segments[0].value.endswith(f"{BLUE['amount'].max():.3f}]")
        assert segments[0].disagreement > 0.9
    assert of_tables[0].feature == "amount"


def test_a_trial_begins_when_it_says(tmp_path):
    captured(tmp_path / "blue", BLUE, "2026/02/01/10")
    variants = [captured(tmp_path / "blue", BLUE), captured(tmp_path / "green", GREEN)]
    trial = Trial(BINARY, planned_rows=ROWS, prediction="0", start="2026-03-01T00:00:00Z")

    assert challenge(*variants, trial, ground_truth=labelled(tmp_path / "labels", BLUE)).document.champion.repeated == 0


def test_the_command_prints_the_verdict_writes_both_files_and_ends_with_its_status(tmp_path, capsys):
    paths = [str(tmp_path / name) for name in ("blue.csv", "green.csv")]
    for path, frame in zip(paths, (BLUE, GREEN), strict=True):
        frame.to_csv(path, index=False)
    attribute_flags = ["--ground-truth-attribute", "label", "--inference-attribute", "prediction"]
    words = ["--problem-type", "BinaryClassification", "--id-attribute", "id", *attribute_flags, "--gate"]
    arguments = [*words, "--planned-rows", str(ROWS), "--output-path", str(tmp_path / "trial")]

    assert main(["challenge", *paths, *arguments]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith(
        "promote: the challenger's accuracy is better, 600 of 600 planned pairs checked.\n\nmetric"
    )
    document = Challenge.from_json((tmp_path / "trial/challenge.json").read_bytes())
    assert document.verdict.value == "promote"
    assert "Champion and challenger" in (tmp_path / "trial/challenge.html").read_text(encoding="utf-8")
    assert main(["challenge", *paths[::-1], *words, "--json"]) == 4
    assert json.loads(capsys.readouterr().out)["verdict"] == "keep"
    assert main(["challenge", paths[0], paths[0], *words]) == 5
    assert main(["challenge", *paths, *arguments, "--least-gain", "0.1"]) == 2
    assert (
        "the trial there has least_gain 0.0, this one 0.1; a plan that changes after a look" in capsys.readouterr().err
    )


TWICE = pd.concat([BLUE, BLUE[:3].assign(prediction=1 - BLUE["prediction"][:3])])
OTHER_IDS = GREEN.assign(id=[f"k{number}" for number in range(ROWS)])
SOME_IDS = GREEN.assign(id=[f"i{number + 500}" for number in range(ROWS)])


@pytest.mark.parametrize(
    ("champion", "challenger", "trial", "error", "sentence"),
    [
        pytest.param(
            BLUE.drop(columns="probability"),
            GREEN,
            WITH_SCORES,
            BadConfiguration,
            "probability_attribute is 'probability', which is no column of the data",
            id="no scores",
        ),
        pytest.param(
            BLUE.assign(probability=np.nan),
            GREEN,
            WITH_SCORES,
            BadInput,
            "600 of 600 records .*no probability: 600",
            id="scores that lack",
        ),
        pytest.param(
            BLUE.assign(probability=BLUE["probability"] * 100),
            GREEN,
            WITH_SCORES,
            BadInput,
            "probability outside 0 to 1: ",
            id="scores outside 0 to 1",
        ),
        pytest.param(
            BLUE.assign(label=BLUE["label"].map({0: "stays", 1: "goes"})),
            GREEN,
            TRIAL,
            BadInput,
            "600 ids have one label at the champion's table and another at the challenger's table",
            id="labels of another type at one side",
        ),
        pytest.param(
            *(answers.assign(label=BLUE["label"].map({0: "stays", 1: "goes"})) for answers in (BLUE, GREEN)),
            TRIAL,
            BadInput,
            "the labels are 2 texts of 4 to 5 letters and the predictions 2 numbers: nothing is in both",
            id="labels of another type than the answers",
        ),
        pytest.param(
            BLUE.assign(label="dear"),
            GREEN,
            Trial(NUMBERS, identity="id"),
            BadInput,
            "600 of 600 records can't be used .label is not a number: 600",
            id="labels of a regression that are texts",
        ),
        pytest.param(
            TWICE,
            GREEN,
            TRIAL,
            BadInput,
            "3 ids are there twice with different answers; keep one row of each",
            id="ids twice",
        ),
        pytest.param(
            BLUE,
            OTHER_IDS,
            Trial(BINARY, identity="id", design="shadow"),
            BadInput,
            "no id is on both sides, so there are no pairs; .* write --design split",
            id="a shadow without common ids",
        ),
        pytest.param(
            BLUE,
            SOME_IDS,
            TRIAL,
            BadInput,
            "100 of 600 ids are on both sides: too many for split",
            id="some ids in common",
        ),
        pytest.param(BLUE, GREEN, Trial(BINARY), BadConfiguration, "id_attribute is missing", id="no ids"),
        pytest.param(BLUE[:0], GREEN, TRIAL, NoData, "there are no answers to compare", id="no rows"),
    ],
)
def test_what_cannot_be_compared_is_a_sentence(champion, challenger, trial, error, sentence):
    with pytest.raises(error, match=sentence):
        challenge(champion, challenger, trial)


def test_answers_that_came_twice_alike_count_once():
    with_repeats = pd.concat([BLUE, BLUE[:5]])

    assert challenge(with_repeats, GREEN, TRIAL).document.champion.repeated == 5


def test_thirty_rows_cannot_tell():
    assert challenge(BLUE[:30], GREEN[:30], TRIAL).document.reason.startswith("30 rows with labels are too few")


def test_captures_without_labels_say_where_labels_come_from(tmp_path):
    variants = [captured(tmp_path / name, BLUE[:5]) for name in ("blue", "green")]

    with pytest.raises(BadInput, match="captures have no labels; name them with --ground-truth"):
        challenge(*variants, Trial(BINARY, prediction="0", probability="1"))


def test_labels_of_other_ids_are_a_sentence():
    labels = BLUE[["id", "label"]].assign(id=lambda labels_frame: "x" + labels_frame["id"])

    with pytest.raises(BadInput, match="none of its 600 ids has a label"):
        challenge(BLUE, GREEN, Trial(BINARY, identity="id", label="label"), ground_truth=labels)


def test_a_frame_of_spark_is_refused_in_words():
    spark_frame = type("DataFrame", (), {"__module__": "pyspark.sql.dataframe"})()

    with pytest.raises(BadConfiguration, match="takes no frame of Spark; write frame.toPandas()"):
        challenge(spark_frame, GREEN, TRIAL)
