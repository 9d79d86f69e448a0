"""Jobs that can't go on: each ends with one sentence, which its message file has, with its status and without documents."""

import json

import pandas as pd
import pytest
from tests.running_jobs import JobsHere
from tests.unit.records.merged_lines import encode_line, merged

CSV = "--dataset-format csv"
BASELINE = f"baseline {CSV} --dataset-source"
MONITOR = f"monitor {CSV} --dataset-source people.csv --baseline"
THRESHOLD = f"{MONITOR} people --threshold"
HOUR = "--start-time 2022-04-18T00:00:00Z --end-time 2022-04-18T01:00:00Z"
FUTURE = "--start-time 2031-01-01T00:00:00Z --end-time 2031-01-01T01:00:00Z"
OF_TIMES = "monitor --dataset-format parquet --dataset-source timed.parquet --time-column at --baseline previous"
CAPTURES = f"--dataset-source captures --dataset-format capture {HOUR}"

BINARY = "--problem-type BinaryClassification"
QUALITY = f"monitor --analysis-type MODEL_QUALITY {BINARY} --probability-attribute 0 --baseline quality"
OF_TABLE = f"{QUALITY} {CSV} --dataset-source scored.csv"
OF_RECORDS = f"{QUALITY} --dataset-format merged --dataset-source"
ESTIMATE = f"monitor --analysis-type ESTIMATED_QUALITY {BINARY} {CAPTURES} --inference-attribute 0"
OF_SCORES = f"{ESTIMATE} --probability-attribute 0"
NUMBERS = f"monitor {CAPTURES} --analysis-type ESTIMATED_QUALITY --problem-type Regression --inference-attribute 0"
LEARN = (
    f"{BASELINE} scored.csv --analysis-type MODEL_QUALITY --ground-truth-attribute churned --learn-errors errors.skops"
)
BIAS = f"{BASELINE} scored.csv --analysis-type MODEL_BIAS --analysis-config"
EXPLAIN = f"{BASELINE} scored.csv --analysis-type MODEL_EXPLAINABILITY --analysis-config"
MERGE = "merge --dataset-source captures --ground-truth-source"

FACET = {"name_or_index": "score", "value_or_threshold": [0.5]}
OF_LABEL = {"dataset_type": "text/csv", "label": "churned", "label_values_or_threshold": [1], "facet": [FACET]}
CONFIGS = {
    "unknown": OF_LABEL | {"lable": "y"},
    "headers": OF_LABEL | {"headers": ["a", "b", "c"]},
    "shap": {"dataset_type": "text/csv", "label": "churned", "methods": {"shap": {"baseline": [[0.5]]}}},
    "rows": {"dataset_type": "text/csv", "label": "churned", "methods": {"shap": {"baseline": [[1, 2]]}}},
}
"""Of bias and of attributions."""

SCRIPTS = {
    "raises": "    raise ValueError(line)",
    "raises_once": "    if line == '2':\n        raise ValueError(line)\n    return {'line': line}",
}
REFUSED = "Exception while invoking preprocessor script."


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Data in which something is wrong, and baselines of what is right."""
    top = tmp_path_factory.mktemp("jobs")
    (top / "empty").mkdir()
    (top / "people.csv").write_text("age,plan\n" + "".join(f"{20 + row % 50},basic\n" for row in range(200)))
    (top / "scored.csv").write_text("churned,score\n" + "".join(f"{row % 2},0.{row % 9}\n" for row in range(60)))
    (top / "ragged.csv").write_text("age,plan\n1,a\n2\n3\n")
    (top / "twice.csv").write_text("age,plan,age\n1,a,2\n")
    minutes = pd.date_range("2022-04-18", periods=60, freq="min")
    pd.DataFrame({"at": minutes, "age": range(60)}).to_parquet(top / "timed.parquet")
    (top / "latin.csv").write_bytes("größe,plan\n1,a\n".encode("latin-1"))
    # Scripts and configurations
    (top / "scoring.py").write_text("def score(frame):\n    return frame['score']\n")
    for name, body in SCRIPTS.items():
        (top / f"{name}.py").write_text(f"def preprocess_handler(line):\n{body}\n")
    for name, config in CONFIGS.items():
        (top / f"{name}.json").write_text(json.dumps(config))
    # Records of an hour
    records = {
        "captures/churn/AllTraffic/2022/04/18/00": [merged(None, "0.5")] * 2,
        "labels/2022/04/18/00": [{**merged("1"), "captureData": None}],
        "others/2022/04/18/00": [{**merged("1"), "captureData": None, "eventMetadata": {"eventId": "x"}}],
        "json-labels": [merged('{"label": 1}', "0.5", label_encoding="JSON")] * 2,
    }
    for name, lines in records.items():
        (top / name).mkdir(parents=True)
        (top / name / "a.jsonl").write_text("".join(encode_line(record) + "\n" for record in lines))
    # Baselines
    run = JobsHere(top)
    columns = "--probability-attribute score --ground-truth-attribute churned"
    quality = f"{BASELINE} scored.csv --analysis-type MODEL_QUALITY {BINARY} {columns}"
    for words, run_folder in ((f"{BASELINE} people.csv", "people"), (quality, "quality")):
        assert run(*words.split(), "--engine", "local", "--output-path", run_folder).status == 0
    return top


@pytest.mark.parametrize(
    ("words", "status", "sentences"),
    [
        # Data that is not there, which may come, or not what it is called
        (f"{BASELINE} nowhere", 255, ["nowhere: there is no such file or directory"]),
        (f"{BASELINE} empty", 3, ["Job inputs had no data"]),
        (f"{BASELINE} ragged.csv", 2, ["2 of 3 records were refused"]),
        (f"{BASELINE} people.csv --dataset-format parquet", 2, ["can't be read as parquet"]),
        (f"{BASELINE} twice.csv", 2, ["columns 1 and 3 are both called 'age'"]),
        (
            f"{OF_TIMES} {FUTURE}",
            3,
            ["no row is in the window; look at the times of 'at', and write a window of them, by --start-time"],
        ),
        (f"{BASELINE} latin.csv", 2, ["line 1 is not UTF-8"]),
        (f"{BASELINE} people.csv --record-preprocessor-script raises.py", 1, [REFUSED]),
        (
            f"{BASELINE} ragged.csv --record-preprocessor-script raises_once.py",
            1,
            [f"{REFUSED} 1 of 4 records were refused (script error: 1)"],
        ),
        # Flags, all at once and before any data is read
        (
            "baseline --dataset-source nowhere --dataset-format cvs --comparison-threshold 95 --max-domain-size=-1",
            2,
            ["--dataset-format", "--comparison-threshold", "--max-domain-size"],
        ),
        (f"{BASELINE} people.csv --false-alarm-budget 0", 2, ["--false-alarm-budget is '0'; it has to be above 0"]),
        (f"{MONITOR} people --columns exakt", 2, ["columns is 'exakt'; did you mean exact? it is one of: name, exact"]),
        (
            f"{MONITOR} people --columns name --compat service",
            2,
            ["compat is 'service', which means exact; leave one of them out"],
        ),
        (f"{THRESHOLD} plan=much", 2, ["--threshold has 'plan=much'; write FEATURE=NUMBER"]),
        (f"{THRESHOLD} plan=-1", 2, ["--threshold: plan: baseline_drift_check is -1.0; write a number, 0 or more"]),
        (f"{THRESHOLD} plam=0.1", 2, ["no feature 'plam' among its 2; did you mean 'plan'"]),
        (f"{MONITOR} people --thresholds nowhere.json", 2, ["--thresholds: nowhere.json"]),
        # A baseline or a window
        (f"monitor {CSV} --dataset-source people.csv", 2, ["no baseline is named; write --baseline PATH"]),
        (f"{MONITOR} nowhere", 2, ["there is neither a run of ours nor a constraints.json"]),
        (f"{MONITOR} quality", 2, ["the constraints.json of a model-quality job"]),
        (f"{MONITOR} people --start-time 2026-02-01T00:00:00Z", 2, ["end_time is missing"]),
        (f"monitor {CAPTURES} {FUTURE} --baseline people", 3, ["Job inputs had no data"]),
        # Model quality
        (
            f"{BASELINE} scored.csv --analysis-type MODEL_QUALITY",
            2,
            [
                "problem_type is missing; write one of: BinaryClassification, MulticlassClassification, Regression",
                "inference_attribute and probability_attribute are both missing",
            ],
        ),
        (f"{QUALITY} {CAPTURES}", 2, ["captured records have no labels; run the merge job on them"]),
        (OF_TABLE, 2, ["ground_truth_attribute is missing; name the column of the label"]),
        (
            f"{OF_TABLE} --ground-truth-attribute churn",
            2,
            ["ground_truth_attribute is 'churn', which is no column of the data; did you mean 'churned'?"],
        ),
        (
            f"{OF_RECORDS} json-labels",
            2,
            ["2 of 2 records were refused (a JSON label without ground_truth_attribute: 2)"],
        ),
        (f"{OF_RECORDS} captures", 2, ["2 of 2 records were refused (no label: 2)"]),
        (f"{OF_RECORDS} captures {FUTURE}", 3, ["Job inputs had no data"]),
        # Estimates
        (f"{ESTIMATE} --baseline quality", 2, ["probability_attribute is missing; an estimate is made of scores"]),
        (f"{OF_SCORES} --baseline nowhere", 2, ["nowhere: there is neither a run of ours"]),
        (f"{OF_SCORES} --set cost_matrix=win=4", 2, ["--set cost_matrix has 'win=4'; write what outcomes are worth"]),
        (f"{OF_SCORES} --compat service", 2, ["the service has no ESTIMATED_QUALITY"]),
        (f"{NUMBERS} --baseline quality", 2, ["an estimate of predicted numbers takes a table"]),
        (f"{LEARN} {BINARY} --inference-attribute score", 2, ["errors are learnt of predicted numbers in a table"]),
        (f"{LEARN} --problem-type Regression --inference-attribute other", 2, ["inference_attribute is 'other'"]),
        (f"{LEARN} --problem-type Regression --inference-attribute score", 2, ["to learn errors takes 100"]),
        # Bias and attributions
        (f"{BIAS} unknown.json", 2, ["lable is unknown; did you mean label?"]),
        (f"{BIAS} headers.json", 2, ["headers has 3 names"]),
        (f"{EXPLAIN} shap.json", 2, ["model is missing; write --model"]),
        (f"{EXPLAIN} shap.json --model scoring:absent", 2, ["has no function 'absent'"]),
        (f"{EXPLAIN} rows.json --model scoring:score", 2, ["2 values, and there are 1 features"]),
        # A merge
        (f"{MERGE} others", 2, ["none of 1 labels has the id of one of 2 captures"]),
        (f"{MERGE} empty", 3, ["Job inputs had no data: empty has no file that"]),
        (
            f"{MERGE} labels {FUTURE}",
            3,
            ["Job inputs had no data: captures has no file for 2031-01-01T00:00:00Z to 2031-01-01T01:00:00Z"],
        ),
    ],
)
def test_a_failure_is_one_sentence_and_its_exit_status(folder, tmp_path, words, status, sentences):
    finished = JobsHere(folder)(*words.split(), "--engine", "local", "--output-path", tmp_path / "out")

    assert finished.status == status, finished.said
    for sentence in sentences:
        assert sentence in finished.said.replace("\n", " ")
    assert "Traceback" not in finished.said
    assert (tmp_path / "out" / "message").read_text().startswith("Error: ")
    assert [path.name for path in (tmp_path / "out").glob("*.json")] == []
    assert not (folder / "errors.skops").exists()


def test_as_the_service_a_fault_of_a_file_has_the_status_of_any_other(folder, tmp_path):
    words = f"{BASELINE} latin.csv --compat service --engine local".split()

    assert JobsHere(folder)(*words, "--output-path", tmp_path / "out").status == 255


def test_a_place_that_can_not_be_written_is_a_sentence(folder):
    finished = JobsHere(folder)(*f"{BASELINE} people.csv --engine local --output-path people.csv".split())

    assert finished.status == 255
    assert "can't be written" in finished.said
