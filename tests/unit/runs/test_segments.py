"""Segments by the command, of features and of a model: columns by which no window, or no baseline, can be cut."""

import json

import numpy as np
import pandas as pd
import pytest
from tests.entries import read_checks
from tests.running_jobs import JobsHere
from tests.unit.records.merged_lines import merged

ROWS = 1_200
LOCAL = ("--engine", "local")
OF_MODEL = (
    *("--analysis-type", "MODEL_QUALITY", "--problem-type", "BinaryClassification"),
    *("--ground-truth-attribute", "label", "--inference-attribute", "prediction"),
)
KINDS = {"features": (), "model": OF_MODEL}


def rows(seed):
    random = np.random.default_rng(seed)
    label = random.random(ROWS) < 0.4
    columns = {"plan": random.choice(["basic", "secret"], ROWS), "size": random.integers(1, 4, ROWS)}
    columns |= {"label": label.astype(int), "prediction": (label ^ (random.random(ROWS) < 0.1)).astype(int)}
    return pd.DataFrame(columns)


@pytest.fixture(scope="module")
def jobs(tmp_path_factory):
    """Jobs in a folder with a baseline of each kind, cut by plan and by size."""
    jobs = JobsHere(tmp_path_factory.mktemp("jobs"))
    rows(1).to_csv(jobs.folder / "rows.csv", index=False)
    for kind, flags in KINDS.items():
        baseline_job = jobs(
            "baseline", "--dataset-source", "rows.csv", "--segments", "plan,size", "--output-path", kind, *flags, *LOCAL
        )
        assert baseline_job.status == 0, baseline_job.said
    return jobs


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("window", "sentence"),
    [
        pytest.param(
            lambda data: data.drop(columns="plan"),
            "segments by 'plan': the data lacks the column, so that nothing is judged by them",
            id="without the column",
        ),
        pytest.param(
            lambda data: data.assign(size=data["size"].map(lambda size: f"size {size}")),
            "segments by 'size': 100 % of the rows have values that the baseline lacks; are they written otherwise?",
            id="of another type",
        ),
        pytest.param(
            lambda data: data.assign(plan=[f"secret {row}" for row in range(len(data))]),
            "segments by 'plan': 100 % of the rows have values that the baseline lacks",
            id="one row a segment",
        ),
        pytest.param(
            lambda data: data[data.plan != "secret"],
            {"features": "no data: no rows in the current data", "model": "the window has no rows in this segment"},
            id="without one segment",
        ),
    ],
)
def test_a_window_that_is_cut_otherwise_is_reported_in_a_sentence_and_the_rest_goes_on(
    jobs, kind, window, sentence, capsys
):
    window(rows(2)).to_csv(jobs.folder / "window.csv", index=False)
    ended = jobs(
        "monitor", "--dataset-source", "window.csv", "--baseline", kind, "--output-path", "out", *KINDS[kind], *LOCAL
    )
    document = read_checks(jobs.folder / "out" / "checks.json")
    sentences = [check.get("reason") or "" for check in document["checks"] if check.get("segment")]

    assert ended.status in (0, 4), (
        ended.said
    )  # 4: a column that is not there, or is another one, is a violation of its own
    assert any(
        (sentence if isinstance(sentence, str) else sentence[kind]) in text
        for text in [*(hint["description"] for hint in document.get("hints", ())), *sentences]
    )
    assert [check for check in document["checks"] if not check.get("segment") and check["status"] == "passed"]
    assert "secret" not in read_log(ended, capsys)


def read_log(ended, capsys):
    """What a job said, a guest of another test's session or not."""
    return ended.said + capsys.readouterr().err


@pytest.mark.parametrize("kind", KINDS)
def test_of_a_million_values_fifty_are_segments_and_the_log_says_how_many_rows_the_others_have(jobs, kind, capsys):
    flags = ("--dataset-source", "rows.csv", "--segments", "row", "--output-path", f"many-{kind}", *KINDS[kind], *LOCAL)
    rows(1).assign(row=[f"secret {row}" for row in range(ROWS)]).to_csv(jobs.folder / "rows.csv", index=False)
    ended = jobs("baseline", *flags)

    log_text = read_log(ended, capsys)
    assert ended.status == 0
    assert "segments by 'row': there are more than 50 values, and 95.8 % of the rows have others" in log_text
    assert "secret" not in log_text


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("cut", "sentence"),
    [
        ("colour", "segments: 'colour' of 'colour' is no column of the data; they are plan, size, label, prediction"),
        ("size:3:1", "segments: the bounds of 'size:3:1' are no rising numbers; write size:30:50"),
    ],
)
def test_a_baseline_that_cant_be_cut_so_ends_with_a_sentence(jobs, kind, cut, sentence, capsys):
    rows(1).to_csv(jobs.folder / "rows.csv", index=False)
    ended = jobs(
        "baseline", "--dataset-source", "rows.csv", "--segments", cut, "--output-path", "none", *KINDS[kind], *LOCAL
    )

    assert ended.status == 2
    assert sentence in read_log(ended, capsys)


def test_bias_is_cut_as_its_baseline_was(jobs):
    """A window without one of the columns is a hint, and the rest is judged."""
    (jobs.folder / "bias.json").write_text(
        json.dumps(
            {
                "label": "label",
                "label_values_or_threshold": [1],
                "facet": [{"name_or_index": "sex", "value_or_threshold": ["f"]}],
                "methods": {"pre_training_bias": {"methods": ["DPL"]}},
            }
        )
    )
    bias_flags = ("--analysis-type", "MODEL_BIAS", "--analysis-config", str(jobs.folder / "bias.json"), *LOCAL)
    bias_flags += ("--dataset-format", "csv")
    before, now = (rows(seed).assign(sex=np.arange(ROWS) % 3 % 2).replace({"sex": {0: "m", 1: "f"}}) for seed in (1, 2))
    now.loc[(now["size"] == 2) & (now.sex == "f"), "label"] = 0
    before.to_csv(jobs.folder / "people.csv", index=False)
    now.drop(columns="plan").to_csv(jobs.folder / "window.csv", index=False)

    cuts = ("--segments", "plan,size:2:3")
    baseline_job = jobs("baseline", "--dataset-source", "people.csv", "--output-path", "bias", *cuts, *bias_flags)
    ended = jobs("monitor", "--dataset-source", "window.csv", "--baseline", "bias", "--output-path", "out", *bias_flags)
    document = read_checks(jobs.folder / "out" / "checks.json")

    assert (baseline_job.status, ended.status) == (0, 0), baseline_job.said + ended.said
    assert {check["segment"] for check in document["checks"] if check["status"] == "violated"} == {"2<=size<3"}
    assert [hint["description"] for hint in document["hints"]] == [
        "segments by 'plan': the data lacks the column, so that nothing is judged by them"
    ]


def test_bias_is_cut_by_one_column_each(jobs, capsys):
    (jobs.folder / "bias.json").write_text(
        '{"label": "label", "label_values_or_threshold": [1], "facet": [{"name_or_index": "plan"}]}'
    )
    rows(1).to_csv(jobs.folder / "rows.csv", index=False)
    flags = ("--analysis-type", "MODEL_BIAS", "--analysis-config", str(jobs.folder / "bias.json"), *LOCAL)
    ended = jobs(
        *("baseline", "--dataset-source", "rows.csv", "--segments", "plan*size", "--output-path", "none", *flags)
    )

    assert ended.status == 2
    assert "segments: 'plan*size' has several columns; of bias rows are cut by one column each" in read_log(
        ended, capsys
    )


def merged_lines(data, kind):
    """Merged records with what the model was asked, as JSON or CSV."""
    for row, (plan, size, label, prediction) in enumerate(data.itertuples(index=False)):
        record = merged(str(label), str(prediction), time="2026-03-04T14:00:00Z")
        record["eventMetadata"]["eventId"] = str(row)
        request = record["captureData"]["endpointInput"]
        request["data"] = f"{plan},{size}"
        if kind == "json":
            request |= {"data": json.dumps({"plan": plan, "size": size}), "encoding": "JSON"}
        yield json.dumps(record) + "\n"


OF_MERGED = (*OF_MODEL[:4], *("--dataset-format", "merged", "--inference-attribute", "0"), *LOCAL)


@pytest.mark.parametrize(("kind", "plan", "size"), [("json", "plan", "size"), ("csv", "_c0", "_c1")])
def test_merged_records_are_cut_by_what_the_model_was_requested(jobs, kind, plan, size):
    """As the same rows of a table are: with errors in one plan alone that plan is named."""
    folder = jobs.folder / f"merged-{kind}"
    folder.mkdir()
    data = rows(2)
    bad = (data.plan == "secret") & (np.arange(ROWS) % 2 == 0)
    for name, window in (("before", rows(1)), ("now", data.assign(prediction=data.prediction ^ bad.astype(int)))):
        (folder / f"{name}.jsonl").write_text("".join(merged_lines(window, kind)))
        window.rename(columns={"plan": plan, "size": size}).to_csv(folder / f"{name}.csv", index=False)
    outcomes_by_form = {}
    for form, flags, end in (("records", OF_MERGED, "jsonl"), ("table", (*OF_MODEL, *LOCAL), "csv")):
        out = f"{folder.name}/{form}"
        cuts = f"{plan},{size}:2:3"
        check = jobs(
            *("baseline", "--dataset-source", f"{folder.name}/before.{end}", "--segments", cuts),
            *("--output-path", out, *flags),
        )
        assert check.status == 0, check.said
        check = jobs(
            *("monitor", "--dataset-source", f"{folder.name}/now.{end}", "--baseline", out),
            *("--output-path", f"{out}-now", *flags),
        )
        assert check.status == 0, check.said
        metrics = json.loads((jobs.folder / out / "metrics.json").read_text())
        checks = read_checks(jobs.folder / f"{out}-now" / "checks.json")["checks"]
        outcomes_by_form[form] = (
            metrics["segments"],
            [(each.get("segment"), each.get("status"), each.get("p")) for each in checks],
        )

    assert outcomes_by_form["records"] == outcomes_by_form["table"]
    assert f"{plan}=secret" in {
        segment for segment, status, _ in outcomes_by_form["records"][1] if status == "violated"
    }


def test_groups_of_merged_records_are_named_by_what_the_model_was_requested(jobs):
    """As those of the same rows of a table; a window takes the column from its baseline."""
    data = rows(1)[:400].assign(size=lambda frame: np.arange(len(frame)) // 10)
    checks_by_source = {}
    (jobs.folder / "users.jsonl").write_text("".join(merged_lines(data, "json")))
    data.to_csv(jobs.folder / "users.csv", index=False)
    for source, flags in (("users.jsonl", OF_MERGED), ("users.csv", (*OF_MODEL, *LOCAL))):
        out = f"of-{source}"
        source_flags = ("--dataset-source", source, *flags)
        assert jobs("baseline", *source_flags, "--group-column", "size", "--output-path", out).status == 0
        assert jobs("monitor", *source_flags, "--baseline", out, "--output-path", f"{out}-now").status == 0
        checks = read_checks(jobs.folder / f"{out}-now" / "checks.json")["checks"]
        checks_by_source[source] = [(check["metric"], check["m"], check.get("p")) for check in checks]

    assert checks_by_source["users.jsonl"] == checks_by_source["users.csv"]


def test_merged_records_that_lack_the_columns_of_a_tables_baseline_are_a_hint(jobs):
    lines = "".join(merged_lines(rows(2), "json")).replace("plan", "tariff").replace("size", "extent")
    (jobs.folder / "other.jsonl").write_text(lines)
    flags = ("--dataset-source", "other.jsonl", "--baseline", "model", "--output-path", "other", *OF_MERGED)

    ended = jobs("monitor", *flags)
    document = read_checks(jobs.folder / "other" / "checks.json")
    assert ended.status == 0, ended.said
    assert {hint["hint"] for hint in document["hints"]} == {"segments"}
    assert [check for check in document["checks"] if check["status"] == "passed"]


def test_a_column_that_the_model_was_not_asked_for_is_named(jobs, capsys):
    (jobs.folder / "one.jsonl").write_text("".join(merged_lines(rows(1)[:40], "json")))
    flags = ("--dataset-source", "one.jsonl", "--segments", "colour", "--output-path", "none", *OF_MERGED)

    ended = jobs("baseline", *flags)
    assert ended.status == 2
    assert "segments: 'colour' of 'colour' is no column of the data; they are plan, size" in read_log(ended, capsys)
