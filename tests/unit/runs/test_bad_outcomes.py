"""Answers and labels that can't be judged, by every verb that takes them: each is one sentence and no file, or no number."""

import json
import sys

import numpy as np
import pandas as pd
import pytest
from tests.entries import read_checks
from tests.running_jobs import logged
from tests.unit.reading.read_data_sets import read_quarantine

from spark_model_monitor import ModelQualityMonitor, OutcomePlan, ProblemType, outcomes, run_baseline
from spark_model_monitor.cli import main
from spark_model_monitor.errors import BadConfiguration

from .local_jobs import LocalJobs

PLACES = (
    "--ground-truth-attribute",
    "churned",
    "--inference-attribute",
    "predicted",
    "--probability-attribute",
    "score",
)
TABLE = ("--problem-type", "BinaryClassification", "--dataset-format", "csv")
QUALITY = ("--analysis-type", "MODEL_QUALITY", *TABLE, *PLACES)
ESTIMATED = ("--analysis-type", "ESTIMATED_QUALITY", *TABLE, *PLACES[2:])


def rows(count=500, seed=3):
    """Scores that are worth what they say, evenly spread."""
    random = np.random.default_rng(seed)
    score = random.uniform(0, 1, count).round(3)
    churned = (random.random(count) < score) * 1
    ids = [f"i{number}" for number in range(count)]
    return pd.DataFrame({"id": ids, "churned": churned, "predicted": (score > 0.5) * 1, "score": score})


VALID = rows()
WORDS = {0: "stays", 1: "goes"}
BAD = {
    "no scores": VALID.drop(columns="score"),
    "scores that lack": VALID.assign(score=np.nan),
    "scores outside 0 to 1": VALID.assign(score=100 * VALID["score"] + 1.5),
    "no labels": VALID.drop(columns="churned"),
    "labels that lack": VALID.assign(churned=np.nan),
    "labels of another type": VALID.assign(churned=VALID["churned"].map(WORDS)),
    "one class": VALID.assign(churned=1),
    "30 rows": VALID[:30],
    "ids twice": pd.concat([VALID, VALID[:5].assign(predicted=1 - VALID["predicted"][:5])]),
    "no common ids": VALID.assign(id="x" + VALID["id"]),
}


def jobs_on(*faults):
    """Each fault by the verbs that ask for what it is about: verb, flags, table, what is said."""
    for source, sentence in faults:
        of_labels = source in ("no labels", "labels that lack", "labels of another type")
        for name, verb, flags in (
            ("baseline", "baseline", QUALITY),
            ("model quality", "monitor", QUALITY),
            ("estimate", "monitor", ESTIMATED),
        ):
            if flags is QUALITY or not of_labels:
                yield pytest.param(verb, flags, source, sentence, id=f"{name}, {source}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Every table as a file, and baselines of those that give one."""
    table_folder = tmp_path_factory.mktemp("outcomes")
    for name, frame in {**BAD, "valid": VALID, "later": rows(seed=9)}.items():
        frame.to_csv(table_folder / f"{name}.csv", index=False)
    without_scores = QUALITY[: QUALITY.index("--probability-attribute")]
    for name, source, flags in (
        *((name, name, QUALITY) for name in ("valid", "one class", "30 rows")),
        ("no scores", "valid", without_scores),
        ("no labels", "valid", ("--dataset-format", "csv")),
    ):
        assert ended(table_folder, "baseline", flags, source, f"known {name}") == 0
    return table_folder


def read_log(log_text, capfd):
    """What a job said, a guest of another test's session or not."""
    return log_text.getvalue() + capfd.readouterr().err


def ended(folder, verb, flags, source, output, baseline=None):
    """The exit status of a job on one of the tables."""
    arguments = ["--dataset-source", str(folder / f"{source}.csv"), "--output-path", str(folder / output)]
    arguments += [] if baseline is None else ["--baseline", str(folder / f"known {baseline}")]
    with pytest.raises(SystemExit) as end:
        sys.exit(main([verb, *flags, *arguments]))
    return end.value.code


def test_outcomes_that_are_refused_are_in_the_quarantine_with_their_lines(tmp_path):
    table = VALID.assign(score=VALID["score"].where(VALID.index != 7, 37.0))
    table.to_csv(tmp_path / "few.csv", index=False)
    assert ended(tmp_path, "baseline", QUALITY, "few", "out") == 0

    [record] = read_quarantine(tmp_path / "out")
    assert (record["line"], record["reason"]) == ("i7,0,0,37.0", "probability outside 0 to 1")


@pytest.mark.parametrize(
    ("verb", "flags", "source", "sentence"),
    [
        *jobs_on(
            ("no scores", "probability_attribute is 'score', which is no column of the data"),
            ("scores that lack", "500 of 500 records were refused (no probability: 500)"),
            (
                "scores that lack",
                "say where the probability is by probability_attribute: the column of a table, the index",
            ),
            ("scores outside 0 to 1", "(probability outside 0 to 1: 500), more than the allowed share of 0.01"),
            ("no labels", "ground_truth_attribute is 'churned', which is no column of the data"),
            ("labels that lack", "500 of 500 records were refused (no label: 500)"),
            (
                "labels of another type",
                "the labels are 2 texts of 4 to 5 letters and the predictions 2 numbers: nothing is in both",
            ),
        )
    ],
)
def test_what_a_table_lacks_ends_a_job_with_a_sentence(folder, capfd, verb, flags, source, sentence):
    with logged() as log:
        status = ended(folder, verb, flags, source, "none", "valid" if verb == "monitor" else None)

    assert status in (2, 255)
    assert sentence in read_log(log, capfd)
    assert not (folder / "none" / "constraints.json").exists()


@pytest.mark.parametrize(
    ("baseline", "sentence"),
    [
        ("no scores", "the baseline has no scores; make it anew with --probability-attribute"),
        ("no labels", "of a data-quality job; give a constraints.json of a model-quality baseline"),
    ],
)
def test_a_baseline_that_promises_nothing_ends_an_estimate_with_a_sentence(folder, capfd, baseline, sentence):
    with logged() as log:
        assert ended(folder, "monitor", ESTIMATED, "later", "none", baseline) in (2, 255)
    assert sentence in read_log(log, capfd)


@pytest.mark.parametrize(
    ("baseline", "sentence"),
    [
        ("one class", "nothing is estimated: all labels of the baseline are of one class"),
        ("30 rows", "nothing is estimated: the baseline has 30 rows with a score"),
    ],
)
def test_a_baseline_that_says_too_little_gives_no_number_and_the_last_line_says_why(folder, capfd, baseline, sentence):
    with logged() as log:
        assert ended(folder, "monitor", ESTIMATED, "later", f"of {baseline}", baseline) == 0

    assert sentence in read_log(log, capfd).splitlines()[-1]
    written = json.loads((folder / f"of {baseline}" / "estimated_quality.json").read_text())
    assert written["metrics"] == []


def test_thirty_rows_have_an_estimate_and_model_quality_cannot_tell_a_changed_world(folder):
    assert ended(folder, "monitor", ESTIMATED, "30 rows", "few", "valid") == 0
    assert ended(folder, "monitor", QUALITY, "30 rows", "few labelled", "valid") == 0

    checks = read_checks(folder / "few labelled" / "checks.json")["checks"]
    [kind] = [check for check in checks if check.get("metric") == "label_given_score"]
    assert (kind["status"], kind["reason"].partition(" rows could have either label")[1] != "") == ("not judged", True)


@pytest.mark.parametrize(
    ("source", "status", "sentence"),
    [
        ("no scores", 2, "probability_attribute is 'score', which is no column of the data"),
        ("scores that lack", 2, "500 of 500 records can't be used (no probability: 500)"),
        (
            "scores outside 0 to 1",
            2,
            "(probability outside 0 to 1: 500); write probabilities from 0 to 1 (95 % is 0.95)",
        ),
        ("no labels", 2, "ground_truth_attribute is 'churned', which is no column of the data"),
        ("labels that lack", 2, "500 of 500 records can't be used (no label: 500)"),
        ("labels of another type", 2, "500 ids have one label at"),
        ("one class", 2, "ids have one label at"),
        ("ids twice", 2, "5 ids are there twice with different answers; keep one row of each"),
        ("no common ids", 2, "no id is on both sides, so there are no pairs"),
        ("30 rows", 0, "cannot tell: 30 rows with labels are too few for an interval; it takes 100"),
    ],
)
def test_what_a_challenger_lacks_is_a_sentence(folder, capfd, source, status, sentence):
    paths = [str(folder / f"{name}.csv") for name in ("valid", source)]
    trial_flags = ("--problem-type", "BinaryClassification", "--id-attribute", "id", "--design", "shadow")

    assert main(["challenge", *paths, *trial_flags, *PLACES]) == status

    printed = capfd.readouterr()
    assert sentence in printed.out + printed.err


def test_labels_of_one_class_on_both_sides_cannot_tell(folder, capfd):
    one_class = str(folder / "one class.csv")

    assert (
        main(
            [
                "challenge",
                one_class,
                one_class,
                "--problem-type",
                "BinaryClassification",
                "--id-attribute",
                "id",
                *PLACES,
            ]
        )
        == 0
    )

    assert capfd.readouterr().out.startswith("cannot tell: all labels of one side are of one class")


@pytest.mark.parametrize("dataset_format", ["csv", "jsonl"])
@pytest.mark.parametrize("flag", ["--inference-attribute", "--probability-attribute"])
def test_a_label_compared_with_itself_is_refused(flag, dataset_format, tmp_path):
    jobs = LocalJobs(tmp_path)
    jobs.write("valid.csv", VALID.to_csv(index=False))
    jobs.write("valid.jsonl", VALID.to_json(orient="records", lines=True))
    words = ["baseline", f"valid.{dataset_format}", *QUALITY, "--output-path", "base"]
    words[words.index("--dataset-format") + 1] = dataset_format
    # The healthy twin: each of the three has a column of its own
    jobs.run(" ".join(words))
    words[words.index(flag) + 1] = "churned"

    refusal = "the label 'churned' is also the prediction or its probability, so it would always be right; name another column"
    assert refusal in jobs.run(" ".join(words), status=2)


def test_a_frames_label_is_not_compared_with_itself():
    plan = OutcomePlan(ProblemType.BINARY_CLASSIFICATION)
    data = outcomes(VALID, plan, label="churned", prediction="churned")
    with pytest.raises(BadConfiguration, match="the label 'churned' is also the prediction"):
        run_baseline(data, ModelQualityMonitor(plan))
    healthy_data = outcomes(VALID, plan, label="churned", prediction="predicted")
    assert run_baseline(healthy_data, ModelQualityMonitor(plan)).ledger.kept_rows == len(VALID)
