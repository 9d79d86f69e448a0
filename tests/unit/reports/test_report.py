"""The page of many runs says what their files say: what is wrong now, since when, and nothing of what is not there."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import shlex
import zlib
from collections.abc import Sequence
from datetime import date, datetime, timedelta, timezone
from html import unescape

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.run_descriptions import describe_run

from spark_model_monitor.cli import main as cli
from spark_model_monitor.documents.alarms import group_into_alarms
from spark_model_monitor.documents.check_results import CheckResult, CheckResults, CheckStatus
from spark_model_monitor.documents.outcome import judge_run
from spark_model_monitor.documents.run_description import RunDescription, RunWindow, format_moment
from spark_model_monitor.documents.statistics import Summary, SummaryRow
from spark_model_monitor.errors import BadConfiguration, BadDocument, BadInput
from spark_model_monitor.reports.history_page.history import find_trailing_start, read_run_history
from spark_model_monitor.reports.history_page.past_run import read_run
from spark_model_monitor.reports.history_page.report_command import HistoryRequest, create_report, main, report
from spark_model_monitor.reports.outputs.result_tables import encode_summary
from spark_model_monitor.reports.outputs.run_files import publish

MIDNIGHT = datetime(2026, 3, 4, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)
HOSTILE = "</script><script>alert(1)</script>"


def shares(bin_number: int) -> list[float]:
    fractions = [0.0] * 22
    fractions[bin_number] = 1.0
    return fractions


def drift(name: str, distance: float) -> CheckResult:
    if distance > 0.1:
        status = CheckStatus.VIOLATED
    else:
        status = CheckStatus.PASSED
    return CheckResult(
        feature=name, check="baseline_drift_check", status=status, observed=distance, threshold=0.1, method="Robust"
    )


def put(
    top,
    hour: int,
    distances: dict[str, float],
    *,
    baseline: str = "b1",
    window: bool = True,
    rows: int = 200,
    results: Sequence[CheckResult] = (),
):
    """Publish a run of data quality of an hour; a feature's mean is 100 × its distance, its median 300 ×."""
    start = MIDNIGHT + hour * HOUR
    results = results or [drift(name, distance) for name, distance in distances.items()]
    summary = Summary(
        tuple(
            SummaryRow(
                name,
                kind="number",
                present=rows - 5,
                missing=5,
                mean=100 * distance,
                quantiles=[300 * distance] * 7,
                shares=shares(3),
            )
            for name, distance in distances.items()
        ),
        {name: [0.0, 10.0] for name in distances},
    )
    described = describe_run(
        window=RunWindow(start=format_moment(start), end=format_moment(start + HOUR)) if window else None,
        model="churn",
        baseline_run_id=baseline,
        rows=rows,
        violations=sum(result.status is CheckStatus.VIOLATED for result in results),
        outcome=judge_run(results),
    )
    checks = CheckResults(outcome=described.outcome, checks=tuple(results))
    tables = encode_summary(summary, results)
    files = {
        RunDescription.FILE_NAME: described.to_json().encode(),
        CheckResults.FILE_NAME: checks.to_json().encode(),
        **tables,
    }
    folder = top / f"{start:%Y/%m/%d/%H}"
    publish(files, str(folder))
    return folder


@pytest.fixture
def day(tmp_path):
    """Four hours with a run, one without: `charge` drifts from the third on, `age` did in the first."""
    put(tmp_path, 0, {"age": 0.3, "charge": 0.0})
    put(tmp_path, 1, {"age": 0.0, "charge": 0.02})
    put(tmp_path, 3, {"age": 0.01, "charge": 0.5})
    put(tmp_path, 4, {"age": 0.0, "charge": 0.75})
    return tmp_path


@pytest.mark.parametrize("name", ["charge", "day mins", "it's", "$(touch taken)", "-v"])
def test_the_command_of_the_page_finds_its_run_in_the_folder_that_it_names(tmp_path, name):
    put(tmp_path, 0, {name: 0.75})

    page_text = words(create_report(HistoryRequest([str(tmp_path)])).html)

    command = re.search(r"(spark-model-monitor explain .*?) derives its numbers", page_text)[1]
    *_, folder, _, feature = shlex.split(command)
    assert feature == name
    assert (tmp_path / folder / "run.json").is_file()
    assert "FOLDER is the folder of this page" not in page_text


def words(html: str) -> str:
    shown = re.sub(r"<[^>]*>", " ", re.sub(r"<(script|style).*?</\1>", " ", html, flags=re.S))
    return re.sub(r"\s+", " ", unescape(shown))


def island(html: str) -> dict[str, object]:
    return json.loads(re.search(r'class="map-data">(.*?)</script>', html, re.S)[1])


def unpacked(text: object) -> np.ndarray:
    return np.frombuffer(zlib.decompress(base64.b64decode(str(text))), np.uint8)


def test_the_page_begins_with_what_is_wrong_since_when_and_by_how_much(day):
    page_text = words(create_report(HistoryRequest([str(day)])).html)

    first = page_text[page_text.index(" Changed ") : page_text.index("Every feature")]
    assert "In alert since 03:00: 1 of 2 features changed: charge" in page_text
    assert "windows with violations 3 of 4" in page_text
    assert "records 800" in page_text
    assert "since 03:00, 2 of 4 windows" in first
    assert first.index("charge") < first.index("Changed before violated in an earlier window") < first.index(" age ")
    assert "No change seen" not in first


def test_an_hour_without_a_run_is_an_empty_column(day):
    history = read_run_history([str(day)])

    assert history.labels[2] == "2026-03-04 02:00"
    assert history.count_violations() == [1, 0, None, 1, 1]
    assert "2026-03-04 02:00 – – no run" in words(create_report(HistoryRequest([str(day)])).html)


def test_the_page_says_the_last_runs_alarms_in_words(tmp_path):
    lacking = CheckResult(
        feature="device", check="completeness_check", status=CheckStatus.VIOLATED, observed=0.6, threshold=1.0, m=200
    )
    results = group_into_alarms(
        [
            lacking.model_copy(update={"change": "is missing in 40 % of the records, where none was"}),
            lacking.model_copy(update={"feature": "os"}),
        ],
        {"device": "2026-03-04T01:00:00Z"},
    )
    put(tmp_path, 3, {"device": 0.0, "os": 0.0}, results=results)

    text = words(create_report(HistoryRequest([str(tmp_path)])).html)

    sentences = "device, os. device is missing in 40 % of the records, where none was."
    assert f"2 of 2 features changed, the first since 01:00: {sentences}" in text


def unsure(name: str) -> CheckResult:
    members = {"smallest_change": 0.8, "change": "0.8 standard deviations"}
    texts = {"reason": "with 40 values a shift may go unseen", "advice": "take longer windows"}
    return drift(name, 0.0).model_copy(update={"status": CheckStatus.CANNOT_TELL, **members, **texts})


def test_what_nobody_can_tell_stands_by_itself_with_the_reason_and_what_to_do(tmp_path):
    put(tmp_path, 2, {"device": 0.0, "age": 0.0})
    put(tmp_path, 3, {"device": 0.0, "age": 0.0}, results=[unsure("device"), drift("age", 0.0)])

    html = create_report(HistoryRequest([str(tmp_path)])).html
    page_text = words(html)
    assert (
        "? Cannot tell whether 1 of 2 features changed: device; with 40 values a shift may go unseen. "
        "Next: take longer windows." in page_text
    )
    assert "There is nothing to do" not in page_text
    assert re.search(r"May have changed .* device .* No change seen 1 feature .* age", page_text)
    assert "windows that may have changed 1" in page_text
    assert "03:00 0 200 may have changed: device" in page_text
    assert 'class="verdict unsure"' in html
    assert re.findall(r'<[ai] (?:href="[^"]*" )?class="(\w+)"[^>]*>([✓?\d])<', html) == [("good", "✓"), ("unsure", "?")]


def test_runs_of_several_models_are_distinguished(tmp_path):
    put(tmp_path / "a", 0, {"age": 0.0})
    folder = put(tmp_path / "b", 0, {"age": 0.5})
    run = folder / json.loads((folder / "_current.json").read_text())["folder"] / "run.json"
    run.write_text(run.read_text().replace("churn", "loans"))

    page_text = words(create_report(HistoryRequest([str(tmp_path)])).html)

    assert "loans: 1 of 1 feature changed" in page_text
    assert "churn: No change seen in 1 feature" in page_text
    assert "loans: age" in page_text


def test_a_run_without_a_window_beside_others_is_named(day):
    left_out = put(day / "made", 0, {"age": 0.0}, window=False)
    left_out.rename(day / "once")
    for file in (day / "once").rglob("_current.json"):
        file.write_text(file.read_text().replace(str(left_out), str(day / "once")))

    assert "is left out: the run has no window" in words(create_report(HistoryRequest([str(day)])).html)


def test_daily_runs_of_an_hour_are_a_column_a_day_and_a_day_without_one_is_empty(tmp_path):
    for day_of_run in (0, 1, 3):
        put(tmp_path, 24 * day_of_run, {"age": 0.05})

    history = read_run_history([str(tmp_path)], None, None, None)

    assert [start for start, _ in history.windows] == [MIDNIGHT + timedelta(days=day_of_run) for day_of_run in range(4)]
    assert {end - start for start, end in history.windows} == {HOUR}


def test_the_map_has_every_distance_and_status(day):
    data = island(create_report(HistoryRequest([str(day)])).html)

    assert data["names"] == ["charge", "age"], "the worst first"
    assert unpacked(data["distances"]).reshape(2, 5).tolist() == [[0, 5, 255, 125, 188], [75, 0, 255, 2, 0]]
    assert unpacked(data["statuses"]).reshape(2, 5).tolist() == [[2, 2, 5, 0, 0], [0, 2, 5, 2, 2]]
    assert unpacked(data["shares"]).reshape(-1, 22)[:, 3].tolist() == [255] * 8
    assert data["bins"] == [["0", "10"]] * 2


def test_a_page_that_may_not_be_larger_says_what_it_leaves_out(day):
    small = create_report(HistoryRequest([str(day)], most_bytes="100B")).html

    assert "Distributions of 6 windows of features are left out" in words(small)
    assert unpacked(island(small)["cells"]).sum() == 2


@pytest.mark.parametrize(
    ("since", "until"),
    [
        ("2026-03-04T01:00:00Z", "2026-03-04T04:00"),
        (datetime(2026, 3, 4, 1), datetime(2026, 3, 4, 5, tzinfo=timezone(timedelta(hours=1)))),
    ],
)
def test_only_the_windows_and_features_that_are_asked_for(day, since, until):
    page_text = words(report(day, since=since, until=until, features=["ch*"]).html)

    assert "windows with violations 1 of 2" in page_text
    assert " age " not in page_text
    assert read_run_history([str(day)], last=2).labels == ("2026-03-04 03:00", "2026-03-04 04:00")


@pytest.mark.parametrize(
    ("request_of", "sentence"),
    [
        ({"since": "yesterday"}, "--since is 'yesterday'; write a time such as"),
        ({"last": 0}, "--last is 0; write how many windows"),
        ({"most_bytes": "much"}, "--max-size is 'much'; write a size such as 5MB"),
    ],
)
def test_a_flag_that_cant_be_read_is_one_sentence(day, request_of, sentence):
    with pytest.raises(BadConfiguration, match=re.escape(sentence)):
        create_report(HistoryRequest([str(day)], **request_of))


def test_a_name_that_nothing_matches_is_reported(day):
    with pytest.raises(BadInput, match="'incme', which no feature or metric matches"):
        create_report(HistoryRequest([str(day)], features=["incme"]))


def test_a_folder_without_runs_ends_with_a_sentence(tmp_path, capsys):
    status = cli(["report", str(tmp_path)])

    assert status == BadInput("x").exit_status
    assert f"{tmp_path}: no run here" in capsys.readouterr().err


def test_runs_of_other_times_than_asked_for_are_reported_as_such(day):
    with pytest.raises(BadInput, match=r"none of the \d+ runs here is of a window in these times"):
        report(day, since=date(2030, 1, 1))


def test_a_damaged_run_is_named_and_the_others_are_shown(day):
    folder = put(day, 5, {"age": 0.0, "charge": 0.0})
    published = json.loads((folder / "_current.json").read_text())["folder"]
    (folder / published / "summary.parquet").write_bytes(b"PAR1")

    page_text = words(create_report(HistoryRequest([str(day)])).html)

    assert "Runs that aren't shown" in page_text
    assert "runs shown 4 of 5" in page_text
    assert "summary.parquet: is no such file of ours" in page_text
    assert "windows with violations 3 of 4" in page_text


def summary_with(column, value, content):
    """A summary.parquet with one value all along a column; None: without the column."""
    table = pq.read_table(io.BytesIO(content))
    index = table.schema.get_field_index(column)
    remaining_table = table.remove_column(index)
    if value is None:
        changed_table = remaining_table
    else:
        changed_table = remaining_table.add_column(index, column, pa.array([value] * table.num_rows))
    written = io.BytesIO()
    pq.write_table(changed_table, written)
    return written.getvalue()


def bins(text):
    return base64.b64encode(zlib.compress(text))


@pytest.mark.parametrize("value", [None, 2**62, "text", [None], [1.5] * 30, datetime(2026, 3, 4)])
@pytest.mark.parametrize("column", ["name", "kind", "present", "mean", "quantiles", "shares", "status", "violated"])
def test_whatever_a_summary_holds_the_page_is_written(day, column, value):
    folder = put(day, 5, {"age": 0.9, "charge": 0.0})
    published = folder / json.loads((folder / "_current.json").read_text())["folder"] / "summary.parquet"
    published.write_bytes(summary_with(column, value, published.read_bytes()))

    assert "windows with violations" in words(create_report(HistoryRequest([str(day)])).html)


@pytest.mark.long
@pytest.mark.parametrize("make_bins", [b"", b"null", b"[" * 9999, b'{"age": 5}', b'{"age": [null, 1]}', b" " * 2**27])
def test_whatever_a_summary_says_of_its_bins_the_page_is_written(day, make_bins):
    folder = put(day, 5, {"age": 0.9, "charge": 0.0})
    published = folder / json.loads((folder / "_current.json").read_text())["folder"] / "summary.parquet"
    table = pq.read_table(published)
    pq.write_table(table.replace_schema_metadata({b"bins": bins(make_bins)}), published)

    page_text = words(create_report(HistoryRequest([str(day)])).html)

    assert "summary.parquet: is no summary of a run" in page_text


def test_a_statistics_json_of_anything_is_named(tmp_path):
    for hour, text in enumerate(("[" * 9999, '{"features": 5}', '{"features": [5]}', '{"dataset": 5}')):
        folder = tmp_path / f"2026/03/04/0{hour}"
        folder.mkdir(parents=True)
        (folder / "statistics.json").write_text(text)

    with pytest.raises(BadInput, match=r"no run here; 4 can't be read.*is no statistics.json"):
        read_run_history([str(tmp_path)])


def test_nothing_but_the_packaged_script_may_run_and_names_stay_text(day):
    put(day, 5, {HOSTILE: 0.9, "\u202egnp.exe": 0.9})

    html = create_report(HistoryRequest([str(day)])).html

    [script] = re.findall(r"<script>(.*?)</script>", html, re.S)
    allowed = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{allowed}'" in html
    assert HOSTILE not in html
    assert "\u202e" not in html
    assert island(html)["names"][0] in (HOSTILE, "\u202egnp.exe"), "as data, which the script writes as text"
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|Function\(", script)


def test_a_change_of_the_baseline_is_drawn(day):
    put(day, 5, {"age": 0.0, "charge": 0.0}, baseline="b2")

    assert "A grey line is where the baseline changed" in words(create_report(HistoryRequest([str(day)])).html)


def test_runs_that_name_no_window_are_called_by_their_folders(tmp_path):
    for name in ("first", "second"):
        run = put(tmp_path / "made", 0, {"age": 0.0 if name == "first" else 0.4}, window=False)
        run.rename(tmp_path / name)
        for file in (tmp_path / name).rglob("_current.json"):
            file.write_text(file.read_text().replace(str(run), str(tmp_path / name)))

    assert read_run_history([str(tmp_path / "first"), str(tmp_path / "second")]).labels == ("first", "second")


def test_the_same_runs_give_the_same_bytes(day):
    assert create_report(HistoryRequest([str(day)])).html == create_report(HistoryRequest([str(day)])).html


def test_the_command_says_where_the_page_is(day):
    out = io.StringIO()

    assert main(HistoryRequest([str(day)]), None, out) == 0

    assert out.getvalue().startswith(f"{day}/history.html: 4 runs in 5 windows, ")
    assert (day / "history.html").read_text().startswith("<!doctype html>")


@pytest.mark.parametrize("page_path", [None, "history.html", "./history.html", "{day}/history.html"])
def test_a_page_links_the_runs_below_it_however_its_path_is_written(day, page_path, monkeypatch):
    hour = day / f"{MIDNIGHT:%Y/%m/%d/%H}"
    (hour / "report.html").write_text("the page of the run")
    monkeypatch.chdir(day)
    path = page_path and page_path.format(day=day)

    assert main(HistoryRequest([str(day)]), path, io.StringIO()) == 0

    assert f'href="{hour.relative_to(day)}/report.html"' in (day / "history.html").read_text()


@pytest.mark.parametrize(
    ("flags", "since"),
    [([], None), ([True], 0), ([False, True, True], 1), ([True, False], None), ([True, False, True], 2)],
)
def test_an_alert_begins_with_the_first_of_the_last_violated_windows(flags, since):
    assert find_trailing_start(dict(enumerate(flags))) == since


def test_a_folder_of_the_service_is_a_page(golden):
    """What the service left: statistics, violations, no distances but those in its texts."""
    page_text = words(create_report(HistoryRequest([str(golden / "dq-cookbook" / "run")])).html)

    violations = json.loads((golden / "dq-cookbook" / "run" / "constraint_violations.json").read_text())["violations"]
    names = {each["feature_name"] for each in violations}
    assert f"{len(names)} of 5 features changed" in page_text
    first = page_text[page_text.index(" Changed ") : page_text.index("Every feature")]
    for violation in violations:
        check = violation["constraint_check_type"].removesuffix("_check").replace("_", " ")
        assert re.search(rf"{violation['feature_name']} .*{check}", first)


MEASURED = {"dataset": {"item_count": 9}, "binary_classification_metrics": {"recall": {"value": 0.5}, "au_prc": {}}}


def test_what_clarify_and_a_model_quality_run_left_are_pages_and_sides_to_compare(golden, tmp_path, capsys):
    """Only the files of the service: no run.json, no checks.json."""
    for name in ("clarify-explainability", "clarify-bias-no-group-variable"):
        (tmp_path / name).mkdir()
        content = (golden / "schema-examples" / f"{name}.analysis.json").read_bytes()
        (tmp_path / name / "analysis.json").write_bytes(content)
    (tmp_path / "quality").mkdir()
    (tmp_path / "quality" / "statistics.json").write_text(json.dumps(MEASURED))

    runs = [
        read_run(str(tmp_path / name))
        for name in ("clarify-explainability", "clarify-bias-no-group-variable", "quality")
    ]

    assert [run.identity.analysis_type for run in runs] == ["MODEL_EXPLAINABILITY", "MODEL_BIAS", "MODEL_QUALITY"]
    assert runs[0].get_number("value", "vehicle_claim (label0)") == 0.002683572276857348
    assert any(name.startswith("DPL (") for name in runs[1].names)
    assert (runs[2].names, runs[2].get_number("value", "recall"), runs[2].identity.rows) == (("recall",), 0.5, 9)
    for folder in map(str, (tmp_path / name for name in ("clarify-explainability", "quality"))):
        assert cli(["report", folder, "--output", str(tmp_path / "page.html")]) == 0
        assert cli(["compare", folder, folder]) == 0
        assert "0 of" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "sentence", "absent_count"),
    [
        ("constraint_violations.json", "2 features changed", "2 of 2"),
        ("statistics.json", "Nothing was checked", "0 of 0 features"),
    ],
)
def test_a_single_file_of_the_service_counts_only_what_it_knows(golden, tmp_path, name, sentence, absent_count):
    (tmp_path / name).write_bytes((golden / "dq-cookbook" / "run" / name).read_bytes())

    html = create_report(HistoryRequest([str(tmp_path)])).html

    assert sentence in words(html)
    assert absent_count not in words(html)
    assert "✓" not in words(html)


def test_a_report_of_the_service_without_violations_says_so_and_claims_no_count(tmp_path):
    (tmp_path / "constraint_violations.json").write_text('{"violations": []}')

    text = words(create_report(HistoryRequest([str(tmp_path)])).html)

    assert "No violation is reported; how much was checked, no file says." in text
    for untrue in ("Nothing was checked", "There is nothing to do", "Only metrics", "0 features"):
        assert untrue not in text


def test_reports_of_the_service_lie_where_their_folders_say_and_one_left_out_is_named(tmp_path):
    """The service writes the times of the captures that it was given, which reports of many hours may have in common."""
    times = {"start_time": "2022-04-18T00:00:00Z", "end_time": "2022-04-18T03:00:00Z"}
    content = json.dumps(MEASURED | {"dataset": {"item_count": 9, **times}})
    for folder in ("first/2022/04/18/03", "first/2022/04/18/04", "first/2022/04/18/05", "second/2022/04/18/05"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "statistics.json").write_text(content)

    history = read_run_history([str(tmp_path)])
    page_text = words(create_report(HistoryRequest([str(tmp_path)])).html)

    # The first is of the three hours that its statistics name, as they end where its folder does
    assert [(start.hour, end.hour) for start, end in history.windows] == [(0, 3), (3, 4), (4, 5)]
    assert "runs shown 3 of 4" in page_text
    assert "is left out: …/2022/04/18/05 is of the same window" in page_text


@pytest.mark.parametrize(
    "content", ["[]", "{", '{"explanations": 1}', '{"pre_training_bias_metrics": {"facets": {"a": [{}]}}}']
)
def test_an_analysis_json_of_anything_is_named(tmp_path, content):
    (tmp_path / "analysis.json").write_text(content)

    with pytest.raises(BadDocument, match="analysis.json: is no analysis.json"):
        read_run(str(tmp_path))


def test_a_history_without_a_model_is_named_after_its_folder(tmp_path):
    folder = put(tmp_path / "orders", 0, {"age": 0.0})
    run = folder / json.loads((folder / "_current.json").read_text())["folder"] / "run.json"
    run.write_text(run.read_text().replace('"churn"', "null"))

    page = create_report(HistoryRequest([str(tmp_path / "orders")])).page
    assert page.title == "orders"
    assert page.tab_title.startswith("orders, 4 March 2026")
