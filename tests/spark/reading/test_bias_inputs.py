"""What the bias monitor reads: every kind of data set, as its configuration says, gives the same metrics."""

from __future__ import annotations

import json

import pytest

from spark_model_monitor.data.engine.local_engine import LocalEngine
from spark_model_monitor.documents.analysis_config import AnalysisConfig
from spark_model_monitor.errors import BadConfiguration, BadInput
from spark_model_monitor.monitors.bias.bias_measures import BiasMeasures, build_plan
from spark_model_monitor.running.configuration.reading import build_config, read_sources
from spark_model_monitor.running.kinds import monitor_for, read_source
from spark_model_monitor.running.runs.monitoring_run import run_baseline
from spark_model_monitor.spark.engine.spark import SparkEngine

ROWS = [
    {
        "sex": "FM"[row % 2],
        "age": 20 + row % 50,
        "y": int(row % 3 == 0),
        "p": int(row % 2 and row % 5 != 0),
        "score": 0.9,
    }
    for row in range(200)
]
for row in ROWS:
    row["score"] = 0.75 if row["p"] else 0.25

CONFIG = {
    "label_values_or_threshold": [1],
    "facet": [
        {"name_or_index": "sex", "value_or_threshold": ["F"]},
        {"name_or_index": "age", "value_or_threshold": [40]},
    ],
    "group_variable": "sex",
}
NAMES = ["sex", "age"]


def features(row):
    return [row[name] for name in NAMES]


def half(data, encoding):
    return {"data": data if isinstance(data, str) else json.dumps(data), "encoding": encoding}


def write_csv(folder, header=True):
    lines = ["sex,age,y,p,score"] if header else []
    lines += [",".join(map(str, row.values())) for row in ROWS]
    (folder / "data.csv").write_text("\n".join(lines) + "\n")


def write_json_lines(folder):
    lines = (json.dumps({"f": features(row), "label": row["y"], "out": {"p": row["p"]}}) for row in ROWS)
    (folder / "data.jsonl").write_text("\n".join(lines) + "\n")


def write_documents(folder):
    for number, part in enumerate((ROWS[:50], ROWS[50:])):
        rows = [{"f": features(row), "y": row["y"], "p": row["p"]} for row in part]
        (folder / f"{number}.json").write_text(json.dumps({"rows": rows}, indent=1))


def write_merged(folder, encoding="CSV", truth=True):
    lines = []
    for start in range(0, 200, 4):
        part = ROWS[start : start + 4]
        if encoding == "CSV":
            halves = {
                "endpointInput": half("\n".join(f"{row['sex']},{row['age']}" for row in part), "CSV"),
                "endpointOutput": half("\n".join(str(row["score"]) for row in part), "CSV"),
            }
            labels = half("\n".join(str(row["y"]) for row in part), "CSV")
        else:
            halves = {
                "endpointInput": half({"rows": [{"f": features(row)} for row in part]}, "JSON"),
                "endpointOutput": half({"out": [{"p": row["p"]} for row in part]}, "JSON"),
            }
            labels = half({"labels": [row["y"] for row in part]}, "JSON")
        record = {
            "captureData": halves,
            "eventMetadata": {"eventId": str(start), "inferenceTime": "2026-01-31T22:00:00Z"},
        }
        lines.append(json.dumps({**record, "groundTruthData": labels} if truth else record))
    (folder / "data.jsonl").write_text("\n".join(lines) + "\n")


def analysed(spark, folder, *flags, engine=None, **members):
    """The dictionary of analysis.json, and the ledger."""
    path = folder.parent / "analysis_config.json"
    path.write_text(json.dumps({**CONFIG, **members}))
    arguments = ["--analysis-type", "MODEL_BIAS", "--analysis-config", str(path), "--no-flip-test"]
    arguments += ["--dataset-source", str(folder), "--output-path", str(folder.parent / "out"), *flags]
    config = build_config("baseline", read_sources(arguments, {}), in_container=False)
    monitor = monitor_for(config)
    with read_source(engine or SparkEngine(spark), config) as dataset:
        run = run_baseline(dataset, monitor, max_quarantined_share=config.max_quarantined_share)
    return run.constraints.body_dict, run.ledger


def values_in(report):
    return {
        (part, facet, group["value_or_threshold"], metric["name"]): metric["value"]
        for part in ("pre_training_bias_metrics", "post_training_bias_metrics")
        for facet, groups in report[part]["facets"].items()
        for group in groups
        for metric in group["metrics"]
    }


@pytest.fixture(scope="module")
def expected(spark, tmp_path_factory):
    """The metrics of the CSV file with a header."""
    folder = tmp_path_factory.mktemp("csv") / "data"
    folder.mkdir()
    write_csv(folder)
    return values_in(analysed(spark, folder, label="y", predicted_label="p", dataset_type="text/csv")[0])


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


def test_the_expected_metrics_are_some(expected):
    # 100 women and 100 men; men with p: row odd and not a multiple of 5: 80 of 100; women: none
    assert expected["post_training_bias_metrics", "sex", "F", "DPPL"] == pytest.approx(0.8)
    assert expected["pre_training_bias_metrics", "age", "(40, 69]", "CI"] == pytest.approx((84 - 116) / 200)


HEADERS = [*NAMES, "y", "p", "score"]


@pytest.mark.parametrize(
    "header", [True, False], ids=["headers as the first line", "headers in the configuration only"]
)
def test_csv_is_called_by_the_configuration(spark, folder, expected, header):
    write_csv(folder, header)

    report, ledger = analysed(spark, folder, dataset_type="text/csv", headers=HEADERS, label=2, predicted_label=3)

    assert values_in(report) == expected
    assert ledger.kept == 200


def test_a_header_in_another_order_is_found_by_its_names(spark, folder, expected):
    lines = ["p, age,score,sex ,y", *(f"{r['p']},{r['age']},{r['score']},{r['sex']},{r['y']}" for r in ROWS)]
    (folder / "data.csv").write_text("\n".join(lines) + "\n")

    report, ledger = analysed(spark, folder, dataset_type="text/csv", headers=HEADERS, label=2, predicted_label=3)

    assert values_in(report) == expected
    assert ledger.kept == 200


def test_a_header_that_lacks_a_name_is_a_sentence(spark, folder):
    write_csv(folder)
    headers = [*NAMES, "y", "p", "probability"]

    with pytest.raises(
        BadConfiguration, match="headers names 'probability', which the header line of .*csv lacks; write"
    ):
        analysed(spark, folder, dataset_type="text/csv", headers=headers, label=2, predicted_label=3)


def test_a_column_of_probabilities_predicts_by_its_threshold(spark, folder, expected):
    write_csv(folder)
    flags = ("--probability-attribute", "score")

    assert values_in(analysed(spark, folder, *flags, dataset_type="text/csv", label="y")[0]) == expected
    none = analysed(
        spark, folder, *flags, "--probability-threshold-attribute", "0.9", dataset_type="text/csv", label="y"
    )[0]
    assert values_in(none)["post_training_bias_metrics", "sex", "F", "DPPL"] is None


def write_apart(folder, rows=ROWS, key=None):
    """Facets and predictions in files of their own; with a key each of them in another order. The members that name them."""
    label = [f"{row['y']},{row['age']}" + (f",k{number}" if key else "") for number, row in enumerate(ROWS)]
    (folder / "data.csv").write_text("\n".join(label) + "\n")
    numbered = [f"k{number}," if key else "" for number in range(len(rows))]
    facets = [f"{prefix}{row['sex']}" for prefix, row in zip(numbered, rows, strict=True)]
    scores = [f"{prefix}{row['score']}" for prefix, row in zip(numbered, rows, strict=True)]
    (folder.parent / "facets.csv").write_text("\n".join(facets[::-1] if key else facets) + "\n")
    (folder.parent / "scores.csv").write_text("\n".join([*scores[50:], *scores[:50]] if key else scores) + "\n")
    names = [key] if key else []
    return {
        "dataset_type": "text/csv",
        "headers": ["y", "age", *names],
        "label": "y",
        "facet_dataset_uri": str(folder.parent / "facets.csv"),
        "facet_headers": [*names, "sex"],
        "predicted_label_dataset_uri": str(folder.parent / "scores.csv"),
        "predicted_label_headers": [*names, "p"],
        "probability_threshold": 0.5,
    } | ({"joinsource_name_or_index": key, "predicted_label": "p"} if key else {})


@pytest.mark.parametrize("is_local", [True, False], ids=["local", "Spark"])
@pytest.mark.parametrize("key", [None, "id"], ids=["by place", "by the join source"])
def test_facets_and_scores_in_data_sets_of_their_own_are_joined(spark, folder, expected, key, is_local):
    members = write_apart(folder, key=key)

    assert values_in(analysed(spark, folder, engine=LocalEngine() if is_local else None, **members)[0]) == expected


def test_rows_without_a_partner_are_left_out(folder):
    _, ledger = analysed(None, folder, engine=LocalEngine(), **write_apart(folder, ROWS[:150], "id"))

    assert ledger.kept == 150


def test_a_facet_of_another_data_set_is_no_feature(folder):
    excluded = BiasMeasures(AnalysisConfig(**{**CONFIG, **write_apart(folder)}), "y", "p")

    assert build_plan(excluded, ("y", "age", "sex", "p")).not_features == ("sex",)


@pytest.mark.parametrize(
    ("lines", "key", "said"),
    [
        (
            ["F"] * 199,
            None,
            "facet_dataset_uri has 199 rows and the data set 200, which belong together by their place",
        ),
        (["k1,F", "k1,M"], "id", "facet_dataset_uri: column 'id', which rows are joined by, has a value twice"),
        (["k1,F", "k2"], "id", "facet_dataset_uri: 1 of its lines can't be read, and joined rows need all of them"),
    ],
)
def test_rows_that_cannot_be_distinguished_to_belong_together_are_a_sentence(folder, lines, key, said):
    members = write_apart(folder, key=key)
    (folder.parent / "facets.csv").write_text("\n".join(lines) + "\n")

    with pytest.raises(BadInput, match=said):
        analysed(None, folder, engine=LocalEngine(), **members)


def test_several_files_need_a_join_source(folder):
    members = write_apart(folder)
    (folder / "more.csv").write_text("1,30\n")

    with pytest.raises(BadConfiguration, match="several files has no order of rows; name the column .* as joinsource"):
        analysed(None, folder, engine=LocalEngine(), **members)


def test_parquet_has_its_own_names(spark, folder, expected):
    spark.createDataFrame(ROWS).write.mode("overwrite").parquet(str(folder))

    report, _ = analysed(spark, folder, dataset_type="application/x-parquet", label="y", predicted_label="p")

    assert values_in(report) == expected


def test_json_lines_are_taken_apart_by_paths(spark, folder, expected):
    write_json_lines(folder)
    paths = {"features": "f", "label": "label", "predicted_label": "out.p", "headers": [*NAMES, "y", "p"]}

    report, _ = analysed(spark, folder, dataset_type="application/jsonlines", **paths)

    assert values_in(report) == expected
    assert report["pre_training_bias_metrics"]["label"] == "y"


def test_json_documents_hold_many_rows(spark, folder, expected):
    write_documents(folder)
    paths = {"features": "rows[*].f", "label": "rows[*].y", "predicted_label": "rows[*].p", "headers": NAMES}

    report, ledger = analysed(spark, folder, dataset_type="application/json", **paths)

    assert values_in(report) == expected
    assert (ledger.read, ledger.kept_rows) == (2, 200)


@pytest.mark.parametrize("encoding", ["CSV", "JSON"])
def test_merged_records_hold_several_rows(spark, folder, expected, encoding):
    write_merged(folder, encoding)
    flags = ["--dataset-format", "merged"]
    if encoding == "JSON":
        flags += ["--features-attribute", "rows[*].f", "--inference-attribute", "out[*].p"]
        flags += ["--ground-truth-attribute", "labels"]

    report, ledger = analysed(spark, folder, *flags, headers=NAMES)

    assert values_in(report) == expected
    assert (ledger.read, ledger.kept_rows) == (50, 200)


def test_captured_records_may_have_the_label_among_their_features(spark, folder):
    write_merged(folder, truth=False)
    flags = ("--dataset-format", "capture", "--probability-attribute", "0")

    report, _ = analysed(spark, folder, *flags, headers=NAMES, label="age", label_values_or_threshold=[30])

    assert report["pre_training_bias_metrics"]["label_value_or_threshold"] == "(30, 69]"


def test_a_record_that_does_not_fit_is_counted_and_put_aside(spark, folder):
    write_merged(folder)
    with (folder / "data.jsonl").open("a") as file:
        file.write('{"captureData": {}}\n')

    _, ledger = analysed(spark, folder, "--dataset-format", "merged", "--max-quarantined-share", "0.1", headers=NAMES)

    assert ledger.refused == {"no captured data": 1}


def test_a_document_that_does_not_fit_is_put_aside_whole(spark, folder):
    write_documents(folder)
    (folder / "2.json").write_text('{\n"rows": [\n')
    paths = {"features": "rows[*].f", "label": "rows[*].y", "predicted_label": "rows[*].p", "headers": NAMES}
    config = folder.parent / "analysis_config.json"
    config.write_text(json.dumps({**CONFIG, **paths, "dataset_type": "application/json"}))
    arguments = ["--analysis-type", "MODEL_BIAS", "--analysis-config", str(config), "--dataset-source", str(folder)]
    arguments += ["--output-path", str(folder.parent / "out"), "--no-flip-test"]
    job = build_config("baseline", read_sources(arguments, {}), in_container=False)

    with read_source(SparkEngine(spark), job) as dataset:
        run = run_baseline(dataset, monitor_for(job), max_quarantined_share=0.5, output_path=str(folder.parent / "out"))

    assert run.ledger.refused == {"not a JSON object": 1}
    [quarantine_file] = (folder.parent / "out" / "quarantine").glob("*.jsonl")
    assert "2.json" in quarantine_file.read_text()


def test_headers_of_another_number_are_a_sentence(spark, folder):
    write_merged(folder)

    with pytest.raises(BadConfiguration, match="headers has 5 names, and a record has 2 features; write 2 names, or 4"):
        analysed(spark, folder, "--dataset-format", "merged", headers=HEADERS)


def test_paths_that_find_nothing_are_a_sentence(spark, folder):
    write_merged(folder, "JSON")

    with pytest.raises(BadInput, match="none of the first records can be read.*--features-attribute"):
        analysed(spark, folder, "--dataset-format", "merged", "--features-attribute", "nowhere", headers=NAMES)
