"""Which segment a change is in without being told, and what is the same about its rows; a change of all rows names nothing."""

import gc
import json
import logging
import pickle
import re
import shutil
import weakref
from datetime import datetime, timedelta, timezone

import numpy as np
import pandas as pd
import pytest
from tests.entries import read_checks
from tests.unit.records.captured_lines import format_capture

from spark_model_monitor import DataQualityMonitor, cli, read_baseline, read_data, run_baseline, run_monitoring
from spark_model_monitor.errors import BadInput, BadState
from spark_model_monitor.reports.examples import read_example_rows

PLANS = ["basic", "business", "student"]
CITIES = ["Graz", "Linz", "Wien"]
MONITOR = DataQualityMonitor()
BEGAN = datetime(2024, 3, 4, 14, tzinfo=timezone.utc)


def users(rows, seed):
    """Business pays more, healthy or not."""
    random = np.random.default_rng(seed)
    plan = random.choice(PLANS, rows, p=[0.6, 0.06, 0.34])
    spend = random.normal(20, 5, rows) + np.where(plan == "business", 15, 0)
    return pd.DataFrame(
        {"plan": plan, "city": random.choice(CITIES, rows), "age": random.integers(18, 80, rows), "spend": spend}
    )


@pytest.fixture(scope="module")
def baseline():
    frame = users(20_000, seed=1)  # kept while the baseline is used
    yield run_baseline(frame, MONITOR, engine="local")
    del frame


def monitored(baseline, data, **monitor):
    return run_monitoring(data, DataQualityMonitor(**monitor), baseline, engine="local")


def segments(findings, column="spend"):
    return {finding.segment for finding in findings.results if finding.is_violation and finding.feature == column}


def in_business(data):
    return data.plan == "business"


def in_linz_and_old(data):
    return (data.city == "Linz") & (data.plan == "student")


@pytest.mark.parametrize(
    ("cities", "segment"),
    [
        pytest.param(in_business, "plan=business", id="a value of few rows"),
        pytest.param(in_linz_and_old, "plan=student & city=Linz", id="a pair of values"),
        pytest.param(lambda data: data.age >= 64, "age>=64", id="a range of numbers"),
    ],
)
def test_the_segment_of_a_change_is_named(baseline, cities, segment):
    data = users(5_000, seed=2)
    data.loc[cities(data), "spend"] *= 100
    segment_names = segments(monitored(baseline, data))

    assert {str(segment_name).split(">=")[0] for segment_name in segment_names} == {segment.split(">=")[0]}


def test_rows_that_lack_a_value_have_their_segment_named(baseline):
    data = users(5_000, seed=2)
    data.loc[data.city == "Wien", "spend"] = np.nan

    assert segments(monitored(baseline, data)) == {"city=Wien"}


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda data, some: data.spend + 30, id="all rows"),
        pytest.param(lambda data, some: data.spend.where(some, data.spend * 100), id="a third of the rows"),
        pytest.param(lambda data, some: data.spend.where(some), id="missing in a third"),
    ],
)
def test_a_change_that_is_everywhere_alike_names_no_segment(baseline, change):
    data = users(5_000, seed=3)
    data["spend"] = change(data, np.random.default_rng(4).random(5_000) < 2 / 3)
    findings = monitored(baseline, data)

    assert findings.count
    assert segments(findings) == {None}


def rentals(rows, seed):
    """Some rentals are free, and long ones are late more often."""
    random = np.random.default_rng(seed)
    minutes = random.gamma(2, 9, rows)
    return pd.DataFrame(
        {
            "fee": np.where(random.random(rows) < 0.3, 0, 1 + 0.15 * minutes).round(2),
            "minutes": minutes.round(2),
            "distance": (minutes * random.lognormal(-1.6, 0.2, rows)).round(3),
            "city": random.choice(CITIES, rows),
            "age": random.integers(18, 80, rows),
            "stars": random.integers(1, 6, rows),
            "late": (random.random(rows) < 1 / (1 + np.exp((18 - minutes) / 9))).astype(int),
        }
    )


@pytest.fixture(scope="module")
def rental_baseline():
    frame = rentals(20_000, seed=1)
    yield run_baseline(frame, MONITOR, engine="local")
    del frame


RENTAL_CHANGES = [
    pytest.param("late", lambda data: 1 - data.late, id="more of short rentals are late, and fewer of long ones"),
    pytest.param("minutes", lambda data: np.floor(data.minutes), id="the new value 0 is in short rentals only"),
]


@pytest.mark.parametrize(("column", "change"), RENTAL_CHANGES)
def test_a_change_of_all_rows_is_in_no_segment_if_other_changes_cancel_out(rental_baseline, column, change):
    for seed in (3, 5, 6):  # a pair named by chance needs several windows
        data = rentals(5_000, seed)
        data[column] = change(data)
        assert segments(monitored(rental_baseline, data), column) == {None}


@pytest.mark.parametrize(
    ("column", "change"), [("late", lambda data: 1), ("minutes", lambda data: 60 * data.minutes)], ids=["1", "seconds"]
)
def test_a_change_of_one_city_is_named_if_no_other_city_changed(rental_baseline, column, change):
    for seed in (3, 5, 6):
        data = rentals(5_000, seed)
        data[column] = data[column].where(data.city != "Linz", change(data))
        assert segments(monitored(rental_baseline, data), column) == {"city=Linz"}


def test_a_column_that_is_away_or_of_another_type_leaves_the_others_looked_at(baseline):
    data = users(5_000, seed=2)
    data.loc[in_business(data), "spend"] *= 100
    for changed in (data.drop(columns="city"), data.assign(city=range(5_000)), data.assign(age=None, more=1)):
        assert segments(monitored(baseline, changed)) == {"plan=business"}


def test_without_the_baselines_rows_no_segment_is_named(baseline):
    """A stream can't be read again; what a segment was is then unknown, and business has always paid more."""
    import pyarrow as pa

    stream = pa.Table.from_pandas(users(20_000, seed=1), preserve_index=False).to_reader()
    data = users(5_000, seed=2)
    data.loc[in_business(data), "spend"] *= 100

    assert segments(monitored(run_baseline(stream, MONITOR, engine="local"), data)) == {None}


def test_a_baseline_keeps_no_frame_alive_and_takes_none_along():
    frame = users(20_000, seed=1)
    data = users(5_000, seed=2)
    baseline = run_baseline(frame, MONITOR, engine="local")
    data.loc[in_business(data), "spend"] *= 100
    assert segments(monitored(baseline, data)) == {"plan=business"}

    sent = pickle.loads(pickle.dumps(baseline))
    reference = weakref.ref(frame)
    del frame
    gc.collect()
    assert reference() is None
    assert segments(monitored(baseline, data)) == {None}
    assert segments(monitored(sent, data)) == {None}


def test_a_baseline_on_disk_is_read_again_where_it_lies(baseline, tmp_path):
    users(20_000, seed=1).to_csv(tmp_path / "orders.csv", index=False)
    run_baseline(str(tmp_path / "orders.csv"), MONITOR, engine="local").write(str(tmp_path / "baseline"))
    data = users(5_000, seed=2)
    data.loc[in_business(data), "spend"] *= 100

    assert segments(monitored(read_baseline(str(tmp_path / "baseline")), data)) == {"plan=business"}
    (tmp_path / "orders.csv").unlink()
    assert segments(monitored(read_baseline(str(tmp_path / "baseline")), data)) == {None}


@pytest.mark.parametrize(
    ("flags", "is_nested"),
    [
        pytest.param(["--flatten-json"], True, id="nested objects"),
        pytest.param(["--missing-values", "none,?"], False, id="texts of missing values"),
        pytest.param(["--exclude-features-attribute", "city"], False, id="a column less"),
        pytest.param(["--set=accept_exponents=no"], False, id="exponents are texts"),
        pytest.param(["--flatten-json", "--exclude-features-attribute", "user.city"], True, id="both"),
    ],
)
def test_a_baseline_is_read_again_as_its_run_read_it(tmp_path, monkeypatch, flags, is_nested):
    monkeypatch.chdir(tmp_path)
    prefix = "user." if is_nested else ""

    def write(name, data):
        records = data.to_dict("records")
        lines = (json.dumps({"user": record} if is_nested else record) for record in records)
        (tmp_path / name).write_text("\n".join(lines))

    later = users(1_500, seed=2)
    later.loc[in_business(later), "spend"] *= 100
    write("orders.jsonl", users(4_000, seed=1))
    write("later.jsonl", later)
    for arguments in (
        ["baseline", "orders.jsonl", "--output-path", "baseline", *flags],
        ["monitor", "later.jsonl", "--baseline", "baseline", "--output-path", "report"],
    ):
        with pytest.raises(SystemExit) as ended:
            cli.main(arguments)
        assert ended.value.code == 0

    checks = read_checks(tmp_path / "report/checks.json")["checks"]
    violations = [check for check in checks if check["status"] == "violated"]
    assert {violation["segment"] for violation in violations} == {f"{prefix}plan=business"}


def test_nothing_is_read_again_by_healthy_windows_or_when_nobody_wants_it(baseline):
    broken = users(5_000, seed=2)
    broken.loc[in_business(broken), "spend"] *= 100
    for data, monitor in ((users(5_000, seed=9), {}), (broken, {"find_causes": False}), (broken, {"as_service": True})):
        with read_data(data, engine="local") as dataset:
            counted_rows = Counted(dataset.rows)
            object.__setattr__(dataset, "rows", counted_rows)
            findings = monitored(baseline, dataset, **monitor)
        assert segments(findings) <= {None}
        assert counted_rows.selections == 0


class Counted:
    """Rows that count how often some of their columns are selected, as the second reading does."""

    def __init__(self, rows):
        self._rows = rows
        self.selections = 0

    def __getattr__(self, name):
        return getattr(self._rows, name)

    def select_columns(self, names, called):
        self.selections += 1
        return self._rows.select_columns(names, called)


def test_names_of_segments_are_values_of_the_data(baseline, caplog):
    data = users(5_000, seed=2)
    data.loc[in_business(data), "spend"] *= 100
    with caplog.at_level(logging.INFO):
        findings = monitored(baseline, data)
    hidden = monitored(baseline, data, hide_values=True)

    assert "only in plan=business" in findings.summary()
    assert "business" not in str(findings.without_values.headline())
    assert "business" not in caplog.text
    assert b"business" not in hidden.files()["checks.json"]
    assert "only in one segment of plan" in hidden.summary()


# Where the rows of a change are from.


def captures(folder, is_bad, seed=5, files=40, rows=30, client=("2.3.0", "2.3.1", "2.2.9")):
    """An hour of records that know when they came, and from which client."""
    random = np.random.default_rng(seed)
    hour_folder = folder / "shop" / "AllTraffic" / "2024" / "03" / "04" / "14"
    hour_folder.mkdir(parents=True)
    for file in range(files):
        lines = []
        for row in range(rows):
            time = BEGAN + timedelta(seconds=3600 * (file * rows + row) // (files * rows))
            whose = str(random.choice(client, p=[0.6, 0.1, 0.3]))
            numbers = random.normal(10, 2, 2)
            numbers[0] *= 100 if is_bad(file=file, row=row, time=time, client=whose) else 1
            data = ",".join(f"{number:.3f}" for number in numbers)
            trace = f"trace={seed}-{file}-{row}"
            lines.append(format_capture(data, "1", trace, time, customAttributes=[f"client={whose}", trace]))
        (hour_folder / f"{file:03d}.jsonl").write_text("".join(lines))
    return str(folder)


@pytest.fixture(scope="module")
def traffic(tmp_path_factory):
    folder = captures(tmp_path_factory.mktemp("baseline"), lambda **_: False, seed=6)
    return run_baseline(folder, MONITOR, dataset_format="capture", engine="local")


@pytest.mark.parametrize(
    ("is_bad", "sentence"),
    [
        pytest.param(lambda client, **_: client == "2.3.1", "all from client 2.3.1", id="a client"),
        pytest.param(lambda file, **_: file in (5, 8, 30), "all from 3 of 40 files, the first at 14:07", id="files"),
        pytest.param(lambda time, **_: time.minute >= 45, "all from 14:45 on", id="from a time on"),
        pytest.param(lambda row, **_: row % 3 == 0, None, id="everywhere"),
    ],
)
def test_what_is_the_same_about_the_rows_is_stated(traffic, tmp_path, is_bad, sentence):
    findings = run_monitoring(captures(tmp_path, is_bad), MONITOR, traffic, dataset_format="capture", engine="local")
    causes = [finding.cause for finding in findings.results if finding.is_violation and finding.feature == "_c1"]

    assert causes
    if sentence is None:
        assert causes == [None] * len(causes)
    else:
        assert sentence in findings.summary()
        assert sentence.partition(" comes")[0] in findings.report().html


def test_the_value_that_records_have_in_common_is_hidden_like_others(traffic, tmp_path):
    path = captures(tmp_path, lambda client, **_: client == "2.3.1")
    monitor = DataQualityMonitor(hide_values=True)
    findings = run_monitoring(path, monitor, traffic, dataset_format="capture", engine="local")

    assert "all from one value of client" in findings.summary()
    assert b"2.3.1" not in findings.files()["checks.json"]


def test_a_file_says_from_which_row_on(tmp_path):
    users(6_000, seed=1).to_csv(tmp_path / "before.csv", index=False)
    data = users(6_000, seed=2)
    data.loc[4_500:, "spend"] *= 100
    data.to_csv(tmp_path / "now.csv", index=False)
    baseline = run_baseline(str(tmp_path / "before.csv"), MONITOR, engine="local")

    assert "all from row 4,500 of the file on" in monitored(baseline, str(tmp_path / "now.csv")).summary()


@pytest.mark.parametrize(
    "attributes",
    [
        pytest.param([None, 3, {"a": 1}], id="of other types"),
        pytest.param("x" * 1_000, id="endless"),
        pytest.param(["<b>&", "\u202e\x00=\x1b[31m"], id="hostile"),
        pytest.param(None, id="absent"),
    ],
)
def test_what_records_say_of_themselves_may_be_anything(traffic, tmp_path, attributes):
    path = captures(tmp_path, lambda row, **_: row < 12)
    for file in tmp_path.rglob("*.jsonl"):
        records = [json.loads(line) for line in file.read_text().splitlines()]
        for record in records[::2]:
            record["eventMetadata"]["customAttributes"] = attributes
        file.write_text("\n".join(map(json.dumps, records)) + "\n")

    assert run_monitoring(path, MONITOR, traffic, dataset_format="capture", engine="local").count


# The rows themselves.


def read_kept_rows(run, feature="spend", **source):
    return [line.split("\t") for line in read_example_rows(str(run), feature, **source)]


@pytest.fixture(scope="module")
def broken_once(tmp_path_factory):
    folder = tmp_path_factory.mktemp("broken")
    for name, seed in (("before", 1), ("now", 2)):
        data = users(3_000, seed).assign(order=[f"o-{row}" for row in range(3_000)])
        if name == "now":
            data.loc[in_business(data), "spend"] *= 100
        data.to_csv(folder / f"{name}.csv", index=False)
    monitor = DataQualityMonitor(keep_examples=5, id_column="order")
    baseline = run_baseline(str(folder / "before.csv"), MONITOR, engine="local")
    run = folder / "run"
    findings = run_monitoring(str(folder / "now.csv"), monitor, baseline, engine="local", output_path=str(run))
    findings.write(str(run))
    return folder


@pytest.fixture
def broken(broken_once, tmp_path):
    """A file of rows with ids, of which those of business are a hundred times too large; and a run that kept five of them."""
    shutil.copytree(broken_once, tmp_path, dirs_exist_ok=True)
    return tmp_path


def test_the_ids_of_the_first_rows_behind_a_violation_are_preserved(broken):
    data = pd.read_csv(broken / "now.csv")
    first = data[in_business(data)].order.head(5).tolist()

    assert [line[0] for line in read_kept_rows(broken / "run")] == first
    assert (broken / "run" / "examples.parquet").stat().st_mode & 0o077 == 0


def test_a_card_shows_five_ids_and_the_command_that_prints_the_rows(broken):
    data = pd.read_csv(broken / "now.csv")
    page = (broken / "run" / "report.html").read_text()

    assert f"rows: {', '.join(data[in_business(data)].order.head(5))}<" in page
    assert "spark-model-monitor rows run --source DATA -- spend" in page
    assert not any(b"o-" in file.read_bytes() for file in (broken / "run").glob("c*.json"))


@pytest.mark.parametrize(
    ("options", "command"),
    [
        pytest.param({"keep_examples": 9, "hide_values": True}, True, id="hidden values"),
        pytest.param({"keep_examples": 0}, False, id="none kept"),
    ],
)
def test_a_card_shows_no_id_that_is_hidden_or_was_not_preserved(broken, options, command):
    baseline = run_baseline(str(broken / "before.csv"), MONITOR, engine="local")
    monitor = DataQualityMonitor(id_column="order", **options)
    run = str(broken / "other")
    findings = run_monitoring(str(broken / "now.csv"), monitor, baseline, engine="local", output_path=run)
    page = findings.report().html

    assert "spend" in page
    assert "o-" not in page.replace("no-", "").partition("<body>")[2]
    assert ("spark-model-monitor rows FOLDER --source DATA -- spend" in page) == command


def test_a_card_shows_at_most_five_ids(broken):
    baseline = run_baseline(str(broken / "before.csv"), MONITOR, engine="local")
    monitor = DataQualityMonitor(id_column="order", keep_examples=9)
    run = str(broken / "other")
    findings = run_monitoring(str(broken / "now.csv"), monitor, baseline, engine="local", output_path=run)
    [rows] = re.findall(r"<p>rows: ([^<]*)</p>", findings.report().html)

    findings.write(run)
    assert len(read_kept_rows(run)) == 9
    assert len(rows.split(", ")) == 5


def test_with_the_source_the_rows_are_printed_with_the_offending_cells_marked(broken):
    data = pd.read_csv(broken / "now.csv", dtype=str)
    rows = read_kept_rows(broken / "run", source=str(broken / "now.csv"))
    expected = data[in_business(data)].head(5)

    assert [cells for _, cells in rows] == [
        f"plan=business, city={row.city}, age={row.age}, spend=>{row.spend}<, order={row.order}"
        for row in expected.itertuples()
    ]


def test_what_was_not_kept_is_stated(broken):
    with pytest.raises(BadInput, match=r"has no row of 'age'; it has rows of: spend"):
        read_kept_rows(broken / "run", "age")
    with pytest.raises(BadInput, match="no run was published here"):
        read_kept_rows(broken, "spend")
    frames = {"has none of the 5 rows": users(10, 3).assign(order="?"), "has no column 'order'": users(10, 3)}
    for message, frame in frames.items():
        frame.to_csv(broken / "other.csv", index=False)
        with pytest.raises(BadInput, match=message):
            read_kept_rows(broken / "run", source=str(broken / "other.csv"))
    examples = broken / "run" / "examples.parquet"
    examples.write_text("garbage")
    with pytest.raises(BadState, match=r"examples\.parquet: is no such file of ours"):
        read_kept_rows(broken / "run")
    examples.unlink()
    with pytest.raises(BadInput, match="--keep-examples 20"):
        read_kept_rows(broken / "run")


def test_captured_events_have_ids_of_their_own(traffic, tmp_path):
    path = captures(tmp_path / "now", lambda client, **_: client == "2.3.1")
    monitor = DataQualityMonitor(keep_examples=3)
    run = run_monitoring(
        path, monitor, traffic, dataset_format="capture", engine="local", output_path=str(tmp_path / "run")
    )
    run.write(str(tmp_path / "run"))
    lines = [line for file in sorted((tmp_path / "now").rglob("*.jsonl")) for line in file.read_text().splitlines()]
    behind = {json.loads(line)["eventMetadata"]["eventId"] for line in lines if '"client=2.3.1"' in line}
    ids = [line[0] for line in read_kept_rows(tmp_path / "run", "_c1")]

    assert len(set(ids)) == 3
    assert behind.issuperset(ids)


@pytest.mark.parametrize("column", ["nobody", "city"])
def test_ids_that_repeat_or_lack_are_no_error(baseline, tmp_path, column, caplog):
    data = users(5_000, seed=2)
    data.loc[in_business(data), "spend"] *= 100
    data.loc[in_business(data), "city"] = None
    monitor = DataQualityMonitor(keep_examples=5, id_column=column)
    findings = run_monitoring(data, monitor, baseline, engine="local", output_path=str(tmp_path))

    assert findings.count
    assert ("have no id" if column == "city" else "is no column of the data") in caplog.text


def test_ids_that_repeat_and_hold_hostile_text_are_printed_as_text(tmp_path):
    hostile = ["a\x1b[31m", "\u202e=cmd", "<script>", "o'; drop", "a\x1b[31m"]
    for name, seed in (("before", 1), ("now", 2)):
        data = users(3_000, seed).assign(order=[hostile[row % 5] for row in range(3_000)])
        if name == "now":
            data.loc[in_business(data), "spend"] *= 100
        data.to_parquet(tmp_path / f"{name}.parquet")
    run = str(tmp_path / "run")
    now = str(tmp_path / "now.parquet")
    baseline = run_baseline(str(tmp_path / "before.parquet"), MONITOR, engine="local")
    monitor = DataQualityMonitor(keep_examples=5, id_column="order")
    run_monitoring(now, monitor, baseline, engine="local", output_path=run).write(run)
    lines = [*read_example_rows(run, "spend"), *read_example_rows(run, "spend", now)]

    assert len(lines) > 5
    assert not any(sign in line for line in lines for sign in ("\x1b", "\u202e"))


def test_each_of_many_violated_features_has_examples(tmp_path):
    """Segments are searched for the six largest alarms alone, with examples or without."""
    names = [f"f{number}" for number in range(9)]
    random = np.random.default_rng(3)
    before, now = (pd.DataFrame(random.normal(size=(600, 9)), columns=names) for _ in range(2))
    now = now.assign(order=[f"o-{row}" for row in range(600)])
    now[names] += 3
    baseline = run_baseline(before.assign(order=now.order), DataQualityMonitor(), engine="local")
    run = str(tmp_path / "run")
    monitor = DataQualityMonitor(keep_examples=3, id_column="order")
    run_monitoring(now, monitor, baseline, engine="local", output_path=run).write(run)

    assert [len(read_kept_rows(run, name)) for name in names] == [3] * len(names)
