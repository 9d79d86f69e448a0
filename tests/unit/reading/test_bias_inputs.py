"""What the bias monitor reads: every kind of data set, as its configuration says, gives the same metrics."""

from __future__ import annotations

import json

import pandas as pd
import pyarrow as pa
import pytest
from tests.unit.reading.read_data_sets import ENGINE, read_quarantine

from spark_model_monitor.documents.analysis_config import AnalysisConfig
from spark_model_monitor.errors import BadConfiguration, BadInput
from spark_model_monitor.monitors.bias.bias_measures import BiasMeasures, build_plan
from spark_model_monitor.running.configuration.reading import build_config
from spark_model_monitor.running.configuration.sources import read_sources
from spark_model_monitor.running.kinds import create_monitor, read_source
from spark_model_monitor.running.runs.monitoring_run import run_baseline

ROWS = [
    {"sex": "FM"[row % 2], "age": 20 + row % 50, "y": int(row % 3 == 0), "p": int(row % 2 and row % 5 != 0)}
    for row in range(200)
]
for row in ROWS:
    row["score"] = 0.25 + row["p"] / 2

CONFIG = {
    "label_values_or_threshold": [1],
    "facet": [
        {"name_or_index": "sex", "value_or_threshold": ["F"]},
        {"name_or_index": "age", "value_or_threshold": [40]},
    ],
    "group_variable": "sex",
}
NAMES = ["sex", "age"]
HEADERS = [*NAMES, "y", "p", "score"]
OF_CSV = {"dataset_type": "text/csv", "headers": HEADERS, "label": 2, "predicted_label": 3}
OF_DOCUMENTS = {
    "dataset_type": "application/json",
    "features": "rows[*].f",
    "label": "rows[*].y",
    "predicted_label": "rows[*].p",
    "headers": NAMES,
}
OF_JSON = (
    "--set",
    "features_attribute=rows[*].f",
    "--inference-attribute",
    "out[*].p",
    "--ground-truth-attribute",
    "labels",
)
MERGED = ("--dataset-format", "merged")


def list_features(row):
    return [row[name] for name in NAMES]


def make_half(data, encoding):
    if encoding == "JSON":
        data = json.dumps(data)
    return {"data": data, "encoding": encoding}


def write_objects(folder, nest=dict):
    """Merged records of JSON whose members name the features. nest: makes the input of a row's features."""
    halves = [(nest({name: row[name] for name in NAMES}), {"p": row["p"]}, row["y"]) for row in ROWS]
    lines = []
    for number, (sent, answered, label) in enumerate(halves):
        capture = {"endpointInput": make_half(sent, "JSON"), "endpointOutput": make_half(answered, "JSON")}
        time = {"eventId": str(number), "inferenceTime": "2026-01-31T22:00:00Z"}
        truth = make_half(label, "JSON")
        lines.append(json.dumps({"captureData": capture, "eventMetadata": time, "groundTruthData": truth}))
    (folder / "data.jsonl").write_text("\n".join(lines) + "\n")


def write_csv(folder, header=True):
    lines = [",".join(map(str, row.values())) for row in ROWS]
    if header:
        lines.insert(0, ",".join(HEADERS))
    (folder / "data.csv").write_text("\n".join(lines) + "\n")


def write_json_lines(folder):
    lines = (json.dumps({"f": list_features(row), "label": row["y"], "out": {"p": row["p"]}}) for row in ROWS)
    (folder / "data.jsonl").write_text("\n".join(lines) + "\n")


def write_documents(folder):
    for number, part in enumerate((ROWS[:50], ROWS[50:])):
        rows = [{"f": list_features(row), "y": row["y"], "p": row["p"]} for row in part]
        (folder / f"{number}.json").write_text(json.dumps({"rows": rows}, indent=1))


def write_merged(folder, encoding="CSV", truth=True):
    lines = []
    for start in range(0, 200, 4):
        part = ROWS[start : start + 4]
        if encoding == "CSV":
            payloads = ["\n".join(f"{row['sex']},{row['age']}" for row in part)]
            payloads += ["\n".join(str(row[name]) for row in part) for name in ("score", "y")]
        else:
            payloads = [
                {"rows": [{"f": list_features(row)} for row in part]},
                {"out": [{"p": row["p"]} for row in part]},
            ]
            payloads += [{"labels": [row["y"] for row in part]}]
        sent, answered, labels = (make_half(payload, encoding) for payload in payloads)
        record = {
            "captureData": {"endpointInput": sent, "endpointOutput": answered},
            "eventMetadata": {"eventId": str(start), "inferenceTime": "2026-01-31T22:00:00Z"},
        }
        if truth:
            record["groundTruthData"] = labels
        lines.append(json.dumps(record))
    (folder / "data.jsonl").write_text("\n".join(lines) + "\n")


def make_config(folder, *flags, **members):
    path = folder.parent / "analysis_config.json"
    path.write_text(json.dumps({**CONFIG, **members}))
    output_path = str(folder.parent / "out")
    arguments = ["--analysis-type", "MODEL_BIAS", "--analysis-config", str(path), "--set=flip_test=no"]
    arguments += ["--dataset-source", str(folder), "--output-path", output_path, *flags]
    return build_config("baseline", read_sources(arguments, {}), in_container=False)


def analyse(folder, *flags, engine=ENGINE, **members):
    """The dictionary of analysis.json, and the ledger."""
    config = make_config(folder, *flags, **members)
    share = config.max_quarantined_share
    with read_source(engine, config) as dataset:
        run = run_baseline(dataset, create_monitor(config), max_quarantined_share=share, output_path=config.output_path)
    return run.constraints.body_dict, run.ledger


def read_values(report):
    return {
        (part, facet, group["value_or_threshold"], metric["name"]): metric["value"]
        for part in ("pre_training_bias_metrics", "post_training_bias_metrics")
        for facet, groups in report[part]["facets"].items()
        for group in groups
        for metric in group["metrics"]
    }


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """The metrics of the CSV file with a header."""
    folder = tmp_path_factory.mktemp("csv") / "data"
    folder.mkdir()
    write_csv(folder)
    return read_values(analyse(folder, label="y", predicted_label="p", dataset_type="text/csv")[0])


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


def test_the_expected_metrics_are_some(expected):
    # 100 women and 100 men; men with p: row odd and not a multiple of 5: 80 of 100; women: none
    assert expected["post_training_bias_metrics", "sex", "F", "DPPL"] == pytest.approx(0.8)
    assert expected["pre_training_bias_metrics", "age", "(40, 69]", "CI"] == pytest.approx((84 - 116) / 200)


def write_in_another_order(folder):
    lines = ["p, age,score,sex ,y", *(f"{r['p']},{r['age']},{r['score']},{r['sex']},{r['y']}" for r in ROWS)]
    (folder / "data.csv").write_text("\n".join(lines) + "\n")


def write_parquet(folder):
    pd.DataFrame(ROWS).to_parquet(folder / "data.parquet")


KINDS = {
    "headers as the first line": (write_csv, (), OF_CSV, 200),
    "headers in the configuration only": (lambda folder: write_csv(folder, header=False), (), OF_CSV, 200),
    "a header in another order": (write_in_another_order, (), OF_CSV, 200),
    "probabilities above the threshold": (
        write_csv,
        ("--probability-attribute", "score"),
        {"dataset_type": "text/csv", "label": "y"},
        200,
    ),
    "Parquet has its own names": (
        write_parquet,
        (),
        {"dataset_type": "application/x-parquet", "label": "y", "predicted_label": "p"},
        200,
    ),
    "JSON Lines by paths": (
        write_json_lines,
        (),
        {
            "dataset_type": "application/jsonlines",
            "features": "f",
            "label": "label",
            "predicted_label": "out.p",
            "headers": [*NAMES, "y", "p"],
        },
        200,
    ),
    "documents of many rows": (write_documents, (), OF_DOCUMENTS, 2),
    "merged records of CSV": (write_merged, MERGED, {"headers": NAMES}, 50),
    "merged records of JSON with names": (write_objects, (*MERGED, "--inference-attribute", "p"), {}, 200),
    "merged records of JSON": (
        lambda folder: write_merged(folder, "JSON"),
        (*MERGED, *OF_JSON),
        {"headers": NAMES},
        50,
    ),
}


@pytest.mark.parametrize(("write", "flags", "members", "records"), KINDS.values(), ids=KINDS)
def test_every_kind_of_data_set_gives_the_same_metrics(folder, expected, write, flags, members, records):
    write(folder)

    report, ledger = analyse(folder, *flags, **members)

    assert read_values(report) == expected
    assert (ledger.read, ledger.kept_rows) == (records, 200)


@pytest.mark.parametrize(
    ("nest", "members"),
    [
        pytest.param(lambda row: {"row": row}, {}, id="members of a member"),
        pytest.param(lambda row: {"instances": [row]}, {}, id="members of a list's object"),
        pytest.param(lambda row: {**row, "label": 3}, {}, id="the label's own name"),
        pytest.param(lambda row: {"sex": 1, "age": [*row.values()]}, {"features": "age"}, id="a path"),
    ],
)
def test_names_in_records_that_are_not_those_of_all_features_name_no_column(folder, nest, members):
    write_objects(folder, nest)

    with pytest.raises(BadConfiguration, match="'sex', which is no column of the data; the columns are column_0, "):
        analyse(folder, *MERGED, "--inference-attribute", "p", **members)


def write_apart(folder, rows=ROWS, key=None):
    """Facets and predictions in files of their own; with a key each of them in another order. The members that name them."""
    labels = [f"{row['y']},{row['age']}" for row in ROWS]
    facets = [row["sex"] for row in rows]
    scores = [str(row["score"]) for row in rows]
    names = []
    members = {}
    if key:
        names = [key]
        members = {"joinsource_name_or_index": key, "predicted_label": "p"}
        labels = [f"{line},k{number}" for number, line in enumerate(labels)]
        facets = [f"k{number},{line}" for number, line in enumerate(facets)][::-1]
        scores = [f"k{number},{line}" for number, line in enumerate(scores)]
        scores = [*scores[50:], *scores[:50]]
    (folder / "data.csv").write_text("\n".join(labels) + "\n")
    (folder.parent / "facets.csv").write_text("\n".join(facets) + "\n")
    (folder.parent / "scores.csv").write_text("\n".join(scores) + "\n")
    return {
        "dataset_type": "text/csv",
        "headers": ["y", "age", *names],
        "label": "y",
        "facet_dataset_uri": str(folder.parent / "facets.csv"),
        "facet_headers": [*names, "sex"],
        "predicted_label_dataset_uri": str(folder.parent / "scores.csv"),
        "predicted_label_headers": [*names, "p"],
        "probability_threshold": 0.5,
        **members,
    }


@pytest.mark.parametrize("key", [None, "id"], ids=["by place", "by the join source"])
def test_facets_and_scores_in_data_sets_of_their_own_are_joined(folder, expected, key):
    assert read_values(analyse(folder, **write_apart(folder, key=key))[0]) == expected


def test_the_first_column_joins_data_sets_that_call_it_otherwise(folder, expected):
    members = write_apart(folder, key="id")
    lines = [line.split(",") for line in (folder / "data.csv").read_text().splitlines()]
    (folder / "data.csv").write_text("".join(f"{key},{label},{age}\n" for label, age, key in lines))
    members |= {"headers": ["id", "y", "age"], "facet_headers": ["client", "sex"], "joinsource_name_or_index": 0}

    assert read_values(analyse(folder, **members)[0]) == expected


def test_rows_without_a_partner_are_left_out(folder):
    assert analyse(folder, **write_apart(folder, ROWS[:150], "id"))[1].kept == 150


def test_rows_without_a_join_value_have_no_partner_in_any_data_set(folder, expected):
    members = write_apart(folder, key="id")
    for file, line in ((folder / "data.csv", "1,30,"), (folder.parent / "facets.csv", ",F")):
        file.write_text(file.read_text() + 2 * f"{line}\n")

    analysis, rows = analyse(folder, **members)

    assert rows.kept == len(ROWS)
    assert read_values(analysis) == expected


@pytest.mark.parametrize("missing", ["", "NaN", "nan"])
def test_a_missing_score_is_a_missing_label(folder, missing):
    members = write_apart(folder)
    scores = folder.parent / "scores.csv"
    lines = scores.read_text().splitlines()
    scores.write_text("\n".join([f'"{missing}"', *lines[1:]]) + "\n")

    with read_source(ENGINE, make_config(folder, **members)) as dataset:
        labels = pa.Table.from_batches(dataset.table.batches()).column(dataset.names.index("p")).to_pylist()

    assert labels == [None, *(str(int(float(line) > 0.5)) for line in lines[1:])]


def test_a_facet_of_another_data_set_is_no_feature(folder):
    excluded = BiasMeasures(AnalysisConfig(**{**CONFIG, **write_apart(folder)}), "y", "p")

    assert build_plan(excluded, ("y", "age", "sex", "p")).not_features == ("sex",)


@pytest.mark.parametrize(
    ("lines", "key", "sentence"),
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
def test_rows_that_cannot_be_distinguished_to_belong_together_are_a_sentence(folder, lines, key, sentence):
    members = write_apart(folder, key=key)
    (folder.parent / "facets.csv").write_text("\n".join(lines) + "\n")

    with pytest.raises(BadInput, match=sentence):
        analyse(folder, **members)


def test_several_files_need_a_join_source(folder):
    members = write_apart(folder)
    (folder / "more.csv").write_text("1,30\n")

    with pytest.raises(BadConfiguration, match="several files has no order of rows; name the column .* as joinsource"):
        analyse(folder, **members)


def test_a_record_or_document_that_does_not_fit_is_counted_and_put_aside_whole(folder):
    write_documents(folder)
    (folder / "2.json").write_text('{\n"rows": [\n')
    _, ledger = analyse(folder, "--max-quarantined-share", "0.5", **OF_DOCUMENTS)

    assert ledger.refused == {"not a JSON object": 1}
    [record] = read_quarantine(folder.parent / "out")
    assert record["file"].endswith("2.json")
    (folder / "2.json").write_text("")
    write_merged(folder)
    with (folder / "data.jsonl").open("a") as file:
        file.write('{"captureData": {}}\n')
    for number in (0, 1):
        (folder / f"{number}.json").unlink()
    _, ledger = analyse(folder, *MERGED, "--max-quarantined-share", "0.1", headers=NAMES)
    assert ledger.refused == {"no captured data": 1}


@pytest.mark.parametrize(
    ("write", "flags", "members", "sentence"),
    [
        (
            write_csv,
            (),
            {**OF_CSV, "headers": [*NAMES, "y", "p", "probability"]},
            "headers names 'probability', which the header line of .*csv lacks; write",
        ),
        (
            write_merged,
            MERGED,
            {"headers": HEADERS},
            "headers has 5 names, and a record has 2 features; write 2 names, or 4",
        ),
        (
            lambda folder: write_merged(folder, "JSON"),
            (*MERGED, "--set", "features_attribute=nowhere"),
            {"headers": NAMES},
            "none of the first records can be read.*--set features_attribute=PATH",
        ),
    ],
)
def test_names_that_the_data_does_not_have_are_a_sentence(folder, write, flags, members, sentence):
    write(folder)

    with pytest.raises((BadConfiguration, BadInput), match=sentence):
        analyse(folder, *flags, **members)
