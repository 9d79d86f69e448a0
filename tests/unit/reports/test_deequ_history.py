"""Files of Deequ's metrics repository as history. tests/spark/deequ has one that Deequ wrote."""

import json
import math
import re
from datetime import datetime, timezone
from html import unescape

import pytest

from spark_model_monitor import report
from spark_model_monitor.cli import main as cli
from spark_model_monitor.errors import BadDocument
from spark_model_monitor.reports.history_page.history import read_run_history

MIDNIGHT = 1_767_225_600_000  # 2026-01-01
DAY = 86_400_000


def create_metric(name, instance, value, **analyzer):
    return {
        "analyzer": {"analyzerName": name, **analyzer},
        "metric": {
            "metricName": "DoubleMetric",
            "entity": "Column",
            "instance": instance,
            "name": name,
            "value": value,
        },
    }


def create_data_set(day, *metrics, **tags):
    return {
        "resultKey": {"dataSetDate": MIDNIGHT + day * DAY, "tags": tags},
        "analyzerContext": {"metricMap": list(metrics)},
    }


def write_file(folder, *data_sets):
    path = folder / "metrics.json"
    path.write_text(json.dumps(data_sets))
    return str(path)


def read_words(html):
    without_scripts = re.sub(r"<(script|style).*?</\1>", " ", html, flags=re.S)
    text = unescape(re.sub(r"<[^>]*>", " ", without_scripts))
    return re.sub(r"\s+", " ", text)


AGE = {"column": "age"}


def test_the_page_has_the_metrics_by_date_as_imported_and_judges_none(tmp_path, capsys):
    later = create_data_set(3, create_metric("Size", "*", 44.0), create_metric("StandardDeviation", "age", 8.25, **AGE))
    earlier = create_data_set(
        0, create_metric("Size", "*", 40.0), create_metric("StandardDeviation", "age", 7.5, **AGE)
    )
    path = write_file(tmp_path, later, earlier)

    assert cli(["report", path]) == 0

    page = tmp_path / "history.html"
    text = read_words(page.read_text())
    assert capsys.readouterr().out.startswith(f"{page}: 2 runs in 2 windows")
    assert "These metrics of Deequ are imported, and not judged." in text
    assert "2026-01-01 00:00 2026-01-04 00:00" in text
    assert "records 84" in text
    assert "age (StandardDeviation) 8.25" in text
    for untrue in ("✓", "✗", "Nothing was checked", "unchanged"):
        assert untrue not in text


def test_limits_and_patterns_choose_windows_and_metrics(tmp_path):
    path = write_file(
        tmp_path,
        *(
            create_data_set(day, create_metric("Mean", "age", day + 0.5), create_metric("Mean", "fee", 1.0))
            for day in range(4)
        ),
    )

    text = read_words(report(path, since="2026-01-02", last=2, features=["age*"]).html)

    assert "2026-01-03 00:00 2026-01-04 00:00" in text
    assert "2026-01-02" not in text
    assert "age (Mean) 3.5" in text
    assert "fee" not in text


def test_a_tag_names_the_data_set_but_one_of_each_result_does_not(tmp_path):
    regions = [(day, region) for day in (0, 1) for region in ("EU", "NA")]
    path = write_file(tmp_path, *(create_data_set(day, region=region, run=f"{day}{region}") for day, region in regions))
    alone = tmp_path / "alone"
    alone.mkdir()
    same_time = write_file(alone, create_data_set(0, region="EU"), create_data_set(0, region="NA"))

    assert [(series.model, series.run_indices) for series in read_run_history([path]).series] == [
        ("region=EU", [0, 1]),
        ("region=NA", [0, 1]),
    ]
    assert [series.model for series in read_run_history([same_time]).series] == ["region=EU", "region=NA"]
    assert read_run_history([same_time]).windows[0][0] == datetime(2026, 1, 1, tzinfo=timezone.utc)


def test_a_file_stands_beside_runs_of_ours(tmp_path):
    path = write_file(tmp_path, create_data_set(0, create_metric("Size", "*", 40.0)))
    statistics = tmp_path / "reports/2026/01/02/00"
    statistics.mkdir(parents=True)
    (statistics / "statistics.json").write_text('{"dataset": {"item_count": 9}, "features": [{"name": "age"}]}')

    text = read_words(report(path, tmp_path / "reports").html)

    assert "These metrics of Deequ are imported, and not judged." in text
    assert "metrics of Deequ, imported and not judged feature now over time Size 40" in text
    assert "None" not in text


def test_metrics_of_one_column_are_told_apart_and_distributions_left_out(tmp_path):
    names = {"metricName": "KeyedDoubleMetric", "entity": "Column", "instance": "age", "name": "ApproxQuantiles"}
    quantiles = {
        "analyzer": {"analyzerName": "ApproxQuantiles"},
        "metric": names | {"value": {"0.25": 5.0, "0.5": 6.0}},
    }
    failed = {"analyzer": {"analyzerName": "ApproxQuantiles"}, "metric": names}
    distribution = {"analyzer": {"analyzerName": "KLLSketch"}, "metric": {"metricName": "KLLMetric", "column": "age"}}
    mean = create_metric("Mean", "age", math.inf, **AGE)
    mean_of_some = create_metric("Mean", "age", 2.0, **AGE, where="fee > 1")
    median = create_metric("ExactQuantile", "age", 3.0, **AGE, quantile=0.5)
    size_of_some = create_metric("Size", "*", 4.0, where="fee > 1")
    data_set = create_data_set(0, mean, mean_of_some, median, size_of_some, quantiles, failed, distribution)
    path = write_file(tmp_path, data_set)

    run = read_run_history([path]).series[0].runs[0]

    assert {name: run.get_number("value", name) for name in run.names} == {
        "Size where fee > 1": 4.0,
        "age (ApproxQuantiles 0.25)": 5.0,
        "age (ApproxQuantiles 0.5)": 6.0,
        "age (ExactQuantile 0.5)": 3.0,
        "age (Mean)": None,
        "age (Mean where fee > 1)": 2.0,
    }
    assert run.identity.rows is None


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("[", "Invalid JSON: EOF while parsing a list at line 1 column 1"),
        ("", "Invalid JSON: EOF while parsing a value at line 1 column 0"),
        ('{"statistics": 1}', "Input should be a valid array"),
        ('[{"resultKey": {}, "analyzerContext": {"metricMap": []}}]', "0.resultKey.dataSetDate: Field required"),
        (
            json.dumps([create_data_set(1), create_data_set(0, create_metric("Mean", "age", "high"))]),
            "1.analyzerContext.metricMap.0.metric",
        ),
        (json.dumps([create_data_set(10**9)]), "0.resultKey.dataSetDate: Input should be less than"),
    ],
)
def test_a_bad_file_is_refused_with_the_place_and_the_reason(tmp_path, capsys, content, problem):
    path = tmp_path / "metrics.json"
    path.write_text(content)

    assert cli(["report", str(path)]) == 2

    assert f"{path}: is no file of Deequ's metrics repository: {problem}" in capsys.readouterr().err
    with pytest.raises(BadDocument):
        read_run_history([str(path)])
