"""Segments by the command, of features and of a model: columns by which no window, or no baseline, can be cut."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from tests.running_jobs import JobsHere

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
        made = jobs(
            "baseline", "--dataset-source", "rows.csv", "--segments", "plan,size", "--output-path", kind, *flags, *LOCAL
        )
        assert made.status == 0, made.said
    return jobs


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("window", "told"),
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
def test_a_window_that_is_cut_otherwise_is_told_in_a_sentence_and_the_rest_goes_on(jobs, kind, window, told, capsys):
    window(rows(2)).to_csv(jobs.folder / "window.csv", index=False)
    ended = jobs(
        "monitor", "--dataset-source", "window.csv", "--baseline", kind, "--output-path", "out", *KINDS[kind], *LOCAL
    )
    document = json.loads((jobs.folder / "out" / "checks.json").read_text())
    sentences = [each.get("reason") or "" for each in document["checks"] if each.get("segment")]

    assert ended.status in (0, 4), (
        ended.said
    )  # 4: a column that is not there, or is another one, is a violation of its own
    assert any(
        (told if isinstance(told, str) else told[kind]) in said
        for said in [*(each["description"] for each in document.get("hints", ())), *sentences]
    )
    assert [each for each in document["checks"] if not each.get("segment") and each["status"] == "passed"]
    assert "secret" not in told_by(ended, capsys)


def told_by(ended, capsys):
    """What a job said, a guest of another test's session or not."""
    return ended.said + capsys.readouterr().err


@pytest.mark.parametrize("kind", KINDS)
def test_of_a_million_values_fifty_are_segments_and_the_log_says_how_many_rows_the_others_have(jobs, kind, capsys):
    flags = ("--dataset-source", "rows.csv", "--segments", "row", "--output-path", f"many-{kind}", *KINDS[kind], *LOCAL)
    rows(1).assign(row=[f"secret {row}" for row in range(ROWS)]).to_csv(jobs.folder / "rows.csv", index=False)
    ended = jobs("baseline", *flags)

    said = told_by(ended, capsys)
    assert ended.status == 0
    assert "segments by 'row': there are more than 50 values, and 95.8 % of the rows have others" in said
    assert "secret" not in said


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("cut", "told"),
    [
        ("colour", "segments: 'colour' of 'colour' is no column of the data; they are plan, size, label, prediction"),
        ("size:3:1", "segments: the bounds of 'size:3:1' are no rising numbers; write size:30:50"),
    ],
)
def test_a_baseline_that_cant_be_cut_so_ends_with_a_sentence(jobs, kind, cut, told, capsys):
    rows(1).to_csv(jobs.folder / "rows.csv", index=False)
    ended = jobs(
        "baseline", "--dataset-source", "rows.csv", "--segments", cut, "--output-path", "none", *KINDS[kind], *LOCAL
    )

    assert ended.status == 2
    assert told in told_by(ended, capsys)


def test_merged_records_have_no_columns_to_cut_by(jobs, capsys):
    ended = jobs(
        *("baseline", "--dataset-source", "rows.csv", "--dataset-format", "merged", "--segments", "plan"),
        *("--output-path", "none", *OF_MODEL, *LOCAL),
    )

    assert ended.status == 2
    assert (
        "segments: merged records have no columns to cut rows by; write --dataset-format csv, json or parquet"
        in told_by(ended, capsys)
    )
